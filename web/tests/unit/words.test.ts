// Money, times and sentences as people read them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { clockTime, countdown, dayKey, longDate, money, moneyIn, spokenTime, today } from "../../src/format";
import { inkOn, seatName } from "../../src/seat_look";
import { heldHelp, list, problems, sentence, someLost, ticketName } from "../../src/strings";
import type { Showtime } from "../../src/types";

test("every code of the documentation has a sentence", () => {
  const codes = [...readFileSync("../docs/errors.md", "utf8").matchAll(/^\| `([a-z_]+)` \| \d+/gm)].map(([, code]) => code ?? "");
  assert.ok(codes.length > 40, `${codes.length} codes were found`);
  for (const code of codes) assert.match(problems[code] ?? "", /^[A-Z].*[.]$/, code);
  assert.match(sentence("a_code_of_tomorrow", 409), /not possible/);
  assert.match(sentence("a_code_of_tomorrow", 503), /try again/);
});

test("money has as many minor units as its currency", () => {
  assert.equal(money({ amount: 1250, currency: "EUR" }), "€12.50");
  assert.equal(money({ amount: 1250, currency: "JPY" }).replace("JP", ""), "¥1,250");
  assert.equal(money({ amount: 1250, currency: "KWD" }).replace(/\s/, " "), "KWD 1.250");
});

test("money is written as the reader's browser does", () => {
  const written = (language: string) => moneyIn([language])({ amount: 1250, currency: "EUR" }).replace(/\s/, " ");
  assert.deepEqual(["de-DE", "en-GB", "fr-FR", "nl-NL"].map(written), ["12,50 €", "€12.50", "12,50 €", "€ 12,50"]);
});

test("one seat is not spoken of as several, and nothing is offered that is refused", () => {
  assert.equal(someLost(["A1"], 1), "A1 is no longer available. Your other seat is still picked.");
  assert.equal(someLost(["A1", "A2"], 2), "A1 and A2 are no longer available. Your other 2 seats are still picked.");
  assert.match(heldHelp(2), /give it back/);
  assert.doesNotMatch(heldHelp(1), /give it back/);
  assert.equal(ticketName("adult"), "Adult");
});

test("times are those of the cinema, wherever the reader is", () => {
  const late = { starts_at: "2026-11-24T23:30:00Z", starts_at_local: "2026-11-25T00:30:00+01:00" };
  assert.equal(dayKey(late), "2026-11-25");
  assert.match(longDate(late), /25/);
  assert.match(clockTime(late), /^(00|12):30/);
  assert.equal(today("Pacific/Kiritimati", new Date("2026-11-24T12:00:00Z")), "2026-11-25");
});

test("time left is counted up to whole seconds", () => {
  assert.deepEqual([250_000, 60_000, 59_001, 1, 0, -5, 3_600_000].map((ms) => countdown(ms)), ["4:10", "1:00", "1:00", "0:01", "0:00", "0:00", "1:00:00"]);
  assert.equal(spokenTime(250_000), "4 minutes 10 seconds");
  assert.equal(spokenTime(60_000), "1 minute");
  assert.equal(spokenTime(1000), "1 second");
});

test("names are listed as in a sentence", () => {
  assert.equal(list(["C12"]), "C12");
  assert.equal(list(["C12", "C13"]), "C12 and C13");
  assert.equal(list(["A", "B", "C"]), "A, B and C");
  assert.equal(list([..."ABCDEFGHIJ"]), "A, B, C, D, E, F, G and 3 more");
});

test("a seat is named for the ear", () => {
  const seat = { label: "C12", number: "12", row: "C", zone: undefined, line: 0, category: "std", kind: "standard", group: undefined, x: 0, y: 0 };
  const category = { key: "std", name: "Standard", number: 0, color: undefined };
  const showtime = { prices: { std: { adult: { amount: 1250, currency: "EUR" } } } } as unknown as Showtime;
  assert.equal(seatName(seat, category, showtime, "available"), "Row C, seat 12, Standard, €12.50, available");
  assert.equal(seatName({ ...seat, kind: "wheelchair", zone: "Stalls" }, category, showtime, "booked"), "Stalls, Row C, seat 12, Standard, wheelchair space, €12.50, sold");
});

test("ink can be read on any colour", () => {
  const luminance = (color: string) => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((place) => {
      const part = parseInt(color.slice(place, place + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  for (const color of ["#4c8bf5", "#d4a017", "#c2185b", "#00aa00", "#0000aa", "#a9a9a9", "#61ff02", "#ffd430", "#f44336"]) {
    const [light, dark] = [luminance(color), luminance(inkOn(color))].sort((a, b) => b - a) as [number, number];
    assert.ok((light + 0.05) / (dark + 0.05) >= 4, `${inkOn(color)} on ${color}`);
  }
});
