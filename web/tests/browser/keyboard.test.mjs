// The whole purchase without a pointer, as a screen reader hears it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { arena, hall, House, until } from "./house.mjs";
import { goHome, visit } from "./visitor.mjs";

let house;
before(async () => (house = await House.open()));
after(async () => {
  await goHome();
  await house.close();
});

const focus = (visitor) => visitor.page.evaluate(() => document.activeElement?.getAttribute("data-seat") ?? document.activeElement?.getAttribute("data-key"));

/** Tab until something has the focus. */
async function tabTo(visitor, wanted) {
  for (let tabs = 0; tabs < 30; tabs += 1) {
    await visitor.page.keyboard.press("Tab");
    assert.notEqual(await visitor.page.evaluate(() => document.activeElement?.tagName), "svg", "the map is no stop of its own");
    if ((await focus(visitor)) === wanted) return;
  }
  assert.fail(`${wanted} cannot be reached by Tab`);
}

test("from the programme to the reference by keyboard alone", async () => {
  const show = await house.showtime(hall(4, 8));
  const ada = await visit(house);
  await ada.page.goto(house.url);
  await ada.page.waitForSelector(".movie");
  await tabTo(ada, show.id);
  await ada.page.keyboard.press("Enter");
  await ada.page.waitForSelector(".seat");
  await ada.connected();
  await tabTo(ada, "A1");
  assert.equal(await ada.seat("A1").getAttribute("aria-label"), "Row A, seat 1, Standard, €12.50, available");
  const keys = async (...names) => {
    for (const name of names) await ada.page.keyboard.press(name);
    return focus(ada);
  };
  assert.equal(await keys("ArrowLeft"), "A1");
  assert.equal(await keys("ArrowRight", "ArrowRight", "ArrowDown"), "B3");
  assert.equal(await keys("End"), "B8");
  assert.equal(await keys("Home"), "B1");
  assert.equal(await keys("Control+End"), "D8");
  assert.equal(await keys("Control+Home", "ArrowDown", "ArrowDown"), "C1");
  await keys("Space", "ArrowRight", "Space");
  assert.match(await ada.seat("C2").getAttribute("aria-label"), /picked$/);
  assert.equal(await ada.seat("C2").getAttribute("aria-selected"), "true");
  assert.match(await ada.page.locator("[data-announce=polite]").textContent(), /C2 picked\. 2 seats, €25\.00/);

  // A seat that is taken meanwhile keeps the focus, and says what it is.
  await keys("ArrowRight");
  await show.book("C3");
  await ada.see("C3", "booked");
  assert.equal(await focus(ada), "C3");
  assert.equal(await ada.seat("C3").getAttribute("aria-disabled"), "true");
  await keys("Space");
  await until("why not", async () => /C3 is sold/.test(await ada.page.locator("[data-announce=polite]").textContent()));
  assert.equal(await ada.page.locator(".map [tabindex='0']").count(), 1);

  await tabTo(ada, "hold");
  await keys("Enter");
  await ada.phase("held");
  await until("the hold is announced", async () => /You hold C1 and C2 for 8 minutes/.test(await ada.page.locator("[data-announce=polite]").textContent()));
  assert.equal(await ada.page.evaluate(() => document.activeElement?.tagName), "H2");
  await tabTo(ada, "book");
  await keys("Enter");
  await ada.phase("booked");
  assert.match(await ada.page.locator("[data-announce=polite]").textContent(), /Booked\. Your reference is [0-9A-Z]{5}-/);
  assert.deepEqual([(await show.statuses()).C1, (await show.statuses()).C2], ["booked", "booked"]);
  await ada.leave();
});

test("the map zooms by keyboard and shows what has the focus", async () => {
  const show = await house.showtime(hall(20, 40));
  const ada = await visit(house);
  await ada.open(show);
  await ada.seat("A1").focus();
  const width = async (label) => (await ada.seat(label).boundingBox()).width;
  const before = await width("A1");
  for (let times = 0; times < 4; times += 1) await ada.page.keyboard.press("+");
  await until("it is larger", async () => (await width("A1")) > before * 2);
  await ada.page.keyboard.press("Control+End");
  await until("the last seat is in sight", async () => {
    const [seat, map] = [await ada.seat("T40").boundingBox(), await ada.page.locator(".canvas").boundingBox()];
    return seat.x >= map.x && seat.y >= map.y && seat.x + seat.width <= map.x + map.width && seat.y + seat.height <= map.y + map.height;
  });
  await ada.leave();
});

test("sections are one tab stop; opening one picks nothing", async () => {
  const show = await house.showtime(arena("Stalls", "Circle", "Balcony"));
  const ada = await visit(house);
  await ada.open(show);
  const section = () => ada.page.evaluate(() => document.activeElement?.getAttribute("aria-label")?.replace(/:.*/, ""));
  const keys = async (...names) => {
    for (const name of names) await ada.page.keyboard.press(name);
    return section();
  };
  const picked = () => ada.page.locator('.map [data-standing="picked"]').count();
  while ((await section()) !== "Stalls") await keys("Tab");
  assert.equal(await keys("ArrowDown"), "Circle");
  assert.equal(await keys("ArrowRight"), "Balcony");
  assert.equal(await keys("ArrowRight"), "Balcony");
  assert.equal(await keys("Home"), "Stalls");
  assert.equal(await keys("End", "ArrowUp"), "Circle");
  assert.equal(await ada.page.locator(".map [tabindex='0']").count(), 1);
  for (const key of ["Enter", "Space"]) {
    await keys(key);
    assert.equal(await focus(ada), "C1-1");
    assert.equal(await picked(), 0, `${key} opens and picks nothing`);
    await keys("Space");
    await ada.see("C1-1", "picked");
    await keys("Space");
    await ada.press("sections");
    assert.equal(await section(), "Circle", "the focus is where it was");
  }
  await ada.leave();
});
