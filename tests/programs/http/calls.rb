# SPDX-License-Identifier: Apache-2.0
# What Net::HTTP is made to ask. usage: calls.rb PORT
require 'net/http'
require 'stringio'

PORT = ARGV[0].to_i

def connect(timeout = 20, proxy: nil)
  http = Net::HTTP.new(proxy ? 'shop.example' : '127.0.0.1', proxy ? 80 : PORT, proxy, proxy && PORT)
  http.read_timeout = timeout
  http.max_retries = 0
  http.start
end

def ask(http, kind, path)
  request = kind.new(path)
  yield request if block_given?
  answer = http.request(request)
  puts "#{request.method} #{path} #{answer.code} #{answer.body.inspect}"
rescue SystemCallError, IOError, Timeout::Error => error
  puts "#{request.method} #{path} #{error.class}"
end

kept = connect
ask(kept, Net::HTTP::Get, '/ok?token=hunter2')
ask(kept, Net::HTTP::Get, '/chunked')
ask(kept, Net::HTTP::Post, '/echo') { |request| request.body = 'hello' }
ask(kept, Net::HTTP::Post, '/echo') do |request|
  request['Transfer-Encoding'] = 'chunked'
  request.body_stream = StringIO.new('hello')
end
ask(kept, Net::HTTP::Head, '/ok')
ask(kept, Net::HTTP::Get, '/missing')
ask(kept, Net::HTTP::Get, '/fail')
ask(kept, Net::HTTP::Get, '/redirect')
ask(kept, Net::HTTP::Get, '/close')
ask(connect, Net::HTTP::Get, '/reset')
ask(connect(0.5), Net::HTTP::Get, '/slow')
ask(connect(proxy: '127.0.0.1'), Net::HTTP::Get, '/ok')
