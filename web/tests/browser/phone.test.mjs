// The page under a thumb: fitted, near enough to hit, and the next step always in sight.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hall, House, until } from "./house.mjs";
import { goHome, visit } from "./visitor.mjs";

const PHONE = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

let house;
before(async () => (house = await House.open()));
after(async () => {
  await goHome();
  await house.close();
});

const width = async (visitor, label) => (await visitor.seat(label).locator(".reach").boundingBox()).width;

async function isInSight(visitor, element, within) {
  const [inner, outer] = [await element.boundingBox(), within ? await within.boundingBox() : { x: 0, y: 0, ...visitor.page.viewportSize() }];
  return inner.x >= outer.x - 1 && inner.y >= outer.y - 1 && inner.x + inner.width <= outer.x + outer.width + 1 && inner.y + inner.height <= outer.y + outer.height + 1;
}

test("a tap on small seats comes nearer, the next one picks; the bar has the rest", async () => {
  const show = await house.showtime(hall(12, 24));
  const ada = await visit(house, PHONE);
  await ada.open(show);
  assert.ok(await isInSight(ada, ada.page.locator(".free")));
  assert.equal(await ada.page.locator(".free").innerText(), "288 of 288 seats available");
  const map = ada.page.locator(".canvas");
  for (const corner of ["A1", "A24", "L1", "L24"]) assert.ok(await isInSight(ada, ada.seat(corner), map), `${corner} is seen at first`);
  assert.ok((await width(ada, "F12")) < 24);
  await ada.seat("F12").tap();
  await until("seats are large enough for a thumb", async () => (await width(ada, "F12")) >= 36);
  assert.equal(await ada.standing("F12"), "available");
  await until("the motion is over", async () => {
    const before = await ada.seat("F12").boundingBox();
    await ada.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    return JSON.stringify(before) === JSON.stringify(await ada.seat("F12").boundingBox());
  });
  await ada.seat("F12").tap();
  await ada.see("F12", "picked");
  await ada.seat("F13").tap();
  await ada.see("F13", "picked");
  const hold = ada.page.locator('[data-key="hold"]');
  assert.ok(await isInSight(ada, hold), "the button is in sight");
  assert.ok((await hold.boundingBox()).height >= 44);
  assert.match(await ada.panel(), /F12, F13[^]*€25\.00[^]*Hold 2 seats/);
  await ada.page.locator(".toggle").tap();
  assert.ok(await isInSight(ada, ada.page.locator('[data-key="ticket-F13"]')), "tickets can be chosen");
  await ada.page.locator(".toggle").tap();
  await hold.tap();
  await ada.phase("held");
  for (const key of ["book", "let-go"]) assert.ok(await isInSight(ada, ada.page.locator(`[data-key="${key}"]`)), key);
  await ada.page.locator('[data-key="book"]').tap();
  await ada.phase("booked");
  assert.ok(await isInSight(ada, ada.page.locator(".reference")));
  assert.equal(await ada.page.evaluate(() => document.documentElement.scrollWidth), PHONE.viewport.width);
  await ada.leave();
});

test("ten seats of long names leave total and buttons in sight, picked and held", async () => {
  const rows = Array.from({ length: 3 }, (_, row) => ({ row: `Gallery-left-${row + 1}`, seats: 10 }));
  const show = await house.showtime({ rows });
  const { seats } = await house.get(`${show.path}/seats`);
  const ada = await visit(house, { ...PHONE, viewport: { width: 390, height: 844 } });
  await ada.open(show);
  await ada.page.evaluate((labels) => {
    // As a screen reader does it, whose clicks need no size.
    for (const label of labels) document.querySelector(`[data-seat="${label}"]`).dispatchEvent(new MouseEvent("click", { bubbles: true }));
  }, seats.slice(0, 10).map(({ seat }) => seat));
  const allIsInSight = async (...keys) => {
    for (const part of [".total", ...keys.map((key) => `[data-key="${key}"]`)]) {
      assert.ok(await isInSight(ada, ada.page.locator(part)), `${part} is in sight`);
    }
    assert.equal(await ada.page.locator(".panel").evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth), 0);
  };
  await until("ten are picked", async () => /Hold 10 seats/.test(await ada.panel()));
  await allIsInSight("hold", "unpick");
  await ada.page.locator(".toggle").tap();
  await allIsInSight("hold", "unpick");
  await ada.press("hold");
  await ada.phase("held");
  await allIsInSight("book", "extend", "let-go");
  await ada.page.locator(".toggle").tap();
  await allIsInSight("book", "extend", "let-go");
  assert.match(await ada.page.locator(".toggle").innerText(), /^10 seats/);
  if (process.env.BOXOFFICE_SCREENSHOTS) await ada.page.screenshot({ path: `${process.env.BOXOFFICE_SCREENSHOTS}/ten-held-phone.png` });
  await ada.leave();
});

test("two fingers zoom, one finger pans, and neither picks", async () => {
  const show = await house.showtime(hall(12, 24));
  const ada = await visit(house, PHONE);
  await ada.open(show);
  const session = await ada.context.newCDPSession(ada.page);
  const box = await ada.page.locator(".canvas").boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const touch = (type, ...points) =>
    session.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([px, py], id) => ({ x: px, y: py, id })) });
  const before = await width(ada, "F12");
  await touch("touchStart", [x - 20, y], [x + 20, y]);
  for (let step = 1; step <= 6; step += 1) await touch("touchMove", [x - 20 - 15 * step, y], [x + 20 + 15 * step, y]);
  await touch("touchEnd");
  await until("it is larger", async () => (await width(ada, "F12")) > before * 2);
  const placed = await ada.seat("F12").boundingBox();
  await touch("touchStart", [x, y]);
  for (let step = 1; step <= 5; step += 1) await touch("touchMove", [x + 8 * step, y]);
  await touch("touchEnd");
  await until("it has moved", async () => Math.abs((await ada.seat("F12").boundingBox()).x - placed.x) > 20);
  assert.equal(await ada.page.locator('.map [data-standing="picked"]').count(), 0);
  // Not a tap: the browser takes one that follows a swipe for the end of the swipe.
  await ada.page.locator('[data-key="zoom-fit"]').click();
  await until("all is seen again", async () => isInSight(ada, ada.seat("A1"), ada.page.locator(".canvas")));
  await ada.leave();
});

test("a phone that was away knows at once what happened", async () => {
  const show = await house.showtime(hall(3, 6));
  const ada = await visit(house, PHONE, { mayBeAway: true });
  await ada.open(show);
  await ada.connected(/live/);
  await ada.context.setOffline(true);
  await house.kill();
  await house.start();
  await show.book("A1");
  await ada.context.setOffline(false);
  await ada.see("A1", "booked");
  await ada.agrees(show);
  await ada.leave();
});
