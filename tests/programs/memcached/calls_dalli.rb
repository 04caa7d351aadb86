# SPDX-License-Identifier: Apache-2.0
# What dalli is made to ask, by the binary protocol. usage: calls_dalli.rb PORT SESSION
require 'dalli'

port, session = ARGV
client = Dalli::Client.new("127.0.0.1:#{port}")
p client.set('user:42', 'hunter', nil, raw: true).class
p client.get('user:42', raw: true), client.get('none')
p client.get_multi('user:42', 'none', 'a').keys
p client.add('user:42', 'hunter', nil, raw: true), client.delete('none')
p client.incr('n', 1, nil, 5), client.incr('n', 2)
p client.touch('n', 100)
client.multi { client.set('a', 'hunter', nil, raw: true); client.set('b', 'hunter', nil, raw: true) }
p client.get('a', raw: true)
p client.get("session:#{session}")
p client.set('big', 'hunter' * 100_000, nil, raw: true).class, client.get('big', raw: true).length
p client.flush.length
client.close
