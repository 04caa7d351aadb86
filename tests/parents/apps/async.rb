# SPDX-License-Identifier: Apache-2.0
# async-http: one thread, a fiber for each connection. Statements wait in the loop, and so do the
# requests for one of four connections that they share.
require 'async'
require 'async/http/endpoint'
require 'async/http/server'
require 'async/queue'
require_relative 'calls'

PAUSES_SECONDS = [0, 0.001, 0.003].freeze
POOL = 4

# An answer that other fibers don't have to wait for.
def sql_meanwhile(pool, text)
  connection = pool.dequeue
  connection.query(text, async: true)
  Async::Wrapper.new(IO.for_fd(connection.socket, autoclose: false)).wait_readable
  connection.async_result.to_a
ensure
  pool.enqueue(connection) if connection
end

def work(pool, request)
  sql_meanwhile(pool, statement(1, request))
  http(request) # curb knows no fibers
  Async::Task.current.sleep(PAUSES_SECONDS.sample)
  sql_meanwhile(pool, statement(2, request))
end

Async do
  pool = Async::Queue.new
  POOL.times { pool.enqueue(connect) }
  endpoint = Async::HTTP::Endpoint.parse("http://127.0.0.1:#{ENV.fetch('PORT')}")
  server = Async::HTTP::Server.for(endpoint) do |request|
    _, name, number = request.path.split('/')
    if name == 'work'
      request.finish # the body
      work(pool, number)
    end
    Protocol::HTTP::Response[200, { 'content-type' => 'text/plain' }, ["#{number || name}\n"]]
  end
  server.run
end
