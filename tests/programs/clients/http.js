// SPDX-License-Identifier: Apache-2.0
'use strict';
const http = require('http');
const steps = require('./steps.js');

const [proxyHost, proxyPort] = steps.proxy.split(':');
let agent = null; // of the kept connection

function connect(step) {
    const url = new URL(step.url);
    return new Promise((resolve, reject) => {
        http.request({
            host: proxyHost, port: proxyPort, method: 'CONNECT', path: url.host,
            headers: {Host: url.host}, agent: false,
        }).on('connect', (_answer, socket) => resolve(socket)).on('error', reject).end();
    });
}

function options(step, socket) {
    const url = new URL(step.url);
    const target = step.way === 'proxy' ? step.url : url.pathname + url.search;
    const way = step.way === 'proxy' ? {host: proxyHost, port: proxyPort}
                                     : {host: url.hostname, port: url.port};
    if (!step.kept)
        agent = null;
    else if (!agent)
        agent = new http.Agent({keepAlive: true, maxSockets: 1});
    const headers = {Host: url.host};
    if (step.body && !step.chunked)
        headers['Content-Length'] = step.body.length;
    const connection = socket ? {createConnection: () => socket}
                              : {agent: step.kept ? agent : false};
    return {...way, ...connection, method: step.method, path: target, headers};
}

function send(step, request) {
    if (!step.chunked)
        return request.end(step.body || undefined);
    const pieces = steps.pieces(step);
    const next = () => pieces.length ? request.write(pieces.shift(), next) : request.end();
    next();
}

steps.run(async (step) => {
    const socket = step.way === 'tunnel' ? await connect(step) : null;
    return new Promise((resolve, reject) => {
        const request = http.request(options(step, socket), (answer) => {
            const body = [];
            answer.on('data', (data) => body.push(data)).on('error', reject).on('end', () => {
                resolve([answer.statusCode, Buffer.concat(body)]);
            });
        });
        request.setTimeout(step.timeout, () => {
            request.destroy(Object.assign(new Error('no answer'), {code: 'TIMEOUT'}));
        });
        request.on('error', reject);
        send(step, request);
    });
}).then(() => agent && agent.destroy());
