<?php
// SPDX-License-Identifier: Apache-2.0
// The matrix's application for PHP's own server: `php -S HOST:PORT -t FOLDER router.php`. The
// server itself serves /file from the folder.

const PIECE = 65536;

function content(int $count): string
{
    $period = implode(array_map('chr', range(0, 250)));
    return substr(str_repeat($period, intdiv($count, 251) + 1), 0, $count);
}

function answer(int $code, string $body): void
{
    http_response_code($code);
    header('Content-Type: application/octet-stream');
    header('Content-Length: ' . strlen($body));
    echo $body;
}

function status(int $code): void
{
    if ($code == 204 || $code == 304)
        http_response_code($code);
    else
        answer($code, "status $code\n");
}

function echo_digest(): void
{
    $body = file_get_contents('php://input');
    answer(200, sprintf("%d %08x\n", strlen($body), crc32($body)));
}

/* Without a length: the server ends it by closing. */
function stream(int $count): void
{
    header('Content-Type: application/octet-stream');
    foreach (str_split(content($count), PIECE) as $piece) {
        echo $piece;
        flush();
    }
}

$path = explode('/', parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));
switch ($path[1]) {
case 'file':
    return false;
case 'status':
    status((int)$path[2]);
    break;
case 'bytes':
    answer(200, content((int)$path[2]));
    break;
case 'chunked':
    stream((int)$path[2]);
    break;
case 'echo':
    echo_digest();
    break;
default:
    answer(404, "status 404\n");
}
