<?php
// SPDX-License-Identifier: Apache-2.0
// What PHP's streams are made to ask. usage: calls.php PORT
[, $port] = $argv;

function ask($method, $path, $options = []) {
    global $port;
    $url = str_starts_with($path, '/') ? "http://127.0.0.1:$port$path" : $path;
    $context = stream_context_create(['http' => ['method' => $method, 'ignore_errors' => true,
                                                 'timeout' => 20, ...$options]]);
    $text = @file_get_contents($url, false, $context);
    $status = $http_response_header[0] ?? 'none';
    echo "$method $path $status ", var_export($text, true), "\n";
}

ask('GET', '/ok?token=hunter2');
ask('GET', '/chunked', ['protocol_version' => 1.1]);
ask('POST', '/echo', ['content' => 'hello', 'header' => 'Content-Type: text/plain']);
ask('HEAD', '/ok');
ask('GET', '/missing');
ask('GET', '/fail');
ask('GET', '/redirect');
ask('GET', '/close');
ask('GET', '/reset');
ask('GET', '/slow', ['timeout' => 0.5]);
ask('GET', 'http://shop.example/ok', ['proxy' => "tcp://127.0.0.1:$port", 'request_fulluri' => true]);
