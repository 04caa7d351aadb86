# SPDX-License-Identifier: Apache-2.0
# What Cache::Memcached::Fast is made to ask. usage: calls_fast.pl PORT SESSION
use strict;
use warnings;
use Cache::Memcached::Fast;

my ($port, $session) = @ARGV;
my $client = Cache::Memcached::Fast->new({servers => ["127.0.0.1:$port"]});
sub show { print join(' ', map { $_ // 'undef' } @_), "\n" }

show($client->set('user:42', 'hunter'));
show($client->get('user:42'), $client->get('none'));
show(join ',', sort keys %{$client->get_multi('user:42', 'none', 'a')});
$client->set_multi(['a', 'hunter'], ['b', 'hunter']);
my ($cas, $value) = @{$client->gets('a')};
show($value, $client->cas('a', $cas, 'hunter2'), $client->cas('a', $cas, 'hunter3'));
show($client->add('a', 'hunter'), $client->replace('a', 'hunter'));
show($client->append('a', 'hunter'), $client->prepend('a', 'hunter'));
show($client->set('n', 1), $client->incr('n', 5), $client->decr('n', 2));
show($client->touch('n', 100), $client->delete('n'), $client->delete('n'));
$client->set('n', 'hunter');    # without an answer in void context
show($client->get('n'));
show($client->get("session:$session"));
show($client->set('big', 'hunter' x 100000), length $client->get('big'));
$client->flush_all;
$client->nowait_push;
show('done');
