// Everybody can read it, in light and dark, and it keeps to itself. BOXOFFICE_SCREENSHOTS names a folder for pictures.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { arena, hall, House, until } from "./house.mjs";
import { goHome, visit } from "./visitor.mjs";

const HALL = JSON.parse(readFileSync(new URL("../../../samples/plans/grand-hall.json", import.meta.url), "utf8"));
const PLANS = process.env.BOXOFFICE_PLANS;

let house;
before(async () => (house = await House.open()));
after(async () => {
  await goHome();
  await house.close();
});

async function picture(visitor, name) {
  const folder = process.env.BOXOFFICE_SCREENSHOTS;
  if (folder) await visitor.page.screenshot({ path: join(folder, `${name}.png`) });
}

const SIZES = { desk: {}, phone: { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 } };

for (const colorScheme of ["light", "dark"]) {
  for (const [size, options] of Object.entries(SIZES)) {
    test(`axe finds nothing: ${colorScheme}, ${size}`, async () => {
      const show = await house.showtime(HALL);
      await show.book("C1", "C2", "D1");
      await show.hold("B5", "B6");
      const ada = await visit(house, { colorScheme, ...options });
      const look = async (name) => {
        await picture(ada, `${name}-${colorScheme}-${size}`);
        await ada.isAccessible(`${name}, ${colorScheme}, ${size}`);
      };
      await ada.page.goto(house.url);
      await ada.page.waitForSelector(".movie");
      await look("programme");
      await ada.open(show);
      await look("map");
      await ada.page.locator('[data-key="zoom-in"]').click();
      await ada.seat("A4").focus();
      for (const key of ["Space", "ArrowRight", "Space"]) await ada.page.keyboard.press(key);
      await ada.see("A5", "picked");
      await ada.page.locator('[data-key="zoom-fit"]').click();
      await look("picked");
      await ada.press("hold");
      await ada.phase("held");
      await look("held");
      await ada.press("book");
      await ada.phase("booked");
      await look("booked");
      await ada.leave();
    });
  }
}

test("in a line of the programme, times and prices are level, however long a room's name is", async () => {
  const { auditorium: short } = await house.get((await house.showtime(hall(1, 2))).path);
  const long = await house.post("/v1/auditoriums", { name: "The large auditorium behind the garden", cinema: house.cinema, plan: hall(1, 2) });
  const movie = (await house.post("/v1/movies", { title: "Side by Side" })).id;
  const starts_at = new Date(Date.now() + 86_400_000).toISOString();
  for (const auditorium of [short.id, long.id]) {
    await house.post("/v1/showtimes", { movie, auditorium, starts_at, currency: "EUR", prices: { standard: { adult: 1250 } } });
  }
  const ada = await visit(house);
  await ada.page.goto(`${house.url}/`);
  const cards = ada.page.locator(".movie", { hasText: "Side by Side" }).locator(".time");
  await cards.nth(1).waitFor();
  const tops = await Promise.all((await cards.all()).map(async (card) => (await ada.reach(card.locator(".where"))).top));
  assert.deepEqual([tops.length, tops[0]], [2, tops[1]]);
  await ada.leave();
});

test("money is the reader's, tickets have one spelling, and the legend says whose prices they are", async () => {
  const show = await house.showtime(hall(2, 5));
  const ada = await visit(house, { locale: "de-DE" });
  await ada.open(show);
  assert.match(await ada.page.locator(".legend").innerText(), /Adult 12,50\s€ · Child 9,00\s€/);
  await ada.pick("A1");
  assert.match(await ada.page.locator('[data-key="ticket-A1"]').innerText(), /^Adult · 12,50/);
  await ada.press("hold");
  await ada.phase("held");
  assert.match(await ada.page.locator(".lines").innerText(), /Adult/);
  await ada.leave();
});

test("states differ by shape, and forced colours leave them readable", async () => {
  const show = await house.showtime(HALL);
  await show.book("C1");
  await show.hold("C2");
  const ada = await visit(house, { forcedColors: "active", colorScheme: "dark", reducedMotion: "reduce" });
  await ada.open(show);
  await ada.pick("C3");
  const marks = await Promise.all(["C1", "C2", "C3", "C4"].map((label) => ada.seat(label).locator(".mark").getAttribute("d")));
  assert.equal(new Set(marks).size, 4);
  const bodies = await Promise.all(["C4", "D1", "E1"].map((label) => ada.seat(label).locator(".body").getAttribute("d")));
  assert.equal(new Set(bodies).size, 3, "each category has a shape of its own");
  const colors = (part) => ada.page.locator(part).first().evaluate((element) => [getComputedStyle(element).stroke, getComputedStyle(element).fill]);
  const [[wheelchair], [, number]] = [await colors('[data-kind="wheelchair"] .mark'), await colors(".map .number")];
  assert.equal(wheelchair, number, "symbols are as clear as numbers");
  await ada.isAccessible("forced colours");
  await picture(ada, "forced-colors");
  await ada.leave();
});

test("a page that sells nothing shows the map alone", async () => {
  const viewing = await House.open("--page", "view");
  try {
    const show = await viewing.showtime(hall(2, 5));
    const ada = await visit(viewing);
    await ada.open(show);
    await ada.seat("A1").click();
    assert.equal(await ada.standing("A1"), "available");
    assert.match(await ada.panel(), /Tickets are sold elsewhere/);
    await show.book("A2");
    await ada.see("A2", "booked");
    await ada.isAccessible("view");
    await ada.leave();
  } finally {
    await viewing.close();
  }
});

const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

test("the screen's light ends before the first row, and rings of neighbours stay apart", async () => {
  const show = await house.showtime(hall(3, 8));
  const ada = await visit(house);
  await ada.open(show);
  assert.ok((await ada.reach(".glow")).bottom < (await ada.reach(ada.seat("A4").locator(".body"))).top);
  await ada.pick("A4", "A5");
  await ada.press("hold");
  await ada.phase("held");
  const [left, right] = [await ada.reach(ada.seat("A4").locator(".ring")), await ada.reach(ada.seat("A5").locator(".ring"))];
  assert.ok(left.right < right.left, `${left.right} ${right.left}`);
  assert.match(await ada.page.locator(".legend").innerText(), /Held for you\s+Booked by you/);
  await ada.leave();
});

test("sections lie beside each other, apart and not under the buttons; inside one, its name and rows can be read", async () => {
  const rows = Array.from({ length: 30 }, (_, row) => ["Left", "Centre", "Right"].map((zone, at) => ({ row: `${row + 1}`, zone, x: 45 * at, y: row + 4, seats: 40 })));
  const show = await house.showtime({ rows: [...rows.flat(), { row: "W", x: 50, y: 35.5, seats: 12 }] });
  for (const [size, options] of Object.entries(SIZES)) {
    const ada = await visit(house, options);
    await ada.open(show);
    const buttons = await ada.reach(".zoom");
    const sections = await Promise.all((await ada.page.locator(".section rect").all()).map((rect) => ada.reach(rect)));
    for (const [index, section] of sections.entries()) {
      assert.ok(!overlap(section, buttons), `${size}: a section is under the buttons`);
      assert.ok(sections.every((other, at) => at <= index || !overlap(section, other)), `${size}: sections overlap`);
    }
    const [frame, word] = [await ada.reach(".canvas"), await ada.reach(".screen text")];
    assert.ok(word.top - frame.top > 8, "the screen's name does not touch the frame");
    for (const text of await ada.page.locator(".section text").all()) assert.ok((await text.boundingBox()).height >= 10, await text.textContent());
    await ada.page.locator(".section").nth(1).click();
    await ada.page.waitForSelector(".seat");
    assert.equal(await ada.page.locator(".section-bar b").innerText(), "Centre");
    assert.match(await ada.page.locator(".map").getAttribute("aria-label"), /Centre/);
    const names = await ada.page.$$eval(".rows text", (texts) => texts.map((text) => text.getBoundingClientRect().toJSON()).filter(({ width }) => width > 0));
    assert.ok(names.length >= 20, `${names.length} names of rows are seen`);
    for (const { left, right, height } of names) {
      assert.ok(height >= 9 && left >= frame.left && right <= frame.right, `${size}: ${left} ${right} ${height}`);
    }
    await ada.press("sections");
    assert.equal(await ada.page.locator(".section").count(), 4);
    await ada.leave();
  }
});

test("a room of more than 3,000 seats opens by sections", async () => {
  const show = await house.showtime(arena("Stalls", "Circle", "Balcony"));
  const { seats } = await house.get(`${show.path}/seats`);
  assert.equal(seats.length, 3600);
  const ada = await visit(house);
  await ada.open(show);
  const sections = ada.page.locator(".section");
  assert.match(await sections.first().getAttribute("aria-label"), /Stalls: 1200 of 1200 seats available/);
  await picture(ada, "sections");
  await ada.isAccessible("sections");
  await show.book(seats[0].seat);
  await until("the count goes down", async () => /1199 of 1200/.test(await sections.first().getAttribute("aria-label")));
  await sections.first().click();
  await ada.see(seats[0].seat, "booked");
  assert.equal(await ada.page.locator(".map .seat").count(), 1200);
  await picture(ada, "section");
  await ada.isAccessible("a section");
  await ada.page.keyboard.press("ArrowRight");
  await ada.press("sections");
  assert.equal(await sections.count(), 3);
  await ada.leave();
});

test("real rooms", { skip: PLANS && existsSync(PLANS) ? false : "BOXOFFICE_PLANS names no folder of real seating plans" }, async () => {
  // One is there to be refused.
  const files = readdirSync(PLANS).filter((name) => name.endsWith(".json"));
  let shown = 0;
  for (const name of files) {
    const plan = JSON.parse(readFileSync(join(PLANS, name), "utf8"));
    const show = await house.showtime(plan).catch((error) => assert.match(String(error), /invalid_plan/));
    if (!show) continue;
    shown += 1;
    for (const [size, options] of Object.entries(SIZES)) {
      const ada = await visit(house, options);
      await ada.open(show);
      const { seats } = await house.get(`${show.path}/seats`);
      assert.equal(await ada.page.locator(".map .seat").count(), seats.length, name);
      await ada.agrees(show);
      await picture(ada, `${name.replace(/\.json$/, "")}-${size}`);
      await ada.isAccessible(name);
      await ada.leave();
    }
  }
  assert.ok(shown > 0, "a plan was shown");
});
