// SPDX-License-Identifier: Apache-2.0
// What ioredis is made to ask. usage: ioredis.js PORT PASSWORD SESSION
'use strict';
const Redis = require('ioredis');
const [port, password, session] = process.argv.slice(2);
const connect = () => new Redis({ port, password, db: 1 });

async function main() {
    const client = connect();
    const reader = connect();
    console.log(await client.set('user:42', 'hunter'));
    console.log(await client.get('user:42'));
    await client.lpush('user:42', 'hunter').catch((error) => console.log(error.message));
    console.log(await client.pipeline().get('a').get('b').exec());
    console.log(await client.pipeline().set('a', 'hunter').incr('n').exec());
    console.log(await client.multi().set('a', 'hunter').incr('n').exec());
    console.log(await reader.subscribe('news'));
    const message = new Promise((resolve) => reader.once('message', (...all) => resolve(all)));
    console.log(await client.publish('news', 'hunter'));
    console.log(await message);
    console.log(await client.get(`PHPREDIS_SESSION:${session}`));
    console.log((await client.echo('hunter'.repeat(100000))).length);
    client.disconnect();
    reader.disconnect();
}

main();
