# SPDX-License-Identifier: Apache-2.0
# What redis-rb is made to ask. usage: calls.rb PORT PASSWORD SESSION
require 'redis'
port, password, session = ARGV
connect = -> { Redis.new(host: '127.0.0.1', port: port.to_i, password: password, db: 1) }

client = connect.call
p client.set('user:42', 'hunter')
p client.get('user:42')
begin
  client.lpush('user:42', 'hunter')
rescue Redis::CommandError => e
  puts e.message
end
p(client.pipelined { |all| all.get('a'); all.get('b') })
p(client.pipelined { |all| all.set('a', 'hunter'); all.incr('n') })
p(client.multi { |all| all.set('a', 'hunter'); all.incr('n') })
reader = connect.call
reader.subscribe_with_timeout(10, 'news') do |on|
  on.subscribe { |*all| p all; p client.publish('news', 'hunter') }
  on.message { |*all| p all; reader.unsubscribe }
end
p client.get("PHPREDIS_SESSION:#{session}")
p client.echo('hunter' * 100_000).size
