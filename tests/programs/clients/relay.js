// SPDX-License-Identifier: Apache-2.0
// Answers GET with what an origin answers to the same target, asked with http.request() on kept
// connections or with fetch().
'use strict';
const http = require('http');

const [port, origin, how] = process.argv.slice(2);
const agent = new http.Agent({keepAlive: true});

function request(target) {
    return new Promise((resolve, reject) => {
        http.get({host: '127.0.0.1', port: origin, path: target, agent}, (answer) => {
            const body = [];
            answer.on('data', (data) => body.push(data)).on('error', reject).on('end', () => {
                resolve([answer.statusCode, Buffer.concat(body)]);
            });
        }).on('error', reject);
    });
}

async function fetched(target) {
    const answer = await fetch(`http://127.0.0.1:${origin}${target}`);
    return [answer.status, Buffer.from(await answer.arrayBuffer())];
}

const ask = how === 'fetch' ? fetched : request;
http.createServer(async (incoming, outgoing) => {
    const [status, body] = await ask(incoming.url).catch(() => [502, Buffer.from('bad\n')]);
    outgoing.writeHead(status, {'Content-Length': body.length}).end(body);
}).listen(port, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
