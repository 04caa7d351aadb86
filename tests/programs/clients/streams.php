<?php
// SPDX-License-Identifier: Apache-2.0

function content(int $size): string
{
    $bytes = '';
    for ($i = 0; $i < 251; $i++)
        $bytes .= chr($i);
    return substr(str_repeat($bytes, intdiv($size, 251) + 1), 0, $size);
}

foreach (file($argv[1], FILE_IGNORE_NEW_LINES) as $line) {
    [$number, $method, $url, $body, $milliseconds, $way] = explode(' ', $line);
    $options = ['method' => $method, 'ignore_errors' => true, 'protocol_version' => 1.1,
                'timeout' => $milliseconds ? $milliseconds / 1000 : 60];
    if ($body != '-')
        $options += ['content' => content((int)explode(':', $body)[1]),
                     'header' => 'Content-Type: application/octet-stream'];
    if ($way == 'proxy')
        $options += ['proxy' => "tcp://$argv[2]", 'request_fulluri' => true];
    $http_response_header = [];
    error_clear_last();
    $text = @file_get_contents($url, false, stream_context_create(['http' => $options]));
    if ($text === false) {
        // What comes last says why; before it there is the function, and the URL.
        echo "$number failed ", preg_replace('/.*: /', '', error_get_last()['message'] ?? ''), "\n";
        continue;
    }
    $status = 0;
    foreach ($http_response_header as $field)
        if (preg_match('#^HTTP/1\.\d (\d+)#', $field, $found))
            $status = $found[1];
    printf("%s %d %d %08x\n", $number, $status, strlen($text), crc32($text));
}
