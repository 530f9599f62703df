// Neighbours as drawn: every seat can be reached, and there is a way back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { endOfRow, neighbour, sectionsOf, seatsOf, type Direction, type Seat } from "../../src/geometry";
import type { Plan } from "../../src/types";

/** A room from a picture: letters are seats, dots are gaps of one seat. */
function room(picture: string[], bend = (x: number, y: number) => ({ x, y })): Seat[] {
  const rows = picture.flatMap((line, y) => {
    const seats = [...line].flatMap((mark, x) =>
      mark === "." ? [] : [{ seat: `${y}-${x}`, number: String(x), ...bend(x, y), category: "c", kind: "standard" }],
    );
    return seats.length === 0 ? [] : [{ row: String(y), seats }];
  });
  const plan: Plan = { plan: "", size: { width: 0, height: 0 }, screen: null, categories: [], rows };
  return seatsOf(plan);
}

const at = (seats: Seat[], label: string): Seat => {
  const found = seats.find((seat) => seat.label === label);
  assert.ok(found, label);
  return found;
};
const go = (seats: Seat[], from: string, direction: Direction) => neighbour(seats, at(seats, from), direction)?.label;

const HALL = [
  "..xxxx..xxx..",
  ".xxxxx..xxxx.",
  "xxxxxx.xxxxxx",
  ".............",
  "xx.........xx",
  "xxxxxxxxxxxxx",
];
const arc = (x: number, y: number) => ({ x: 20 + (30 + y) * Math.sin((x - 6) / 25), y: 40 - (30 + y) * Math.cos((x - 6) / 25) + 2 * y });

test("sideways leads to the next seat, also across an aisle", () => {
  const seats = room(HALL);
  assert.equal(go(seats, "0-2", "right"), "0-3");
  assert.equal(go(seats, "0-5", "right"), "0-8");
  assert.equal(go(seats, "0-8", "left"), "0-5");
  assert.equal(go(seats, "2-12", "right"), undefined);
});

test("up and down lead to the seat in front and behind, also across an empty line", () => {
  const seats = room(HALL);
  assert.equal(go(seats, "1-3", "up"), "0-3");
  assert.equal(go(seats, "2-0", "down"), "4-0");
  assert.equal(go(seats, "2-4", "down"), "5-4");
  assert.equal(go(seats, "0-2", "up"), undefined);
});

test("every seat can be reached from every other, in straight and in bent rooms", () => {
  for (const seats of [room(HALL), room(HALL, arc)]) {
    const reached = new Set(["0-2"]);
    const waiting = ["0-2"];
    for (let label = waiting.pop(); label !== undefined; label = waiting.pop()) {
      for (const direction of ["left", "right", "up", "down"] as const) {
        const next = go(seats, label, direction);
        if (next !== undefined && !reached.has(next)) {
          reached.add(next);
          waiting.push(next);
        }
      }
    }
    assert.equal(reached.size, seats.length);
  }
});

test("a bent row is walked from end to end", () => {
  const seats = room(HALL, arc);
  for (let x = 0; x < 12; x += 1) assert.equal(go(seats, `5-${x}`, "right"), `5-${x + 1}`);
  for (let x = 12; x > 0; x -= 1) assert.equal(go(seats, `5-${x}`, "left"), `5-${x - 1}`);
});

test("home and end are those of the row", () => {
  const seats = room(HALL);
  assert.equal(endOfRow(seats, at(seats, "4-1"), true)?.label, "4-12");
  assert.equal(endOfRow(seats, at(seats, "4-12"), false)?.label, "4-0");
});

test("sections have every seat once, and never half a row", () => {
  const seats = room(Array.from({ length: 80 }, () => "x".repeat(50)));
  const sections = sectionsOf(seats, 1500);
  assert.equal(sections.length, 3);
  assert.deepEqual(sections.flatMap((section) => section.seats).length, seats.length);
  const lines = sections.map((section) => new Set(section.seats.map(({ line }) => line)));
  assert.equal(lines.reduce((sum, set) => sum + set.size, 0), 80);
  assert.equal(sections[0]?.label, "rows 0–26");
});

test("zones are sections under their own names", () => {
  const seats = room(["xxxx", "xxxx"]).map((seat) => ({ ...seat, zone: seat.line === 0 ? "Stalls" : "Balcony" }));
  assert.deepEqual(sectionsOf(seats).map(({ label }) => label), ["Stalls", "Balcony"]);
});
