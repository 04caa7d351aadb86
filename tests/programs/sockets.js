// SPDX-License-Identifier: Apache-2.0
// sockets.js FD [FILE]: serves on an inherited listening socket; answers every request with its
// path. With FILE each request first opens and reads it, and writes an
// answer into another: libuv closes connections by syscall(), so
// the numbers that open() gives it have been connections'.
'use strict';
const fs = require('fs');
const http = require('http');
const [fd, file] = process.argv.slice(2);

http.createServer((request, response) => {
  request.resume();
  request.on('end', async () => {
    if (file) {
      const source = await fs.promises.open(file);
      await source.readFile();
      await source.close();
      const target = await fs.promises.open('/dev/null', 'w');
      await target.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      await target.close();
    }
    response.end(request.method === 'HEAD' ? undefined : request.url);
  });
}).listen({fd: Number(fd)});
