# SPDX-License-Identifier: Apache-2.0
# The calls of a request, by libmariadb and libcurl, for the applications in Ruby.
require 'curb'
require 'mysql2'

UPSTREAM = ENV.fetch('UPSTREAM')

def connect
  Mysql2::Client.new(
    host: ENV.fetch('DB_HOST'), port: ENV.fetch('DB_PORT').to_i, username: ENV.fetch('DB_USER'),
    password: ENV.fetch('DB_PASSWORD'), database: ENV.fetch('DB_NAME'))
end

def statement(number, request)
  "SELECT #{number} AS r#{request}"
end

# The calling thread's connection and handle; a fiber's would be Thread.current[].
def own(name)
  thread = Thread.current
  thread.thread_variable_get(name) || thread.thread_variable_set(name, yield)
end

def sql(number, request)
  own(:connection) { connect }.query(statement(number, request)).to_a
end

def http(request)
  handle = own(:handle) { Curl::Easy.new }
  handle.url = "#{UPSTREAM}/up/#{request}"
  handle.perform
end
