// The map ends as the server's, however messages arrive.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Parts, SeatMap } from "../../src/seat_map";
import type { Delta, SeatChange } from "../../src/types";

const seat = (label: string, status: string, version: number): SeatChange => ({ seat: label, status, version });
const snapshot = (revision: number, seats: SeatChange[], epoch = "e") => ({ epoch, revision, seats });
const delta = (from: number, revision: number, seats: SeatChange[], epoch = "e") => ({ epoch, from, revision, seats });

test("what a snapshot does not list is available", () => {
  const map = new SeatMap();
  assert.deepEqual(map.snapshot(snapshot(3, [seat("A1", "held", 1)])).changed, ["A1"]);
  assert.equal(map.get("A1").status, "held");
  assert.deepEqual(map.get("A2"), { status: "available", version: 0 });
  assert.equal(map.position, "e-3");
  assert.deepEqual(map.counts(["A1", "A2", "A3"]), { held: 1, available: 2 });
});

test("a second snapshot drops what the first one said", () => {
  const map = new SeatMap();
  map.snapshot(snapshot(3, [seat("A1", "held", 1), seat("A2", "booked", 2)]));
  assert.deepEqual(map.snapshot(snapshot(1, [seat("A2", "booked", 1)], "other")).changed, ["A1"]);
  assert.deepEqual(map.get("A1"), { status: "available", version: 0 });
  assert.equal(map.position, "other-1");
});

test("a seat counts if its version is greater", () => {
  const map = new SeatMap();
  map.snapshot(snapshot(5, [seat("A1", "booked", 4)]));
  assert.deepEqual(map.delta(delta(2, 6, [seat("A1", "held", 3), seat("A2", "held", 1)])).changed, ["A2"]);
  assert.equal(map.get("A1").status, "booked");
  assert.deepEqual(map.delta(delta(6, 7, [seat("A1", "available", 5)])).changed, ["A1"]);
});

test("a longer hold is a new version and looks the same", () => {
  const map = new SeatMap();
  map.snapshot(snapshot(1, [seat("A1", "held", 1)]));
  assert.deepEqual(map.delta(delta(1, 2, [seat("A1", "held", 2)])).changed, []);
  assert.equal(map.get("A1").version, 2);
});

test("a delta that does not join on is a gap and changes nothing", () => {
  const map = new SeatMap();
  map.snapshot(snapshot(5, []));
  assert.deepEqual(map.delta(delta(6, 7, [seat("A1", "held", 1)])), { changed: [], gap: true });
  assert.deepEqual(map.delta(delta(4, 7, [seat("A1", "held", 1)], "other")), { changed: [], gap: true });
  assert.equal(map.get("A1").status, "available");
  assert.equal(map.revision, 5);
});

test("deltas that come twice and out of order lead to the same map", () => {
  let state = 12345;
  const random = (below: number) => (state = (state * 1103515245 + 12345) % 2147483648) % below;
  const labels = ["A1", "A2", "A3", "A4"];
  for (let round = 0; round < 200; round += 1) {
    const truth = new Map<string, SeatChange>();
    const log: { revision: number; change: SeatChange }[] = [];
    for (let revision = 1; revision <= 30; revision += 1) {
      const label = labels[random(labels.length)] ?? "A1";
      const version = (truth.get(label)?.version ?? 0) + 1;
      const change = seat(label, ["held", "booked", "available"][random(3)] ?? "held", version);
      truth.set(label, change);
      log.push({ revision, change });
    }
    const map = new SeatMap();
    map.snapshot(snapshot(0, []));
    // The server tells the newest state of each seat in (from, revision].
    const between = (from: number, to: number) => {
      const newest = new Map<string, SeatChange>();
      for (const { revision, change } of log) if (revision > from && revision <= to) newest.set(change.seat, change);
      return delta(from, to, [...newest.values()]);
    };
    while (map.revision < 30) {
      const from = random(map.revision + 1);
      const to = Math.min(30, Math.max(from, map.revision) + random(4));
      assert.equal(map.delta(between(from, to)).gap, false);
    }
    for (const label of labels) {
      const { status, version } = truth.get(label) ?? seat(label, "available", 0);
      assert.deepEqual(map.get(label), { status, version });
    }
  }
});

test("parts are one message when all are there", () => {
  const parts = new Parts<Delta>();
  const part = (number: number, seats: SeatChange[]): Delta => ({ type: "delta", ...delta(1, 2, seats), part: number, parts: 2 });
  assert.equal(parts.add(part(1, [seat("A1", "held", 1)])), undefined);
  assert.deepEqual(parts.add(part(2, [seat("A2", "held", 1)]))?.seats.length, 2);
  // A connection that broke off in the middle leaves nothing behind.
  parts.add(part(1, [seat("A9", "held", 1)]));
  assert.equal(parts.add(part(1, [seat("A1", "held", 1)])), undefined);
  assert.deepEqual(parts.add(part(2, []))?.seats.map((change) => change.seat), ["A1"]);
});
