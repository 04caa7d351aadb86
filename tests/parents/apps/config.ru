# SPDX-License-Identifier: Apache-2.0
# A Rack application, for puma.
require_relative 'calls'

run(lambda do |env|
  _, name, request = env['PATH_INFO'].split('/')
  if name == 'work'
    env['rack.input'].read
    sql(1, request)
    http(request)
    sql(2, request)
  end
  body = "#{request || name}\n"
  [200, { 'Content-Type' => 'text/plain', 'Content-Length' => body.bytesize.to_s }, [body]]
end)
