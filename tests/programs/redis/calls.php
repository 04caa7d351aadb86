<?php
// SPDX-License-Identifier: Apache-2.0
// What phpredis is made to ask. usage: calls.php PORT PASSWORD SESSION
[, $port, $password, $session] = $argv;

function connect() {
    global $port, $password;
    $client = new Redis();
    $client->connect('127.0.0.1', (int)$port);
    $client->auth($password);
    $client->select(1);
    return $client;
}

$client = connect();
var_dump($client->set('user:42', 'hunter'));
var_dump($client->get('user:42'));
var_dump($client->lPush('user:42', 'hunter'), $client->getLastError());
var_dump($client->multi(Redis::PIPELINE)->get('a')->get('b')->exec());
var_dump($client->multi(Redis::PIPELINE)->set('a', 'hunter')->incr('n')->exec());
var_dump($client->multi()->set('a', 'hunter')->incr('n')->exec());
// Its subscribe() blocks until the first message: nothing of one process could send that.
var_dump(connect()->publish('news', 'hunter'));
var_dump($client->get("PHPREDIS_SESSION:$session"));
var_dump(strlen($client->echo(str_repeat('hunter', 100000))));
