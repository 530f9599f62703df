// What docs/live.md shows to others works as it stands there.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

interface Opened {
  url: string;
  onmessage(event: { data: string }): void;
  onclose(): void;
}

/** The sample for browsers, with sockets and timers that the test has in hand. */
function sample() {
  const code = /```js\n(function watch[^]*?)```/.exec(readFileSync("../docs/live.md", "utf8"))?.[1];
  assert.ok(code, "the sample is there");
  const seats = new Map<string, { seat: string; status: string; version: number }>();
  const opened: Opened[] = [];
  function WebSocket(this: Opened, url: string) {
    this.url = url;
    opened.push(this);
  }
  const later = (act: (...given: unknown[]) => void, _: number, ...given: unknown[]) => act(...given);
  const watch = new Function("seats", "WebSocket", "setTimeout", `${code}; return watch;`)(seats, WebSocket, later) as (showtime: string) => void;
  watch("sho_1");
  const latest = (): Opened => opened[opened.length - 1] ?? assert.fail("no socket");
  return { seats, opened, latest, hear: (message: object) => latest().onmessage({ data: JSON.stringify({ epoch: "e", ...message }) }) };
}

const seat = (label: string, version: number) => ({ seat: label, status: "held", version });

test("the sample keeps all parts of a snapshot, and resumes from what it has whole", () => {
  const { seats, opened, latest, hear } = sample();
  hear({ type: "snapshot", revision: 7, part: 1, parts: 2, seats: [seat("A1", 2)] });
  latest().onclose();
  assert.equal(latest().url, "/v1/showtimes/sho_1/live", "half a snapshot is no place to go on from");
  hear({ type: "snapshot", revision: 8, part: 1, parts: 2, seats: [seat("A1", 3)] });
  hear({ type: "snapshot", revision: 8, part: 2, parts: 2, seats: [seat("A2", 1)] });
  assert.deepEqual([...seats.keys()], ["A1", "A2"]);
  hear({ type: "delta", from: 8, revision: 9, part: 1, parts: 2, seats: [seat("A3", 1)] });
  latest().onclose();
  assert.equal(latest().url, "/v1/showtimes/sho_1/live?since=e-8", "half a delta is asked for again");
  hear({ type: "delta", from: 8, revision: 9, seats: [seat("A1", 2), seat("A3", 1), seat("A4", 1)] });
  assert.deepEqual([seats.size, seats.get("A1")?.version], [4, 3]);
  latest().onclose();
  assert.equal(latest().url, "/v1/showtimes/sho_1/live?since=e-9");
  hear({ type: "closed", reason: "deleted" });
  latest().onclose();
  assert.equal(opened.length, 4);
});
