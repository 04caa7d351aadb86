// SPDX-License-Identifier: Apache-2.0
// What node-redis is made to ask. usage: node_redis.js PORT PASSWORD SESSION
'use strict';
const redis = require('redis');
const [port, password, session] = process.argv.slice(2);

async function connect() {
    const client = redis.createClient({ url: `redis://:${password}@127.0.0.1:${port}/1` });
    await client.connect();
    return client;
}

async function main() {
    const client = await connect();
    const reader = await connect();
    console.log(await client.set('user:42', 'hunter'));
    console.log(await client.get('user:42'));
    await client.lPush('user:42', 'hunter').catch((error) => console.log(error.message));
    console.log(await Promise.all([client.get('a'), client.get('b')]));
    console.log(await Promise.all([client.set('a', 'hunter'), client.incr('n')]));
    console.log(await client.multi().set('a', 'hunter').incr('n').exec());
    let told;
    const message = new Promise((resolve) => { told = resolve; });
    await reader.subscribe('news', (...all) => told(all));
    console.log(await client.publish('news', 'hunter'));
    console.log(await message);
    console.log(await client.get(`PHPREDIS_SESSION:${session}`));
    console.log((await client.echo('hunter'.repeat(100000))).length);
    await client.disconnect();
    await reader.disconnect();
}

main();
