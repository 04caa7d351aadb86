// SPDX-License-Identifier: Apache-2.0
// What node's http is made to ask. usage: calls.js PORT
'use strict';
const http = require('http');

const port = Number(process.argv[2]);
const kept = new http.Agent({ keepAlive: true, maxSockets: 1 });

function ask(method, path, options = {}) {
  const { body, chunks, timeout, ...more } = options;
  return new Promise((resolve) => {
    const end = (text) => { console.log(method, path, text); resolve(); };
    const headers = body ? { 'Content-Length': body.length } : {};
    const request = http.request({ host: '127.0.0.1', port, method, path, headers, ...more });
    request.on('response', (answer) => {
      let text = '';
      answer.on('data', (part) => { text += part; });
      answer.on('end', () => end(`${answer.statusCode} ${text}`));
      answer.on('error', (error) => end(error.code));
    });
    request.on('connect', (answer, socket) => {
      socket.on('close', () => end(`${answer.statusCode}`));
      socket.destroy();
    });
    request.on('error', (error) => end(error.code));
    if (timeout)
      request.setTimeout(timeout, () => request.destroy());
    for (const chunk of chunks || [])
      request.write(chunk);
    request.end(body);
  });
}

(async () => {
  const agent = kept;
  await ask('GET', '/ok?token=hunter2', { agent });
  await ask('GET', '/chunked', { agent });
  await ask('POST', '/echo', { agent, body: 'hello' });
  await ask('POST', '/echo', { agent, chunks: ['hel', 'lo'] });
  await ask('HEAD', '/ok', { agent });
  await ask('GET', '/missing', { agent });
  await ask('GET', '/fail', { agent });
  await ask('GET', '/redirect', { agent });
  await ask('GET', '/close', { agent });
  await ask('GET', '/reset');
  await ask('GET', '/slow', { timeout: 500 });
  await ask('GET', 'http://shop.example/ok', { headers: { Host: 'shop.example' } });
  await ask('CONNECT', 'shop.example:80');
  kept.destroy();
})();
