// The npm package @microsoft/signalr against the chat: `node typescript.mjs URL FOLDER`, where FOLDER has node_modules.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const [url, folder] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const signalr = require('@microsoft/signalr');
const { MessagePackHubProtocol } = require('@microsoft/signalr-protocol-msgpack');
const { HttpTransportType } = signalr;

const transports = {
    WebSockets: HttpTransportType.WebSockets,
    ServerSentEvents: HttpTransportType.ServerSentEvents,
    LongPolling: HttpTransportType.LongPolling,
};

function build(name, options, protocol, change = (builder) => builder) {
    const builder = new signalr.HubConnectionBuilder()
        .withUrl(`${url}?name=${name}`, options)
        .configureLogging(signalr.LogLevel.None);
    if (protocol === 'messagepack') builder.withHubProtocol(new MessagePackHubProtocol());
    return change(builder).build();
}

/// A promise of the next call of a handler.
function heard(connection, target) {
    return new Promise((resolve) => connection.on(target, resolve));
}

function soon(promise, what) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${what}: not in time`)), 10000);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function items(connection, ...call) {
    return new Promise((resolve, reject) => {
        const found = [];
        connection.stream(...call).subscribe({
            next: (item) => found.push(item),
            complete: () => resolve(found),
            error: reject,
        });
    });
}

async function everything(connection, name) {
    const welcome = heard(connection, 'Welcome');
    await soon(connection.start(), 'start');
    assert.equal(await soon(welcome, 'Welcome'), name);
    const value = { text: 'grüße', list: [1, -1, 1.5, null, true], big: 4294967296 };
    assert.deepEqual(await connection.invoke('echo', value), value);
    assert.deepEqual(await soon(items(connection, 'Count', 5), 'Count'), [1, 2, 3, 4, 5]);

    const ticked = new Promise((resolve, reject) => {
        const ticks = connection.stream('Tick', 5).subscribe({
            next: (item) => {
                if (item < 2) return;
                ticks.dispose();
                resolve();
            },
            complete: () => {},
            error: reject,
        });
    });
    await soon(ticked, 'Tick');

    const said = heard(connection, 'Said');
    await connection.invoke('Enter', 'room');
    await connection.send('Say', 'room', 'hello');
    assert.deepEqual(await soon(said, 'Said'), { room: 'room', name, text: 'hello' });
    assert.equal((await connection.invoke('Leave', 'room')) ?? null, null);

    await assert.rejects(connection.invoke('Nope'), /Unknown hub method 'Nope'/);
    await assert.rejects(connection.invoke('Echo'), /Failed to invoke 'Echo' due to an error on the server\./);
    await assert.rejects(connection.invoke('Shout'), /HubException: no shouting/);
    await assert.rejects(items(connection, 'Echo', 1), /non-streaming 'Echo' method/);
    const left = new Promise((resolve) => connection.onclose(resolve));
    await connection.stop();
    assert.equal(await soon(left, 'stop'), undefined);
}

let done = 0;
async function check(name, run) {
    try {
        await run();
        done += 1;
    } catch (error) {
        console.error(`@microsoft/signalr: ${name}: ${error.stack}`);
        process.exit(1);
    }
}

for (const [name, transport] of Object.entries(transports)) {
    for (const protocol of ['json', 'messagepack']) {
        if (name === 'ServerSentEvents' && protocol === 'messagepack') continue;
        await check(`${name} ${protocol}`, () => everything(build('ann', { transport }, protocol), 'ann'));
    }
}
for (const protocol of ['json', 'messagepack']) {
    const options = { skipNegotiation: true, transport: HttpTransportType.WebSockets };
    await check(`skipNegotiation ${protocol}`, () => everything(build('bob', options, protocol), 'bob'));
}
await check('stateful reconnect is asked for and not granted', () =>
    everything(build('cy', {}, 'json', (builder) => builder.withStatefulReconnect()), 'cy'));
for (const [name, transport] of Object.entries(transports)) {
    await check(`access token over ${name}`, async () => {
        const good = build('dee', { transport, accessTokenFactory: () => 'good' });
        await everything(good, 'dee');
        const banned = build('dee', { transport, accessTokenFactory: () => 'banned' });
        await assert.rejects(banned.start(), /401/);
    });
    await check(`closing over ${name}`, async () => {
        const again = (builder) => builder.withAutomaticReconnect([0, 100, 500]);
        const returning = build('eve', { transport }, 'json', again);
        await returning.start();
        const reconnected = new Promise((resolve) => returning.onreconnected(resolve));
        await returning.send('Kick', true);
        assert.ok(await soon(reconnected, 'reconnected'));
        assert.equal(await returning.invoke('Echo', 7), 7);
        const closed = new Promise((resolve) => returning.onclose(() => resolve('closed')));
        await returning.send('Kick', false);
        assert.equal(await soon(closed, 'closed'), 'closed');
    });
}
await check('messagepack where only event streams are possible', async () => {
    const only = build('flo', { transport: HttpTransportType.ServerSentEvents }, 'messagepack');
    await assert.rejects(only.start());
});
console.log(`@microsoft/signalr: ${done} checks`);
process.exit(0);
