// The npm package @microsoft/signalr at the seats hub: `node seats.mjs URL SHOWTIME FOLDER`, where FOLDER has node_modules.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const [url, showtime, folder] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const signalr = require('@microsoft/signalr');
const { MessagePackHubProtocol } = require('@microsoft/signalr-protocol-msgpack');
const { HttpTransportType } = signalr;

async function hold(seat) {
    const answer = await fetch(`${url}/v1/showtimes/${showtime}/holds`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ seats: [seat] }),
    });
    assert.equal(answer.status, 201);
    return answer.json();
}

async function release(held) {
    const answer = await fetch(`${url}/v1/holds/${held.id}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${held.token}` },
    });
    assert.equal(answer.status, 204);
}

/// Applies what is told as the protocol says, and waits for revisions.
class Map {
    seats = {};
    revision = -1;
    waiting = [];

    take(update) {
        assert.equal(update.showtime, showtime);
        if (update.type === 'snapshot') this.seats = {};
        else assert.equal(update.from, this.revision);
        this.revision = update.revision;
        for (const seat of update.seats) this.seats[seat.seat] = seat;
        this.waiting = this.waiting.filter(({ revision, done }) => revision > this.revision || done());
    }

    reaches(revision) {
        return new Promise((resolve, reject) => {
            if (this.revision >= revision) return resolve();
            const late = setTimeout(() => reject(new Error(`revision ${revision}: not in time`)), 10000);
            this.waiting.push({ revision, done: () => { clearTimeout(late); resolve(); } });
        });
    }
}

async function everything(transport, protocol) {
    const builder = new signalr.HubConnectionBuilder()
        .withUrl(`${url}/hubs/seats`, { transport })
        .configureLogging(signalr.LogLevel.None);
    if (protocol) builder.withHubProtocol(protocol);
    const connection = builder.build();
    const map = new Map();
    connection.on('SeatsChanged', (update) => map.take(update));
    await connection.start();
    map.take(await connection.invoke('JoinShowtime', showtime));
    const start = map.revision;
    const held = await hold('A1');
    await map.reaches(start + 1);
    assert.equal(map.seats.A1.status, 'held');
    await release(held);
    await map.reaches(start + 2);
    assert.equal(map.seats.A1.status, 'available');

    const snapshot = await connection.invoke('GetSeats', showtime);
    assert.equal(snapshot.type, 'snapshot');
    assert.deepEqual(Object.fromEntries(snapshot.seats.map((seat) => [seat.seat, seat])), map.seats);
    assert.equal(await connection.invoke('LeaveShowtime', showtime), null);
    await release(await hold('A2'));
    assert.equal(map.revision, start + 2, 'nothing is told after leaving');
    for (const since of [start + 2, `${snapshot.epoch}-${start + 2}`]) {
        const delta = await connection.invoke('JoinShowtime', showtime, since);
        assert.deepEqual([delta.type, delta.from, delta.revision], ['delta', start + 2, start + 4]);
    }
    for (const [call, text] of [
        [['JoinShowtime', 'sho_0000000000'], /HubException: showtime_not_found/],
        [['JoinShowtime', 7], /error on the server/],
        [['JoinShowtime'], /error on the server/],
        [['JoinShowtime', showtime, 'x'], /error on the server/],
        [['Buy', showtime], /Unknown hub method 'Buy'/],
    ]) {
        await assert.rejects(connection.invoke(...call), text);
    }
    await connection.stop();
}

const checks = [
    [HttpTransportType.WebSockets],
    [HttpTransportType.ServerSentEvents],
    [HttpTransportType.LongPolling],
    [HttpTransportType.WebSockets, new MessagePackHubProtocol()],
    [HttpTransportType.LongPolling, new MessagePackHubProtocol()],
];
for (const check of checks) await everything(...check);

// A showtime that is called off: its seats are let go, and then it is said.
const connection = new signalr.HubConnectionBuilder()
    .withUrl(`${url}/hubs/seats`, { transport: HttpTransportType.WebSockets, skipNegotiation: true })
    .configureLogging(signalr.LogLevel.None)
    .build();
const closed = new Promise((resolve) => connection.on('ShowtimeClosed', resolve));
connection.on('SeatsChanged', () => {});
connection.on('ShowtimeChanged', () => {});
await connection.start();
await connection.invoke('JoinShowtime', showtime);
console.log(`${checks.length} checks`);
// Whoever runs this calls the showtime off now.
assert.deepEqual(await closed, { type: 'closed', showtime, reason: 'cancelled' });
await connection.stop();
console.log('closed');
