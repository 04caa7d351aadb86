<?php
// SPDX-License-Identifier: Apache-2.0
// What php-memcached is made to ask. usage: calls.php PORT SESSION
[, $port, $session] = $argv;

$client = new Memcached();
$client->setOption(Memcached::OPT_COMPRESSION, false);
$client->addServer('127.0.0.1', (int)$port);
var_dump($client->set('user:42', 'hunter'));
var_dump($client->get('user:42'), $client->get('none'));
var_dump($client->getMulti(['user:42', 'none', 'a']));
var_dump($client->add('user:42', 'hunter'), $client->replace('user:42', 'hunter'));
var_dump($client->append('user:42', 'hunter'), $client->prepend('user:42', 'hunter'));
var_dump($client->set('n', 1), $client->increment('n', 5), $client->decrement('n', 2));
var_dump($client->touch('n', 100), $client->delete('n'), $client->delete('n'));
var_dump($client->get("session:$session"));
var_dump($client->set('big', str_repeat('hunter', 100000)), strlen($client->get('big')));
var_dump($client->flush());
