// SPDX-License-Identifier: Apache-2.0
// The matrix's application for node: `node server.js PORT single|cluster`. In a cluster the primary
// accepts and passes each socket to a worker.
"use strict";

const cluster = require("cluster");
const crypto = require("crypto");
const fs = require("fs");
const http = require("http");
const zlib = require("zlib");

const FILE = process.env.MATRIX_FILE;
const PIECE = 65536;
const WORKERS = 2;
const IDLE_MS = 60000;

const PERIOD = Buffer.from(Array.from({ length: 251 }, (_, i) => i));

function content(count) {
  return Buffer.alloc(count, PERIOD);
}

const CRC_TABLE = new Int32Array(256).map((_, i) => {
  let value = i;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

// zlib.crc32() came with node 20.15 and 22.2; Debian 12 has 18.
const crc32 = zlib.crc32 || ((bytes, before) => {
  let value = ~before;
  for (const byte of bytes) value = CRC_TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return ~value >>> 0;
});

function answer(response, code, body) {
  response.writeHead(code, { "Content-Type": "application/octet-stream",
                             "Content-Length": body.length });
  response.end(body);
}

function status(response, code) {
  if (code === 204 || code === 304) {
    response.writeHead(code);
    response.end();
    return;
  }
  answer(response, code, Buffer.from(`status ${code}\n`));
}

function echo(request, response) {
  let length = 0, crc = 0;
  request.on("data", (piece) => {
    length += piece.length;
    crc = crc32(piece, crc);
  });
  request.on("end", () =>
    answer(response, 200, Buffer.from(`${length} ${crc.toString(16).padStart(8, "0")}\n`)));
}

function chunked(response, count) {
  const whole = content(count);
  response.writeHead(200, { "Content-Type": "application/octet-stream" });
  for (let at = 0; at < count; at += PIECE) response.write(whole.subarray(at, at + PIECE));
  response.end();
}

function file(response) {
  response.writeHead(200, { "Content-Type": "application/octet-stream",
                            "Content-Length": fs.statSync(FILE).size });
  fs.createReadStream(FILE, { highWaterMark: PIECE }).on("error", () => response.destroy())
    .pipe(response);
}

function handle(request, response) {
  const path = request.url.split("?")[0].split("/");
  if (path[1] === "status") status(response, Number(path[2]));
  else if (path[1] === "bytes") answer(response, 200, content(Number(path[2])));
  else if (path[1] === "chunked") chunked(response, Number(path[2]));
  else if (path[1] === "echo") echo(request, response);
  else if (path[1] === "file") file(response);
  else answer(response, 404, Buffer.from("status 404\n"));
}

function upgrade(request, socket, head) {
  const accept = crypto.createHash("sha1")
    .update(request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    .digest("base64");
  socket.on("error", () => socket.destroy());
  socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
               `Connection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
  if (head.length) socket.write(head);
  socket.pipe(socket);
}

function serve(port) {
  http.createServer({ keepAliveTimeout: IDLE_MS }, handle).on("upgrade", upgrade)
    .listen(port, "127.0.0.1");
}

const [port, mode] = process.argv.slice(2);
if (mode === "cluster" && cluster.isPrimary) {
  for (let i = 0; i < WORKERS; i++) cluster.fork();
  process.on("SIGTERM", () => {
    for (const worker of Object.values(cluster.workers)) worker.process.kill();
  });
  cluster.on("exit", () => {
    if (Object.keys(cluster.workers).length === 0) process.exit(0);
  });
} else {
  process.on("SIGTERM", () => process.exit(0));
  serve(Number(port));
}
