// A room whose map is too large for one message: GetSeats answers with its first part, and the others follow.
//
//   node seats_parts.mjs URL SHOWTIME FOLDER SEATS
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';

const [url, showtime, folder, seats] = process.argv.slice(2);
const signalr = createRequire(`${folder}/`)('@microsoft/signalr');

const connection = new signalr.HubConnectionBuilder()
    .withUrl(`${url}/hubs/seats`)
    .configureLogging(signalr.LogLevel.None)
    .build();
const parts = [];
let whole;
const all = new Promise((resolve) => { whole = resolve; });
function take(part) {
    parts.push(part);
    if (parts.length === part.parts) whole();
}
connection.on('SeatsChanged', take);
await connection.start();
take(await connection.invoke('GetSeats', showtime));
const late = setTimeout(() => { throw new Error(`${parts.length} parts came`); }, 10000);
await all;
clearTimeout(late);
assert.ok(parts.length > 1, 'one message is too small for it');
assert.deepEqual(parts.map(({ part }) => part), parts.map((_, place) => place + 1));
assert.equal(new Set(parts.flatMap((part) => part.seats.map(({ seat }) => seat))).size, Number(seats));
await connection.stop();
