// SPDX-License-Identifier: Apache-2.0
// The steps that the programs here do (tests/integration/clients/plan.py), and how they say what
// came of them.
'use strict';
const fs = require('fs');
const zlib = require('zlib');

function content(size) {
    const bytes = Buffer.alloc(size);
    for (let i = 0; i < size; i++)
        bytes[i] = i % 251;
    return bytes;
}

function step(line) {
    const [number, method, url, body, milliseconds, way, connection] = line.split(' ');
    const [kind, size] = body.split(':');
    return {
        number, method, url, way,
        body: kind === '-' ? null : content(Number(size)),
        chunked: kind === 'chunked',
        timeout: Number(milliseconds) || 60000,
        kept: connection === 'kept',
    };
}

exports.read = () => fs.readFileSync(process.argv[2], 'ascii').trimEnd().split('\n').map(step);
exports.proxy = process.argv[3];

exports.pieces = (step) => {
    const third = Math.floor(step.body.length / 3) + 1;
    const pieces = [];
    for (let at = 0; at < step.body.length; at += third)
        pieces.push(step.body.subarray(at, at + third));
    return pieces;
};

// `ask(step)` resolves to [status, body].
exports.run = async (ask) => {
    for (const step of exports.read()) {
        try {
            const [status, body] = await ask(step);
            const crc = zlib.crc32(body).toString(16).padStart(8, '0');
            console.log(`${step.number} ${status} ${body.length} ${crc}`);
        } catch (error) {
            const why = error.cause ? error.cause.code || error.cause.name : error.code;
            console.log(`${step.number} failed ${why || error.name}`);
        }
    }
};
