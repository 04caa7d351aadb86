# SPDX-License-Identifier: Apache-2.0
require 'net/http'
require 'stringio'
require 'zlib'

Step = Struct.new(:number, :method, :url, :body, :chunked, :timeout, :way, :kept)

def steps
  File.readlines(ARGV[0], chomp: true).map do |line|
    number, method, url, body, milliseconds, way, connection = line.split
    kind, size = body.split(':')
    bytes = kind == '-' ? nil : (0...size.to_i).map { |i| i % 251 }.pack('C*')
    Step.new(number, method, URI(url), bytes, kind == 'chunked',
             milliseconds == '0' ? 60 : milliseconds.to_i / 1000.0, way, connection == 'kept')
  end
end

def connection(step)
  proxy = step.way == 'proxy' ? ARGV[1].split(':') : [nil, nil]
  http = Net::HTTP.new(step.url.host, step.url.port, *proxy)
  http.read_timeout = step.timeout
  http.start
end

def request(step)
  request = Net::HTTP.const_get(step.method.capitalize).new(step.url.request_uri)
  if step.chunked
    request['Transfer-Encoding'] = 'chunked'
    request.body_stream = StringIO.new(step.body)
  else
    request.body = step.body
  end
  request['Content-Type'] = 'application/octet-stream' if step.body
  request
end

$stdout.sync = true
kept = nil
steps.each do |step|
  if kept && !step.kept
    kept.finish
    kept = nil
  end
  http = nil
  begin
    http = kept || connection(step)
    answer = http.request(request(step))
    body = answer.body || ''
    puts format('%s %s %d %08x', step.number, answer.code, body.bytesize, Zlib.crc32(body))
  rescue StandardError => error
    puts "#{step.number} failed #{error.class}"
  end
  if step.kept
    kept = http
  elsif http&.started?
    http.finish
  end
end
kept&.finish
