// SPDX-License-Identifier: Apache-2.0
// Asks another server for each path that it is asked for, twice on kept connections.
// usage: relay.js PORT UPSTREAM
'use strict';
const http = require('http');

const agent = new http.Agent({ keepAlive: true });

function ask(path, then) {
  http.get({ port: process.argv[3], host: '127.0.0.1', path, agent }, (answer) => {
    let text = '';
    answer.on('data', (part) => { text += part; });
    answer.on('end', () => then(text));
  });
}

http.createServer((request, answer) => {
  ask(request.url, () => ask(request.url, (text) => answer.end(text)));
}).listen(Number(process.argv[2]), '127.0.0.1');
