// SPDX-License-Identifier: Apache-2.0
// fetch() as node has it; where it has to be told how to connect, with an agent of Debian's undici.
'use strict';
const {Agent, ProxyAgent} = require('undici');
const steps = require('./steps.js');

let kept = null;

function dispatcher(step) {
    if (!step.kept)
        kept = null;
    if (step.way === 'tunnel')
        return {dispatcher: new ProxyAgent(`http://${steps.proxy}`)};
    if (!step.kept)
        return {};
    kept = kept || new Agent({connections: 1});
    return {dispatcher: kept};
}

function body(step) {
    if (!step.chunked)
        return {body: step.body};
    const pieces = steps.pieces(step);
    const stream = new ReadableStream({
        pull(controller) {
            if (pieces.length)
                controller.enqueue(pieces.shift());
            else
                controller.close();
        },
    });
    return {body: stream, duplex: 'half'};
}

steps.run(async (step) => {
    const options = {
        method: step.method, ...body(step), signal: AbortSignal.timeout(step.timeout),
        headers: step.kept ? {} : {Connection: 'close'}, ...dispatcher(step),
    };
    const answer = await fetch(step.url, options);
    return [answer.status, Buffer.from(await answer.arrayBuffer())];
});
