// What is kept, picked and waited for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { backoff } from "../../src/backoff";
import { Deadline, ServerClock } from "../../src/clock";
import { OwnStore } from "../../src/own";
import { PickedSeats } from "../../src/pick";
import { placeOf, rootOf } from "../../src/router";

function storage(): Storage {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
    get length() {
      return kept.size;
    },
  } as Storage;
}

const HOLD = { id: "hld_1", token: "t", seats: [{ seat: "A1", ticket: "adult" }] };
const BOOKING = { id: "bkg_1", token: "t", reference: "AAAAA-BBBBB", seats: ["A1"], total: { amount: 1, currency: "EUR" } };

test("a hold outlives the page, and becomes a booking", () => {
  const browser = storage();
  new OwnStore("sho_1", browser).setHold(HOLD);
  const later = new OwnStore("sho_1", browser);
  assert.deepEqual(later.value.hold, HOLD);
  assert.equal(new OwnStore("sho_2", browser).value.hold, undefined);
  later.addBooking(BOOKING);
  later.addBooking(BOOKING);
  assert.deepEqual(new OwnStore("sho_1", browser).value, { bookings: [BOOKING] });
});

test("an unanswered request is asked again while its asker may be there", () => {
  const store = new OwnStore("sho_1", storage());
  store.setPending({ key: "k", seats: HOLD.seats, at: 1_000_000 });
  assert.equal(store.pending(1_060_000)?.key, "k");
  assert.equal(store.pending(1_200_000), undefined);
  store.setHold(HOLD);
  assert.equal(store.pending(1_060_000), undefined);
});

test("nothing is left of nothing, and junk is nothing", () => {
  const browser = storage();
  const store = new OwnStore("sho_1", browser);
  store.setHold(HOLD);
  store.setHold(undefined);
  assert.equal(browser.length, 0);
  browser.setItem("boxoffice:sho_1", "{junk");
  assert.deepEqual(new OwnStore("sho_1", browser).value, { bookings: [] });
});

test("a browser that keeps nothing can buy all the same", () => {
  const refuses = () => {
    throw new Error("forbidden");
  };
  const store = new OwnStore("sho_1", { getItem: refuses, setItem: refuses, removeItem: refuses });
  store.setHold(HOLD);
  assert.deepEqual(store.value.hold, HOLD);
});

test("picking ends at the limit, and what is lost leaves", () => {
  const pick = new PickedSeats(2);
  assert.deepEqual(["A1", "A2", "A3", "A1"].map((seat) => pick.toggle(seat, "adult")), ["picked", "picked", "limit", "unpicked"]);
  pick.toggle("A3", "adult");
  pick.choose("A3", "child");
  pick.choose("A9", "child");
  assert.deepEqual(pick.lose(["A2", "A9"]), ["A2"]);
  assert.deepEqual(pick.wanted, [{ seat: "A3", ticket: "child" }]);
});

test("waiting grows, has a bound, and is spread", () => {
  assert.deepEqual([0, 1, 2, 9].map((failures) => backoff(failures, 500, 15_000, () => 1)), [500, 1000, 2000, 15_000]);
  assert.equal(backoff(0, 500, 15_000, () => 0), 250);
});

test("time left does not care what the wall clock says", () => {
  const deadline = Deadline.in(5000, 100);
  assert.equal(deadline.left(2100), 3000);
  const clock = new ServerClock();
  clock.heard("Tue, 24 Nov 2026 01:00:00 GMT", 1000);
  assert.equal(clock.now(3000), Date.parse("2026-11-24T01:00:02.500Z"));
  clock.heard(null, 5000);
  clock.heard("junk", 5000);
  assert.equal(clock.now(3000), Date.parse("2026-11-24T01:00:02.500Z"));
});

test("addresses are read below any path", () => {
  assert.deepEqual(placeOf("/showtimes/sho_1", ""), { at: "showtime", showtime: "sho_1" });
  assert.deepEqual(placeOf("/tickets/showtimes/sho_1/", ""), { at: "showtime", showtime: "sho_1" });
  assert.equal(placeOf("/", "?day=2026-11-24").at, "programme");
  assert.deepEqual(["/", "/showtimes/x", "/tickets/", "/tickets/showtimes/x"].map(rootOf), ["", "", "/tickets", "/tickets"]);
});
