// Others' changes appear by themselves, also after the server was away.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hall, House, until } from "./house.mjs";
import { goHome, visit } from "./visitor.mjs";

let house;
before(async () => (house = await House.open()));
after(async () => {
  await goHome();
  await house.close();
});

test("one books, the other sees it; the server is killed and both end with the right map", async () => {
  const show = await house.showtime(hall(5, 10));
  const [ada, ben] = [await visit(house, {}, { mayBeAway: true }), await visit(house, {}, { mayBeAway: true })];
  await ada.open(show);
  await ben.open(show);
  await ada.connected(/live/);
  await ben.connected(/live/);
  await ada.pick("C4", "C5");
  await ada.press("hold");
  await ada.phase("held");
  await ben.see("C4", "held");
  await ada.press("book");
  await ada.phase("booked");
  await ben.see("C4", "booked");
  assert.match(await ben.page.locator(".free").innerText(), /^48 of 50/);
  assert.equal(await ada.standing("C5"), "booked_mine");

  await house.kill();
  await ben.connected(/offline/);
  assert.match(await ben.page.locator(".link").innerText(), /Not connected/);
  await house.start();
  await show.book("A1", "A2");
  await show.hold("B1");
  await ada.connected(/live/);
  await ben.connected(/live/);
  await ben.see("A2", "booked");
  await ada.see("B1", "held");
  await ada.agrees(show);
  await ben.agrees(show);
  await ada.leave();
  await ben.leave();
});

test("strangers are told of as counts alone", async () => {
  const show = await house.showtime(hall(5, 10));
  const ada = await visit(house);
  await ada.open(show);
  await ada.connected(/live/);
  await show.book("A1", "A2", "A3");
  await ada.see("A3", "booked");
  const heard = await until("the count is announced", () => ada.page.locator("[data-announce=polite]").textContent(), 20_000);
  assert.match(heard, /^\d seats? taken/);
  await ada.leave();
});

test("where sockets are blocked, an event stream does; where that is blocked, too, polling", async () => {
  const show = await house.showtime(hall(2, 5));
  const [ada, ben] = [await visit(house), await visit(house)];
  const block = (...names) => {
    for (const name of names) {
      globalThis[name] = class {
        constructor() {
          throw new Error("blocked");
        }
      };
    }
  };
  await ada.page.addInitScript(`(${block})("WebSocket")`);
  await ben.page.addInitScript(`(${block})("WebSocket", "EventSource")`);
  await ada.open(show);
  await ben.open(show);
  await ada.connected(/live/);
  await ben.connected(/polling/);
  await show.book("B2");
  await ada.see("B2", "booked");
  await ben.see("B2", "booked");
  await ada.leave();
  await ben.leave();
});

test("what the house changes is seen without a reload", async () => {
  const show = await house.showtime(hall(2, 5));
  const ada = await visit(house);
  await ada.open(show);
  await ada.connected(/live/);
  await house.ask("PATCH", show.path, { prices: { standard: { adult: 1500 } } });
  await until("the new price", async () => (await ada.seat("A1").getAttribute("aria-label")).includes("€15.00"));
  await house.post(`${show.path}/block`, { seats: ["A2"] });
  await ada.see("A2", "blocked");
  await house.post(`${show.path}/cancel`, {});
  await until("the banner", async () => /cancelled/.test(await ada.page.locator(".banner").innerText()));
  await isOver(ada);
  await ada.page.reload();
  await ada.page.waitForSelector(".seat");
  await isOver(ada);
  await ada.leave();
});

async function isOver(visitor) {
  await visitor.connected(/over/);
  assert.equal(await visitor.page.locator(".state").innerText(), "Closed");
  await visitor.see("A1", "blocked");
  assert.equal(await visitor.seat("A1").getAttribute("aria-disabled"), "true");
  await visitor.seat("A1").click({ force: true });
  assert.equal(await visitor.standing("A1"), "blocked");
}

test("a showtime that is deleted is over, also where only polling works", async () => {
  const show = await house.showtime(hall(2, 5));
  const [ada, ben] = [await visit(house), await visit(house)];
  await ben.page.addInitScript(() => {
    for (const name of ["WebSocket", "EventSource"]) delete window[name];
  });
  await ada.open(show);
  await ada.connected(/live/);
  await ben.open(show);
  await ben.connected(/polling/);
  await ada.pick("A1");
  await house.ask("DELETE", show.path);
  for (const visitor of [ada, ben]) {
    await until("the banner", async () => /no longer offered/.test(await visitor.page.locator(".banner").innerText()));
    await isOver(visitor);
    await visitor.leave();
  }
});
