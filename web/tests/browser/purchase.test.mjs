// The whole purchase, and everything that may go wrong in it.
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

test("pick, hold, reload, book", async () => {
  const show = await house.showtime(hall(3, 6));
  const ada = await visit(house);
  await ada.page.goto(house.url);
  await ada.page.locator(".time").first().click();
  await ada.page.waitForSelector(".seat");
  await ada.page.goBack();
  await ada.page.waitForSelector(".movie");
  await ada.page.goForward();
  const icon = await ada.page.evaluate(() => document.querySelector("link[rel=icon]").href);
  assert.ok((await fetch(icon)).ok, icon);
  await ada.open(show);
  await ada.pick("B2", "B3");
  await ada.page.locator('[data-key="ticket-B3"]').selectOption("child");
  assert.match(await ada.page.locator(".total").innerText(), /€21\.50/);
  await ada.press("hold");
  await ada.phase("held");
  assert.match(await ada.panel(), /You hold B2 and B3/);
  await ada.page.reload();
  await ada.phase("held");
  assert.match(await ada.page.locator(".clock").innerText(), /^[78]:\d\d$/);
  assert.equal(await ada.standing("B2"), "mine");
  await ada.press("contact");
  await ada.page.fill("#contact-name", "Ada");
  await ada.page.fill("#contact-email", "ada@example.org");
  // What is typed is not lost when the map moves on.
  await show.book("A1");
  await ada.see("A1", "booked");
  await ada.press("book");
  await ada.phase("booked");
  const reference = (await ada.page.locator(".reference").innerText()).match(/[0-9A-Z]{5}-[0-9A-Z]{5}/)?.[0];
  assert.ok(reference);
  assert.match(await ada.panel(), /B2, B3[^]*Grand Hall, Lantern[^]*€21\.50/);
  const { data } = await house.get(`/v1/bookings?reference=${reference}`);
  assert.deepEqual([data.length, data[0].contact.name, data[0].contact.email], [1, "Ada", "ada@example.org"]);
  await ada.agrees(show);
  await ada.page.reload();
  await ada.see("B2", "booked_mine");
  assert.match(await ada.panel(), new RegExp(reference));
  await ada.leave();
});

test("a hold can be changed, kept longer and given back", async () => {
  const show = await house.showtime(hall(3, 6), { max_seats_per_hold: 3 });
  const ada = await visit(house);
  await ada.open(show);
  await ada.pick("A1", "A2", "A3");
  await ada.seat("A4").click();
  await until("the limit is named", async () => /up to 3 seats/.test(await ada.page.locator("[data-notice]").innerText()));
  await ada.press("hold");
  await ada.phase("held");
  await ada.seat("A2").click();
  await ada.see("A2", "available");
  await ada.seat("C6").click();
  await ada.see("C6", "mine");
  assert.equal((await show.statuses()).C6, "held");
  await ada.press("extend");
  await ada.phase("held");
  await ada.press("let-go");
  await ada.phase("picking");
  await ada.see("A1", "available");
  assert.ok(Object.values(await show.statuses()).every((status) => status === "available"));
  await ada.page.reload();
  await ada.phase("picking");
  await ada.leave();
});

test("who loses a seat between pick and hold is told which, and keeps the rest", async () => {
  const show = await house.showtime(hall(3, 6));
  const ada = await visit(house);
  // News come late, so that the page cannot know.
  await ada.page.routeWebSocket(/\/live/, () => {});
  await ada.page.goto(show.page);
  await ada.page.waitForSelector(".seat");
  await ada.pick("A1", "A2", "A3");
  await show.book("A2");
  await ada.press("hold");
  await until("the lost seat is named", async () => /A2 is no longer available. Your other 2 seats are still picked/.test(await ada.panel()));
  assert.deepEqual([await ada.standing("A1"), await ada.standing("A3")], ["picked", "picked"]);
  assert.equal((await show.statuses()).A1, "available");
  await ada.press("hold");
  await ada.phase("held");
  assert.match(await ada.panel(), /You hold A1 and A3/);
  await ada.leave();
});

test("a seat that a stranger takes leaves the pick at once", async () => {
  const show = await house.showtime(hall(3, 6));
  const ada = await visit(house);
  await ada.open(show);
  await ada.pick("A1", "A2");
  await show.hold("A2");
  await ada.see("A2", "held");
  assert.match(await ada.page.locator("[data-notice]").innerText(), /A2 is no longer available/);
  assert.match(await ada.page.locator("[data-announce=urgent]").textContent(), /A2 was just taken/);
  assert.equal(await ada.standing("A1"), "picked");
  await ada.leave();
});

test("time is up: the seats go back, and can be held again", async () => {
  const show = await house.showtime(hall(3, 6), { hold_ttl_s: 3, max_hold_ttl_s: 3 });
  const ada = await visit(house);
  await ada.open(show);
  await ada.pick("A1", "A2");
  await ada.press("hold");
  await ada.phase("held");
  assert.match(await ada.page.locator("[data-announce=urgent]").textContent(), /One minute left|^$/);
  await ada.phase("time_up");
  assert.match(await ada.panel(), /Time is up[^]*A1 and A2/);
  await ada.see("A1", "available");
  await show.book("A2");
  await ada.see("A2", "booked");
  await ada.press("again");
  await until("the lost seat is named", async () => /A2 is no longer available/.test(await ada.panel()));
  await ada.press("hold");
  await ada.phase("held");
  assert.match(await ada.panel(), /You hold A1/);
  await ada.leave();
});

test("a hold whose answer was lost is found again, not doubled", async () => {
  const show = await house.showtime(hall(3, 6));
  const ada = await visit(house, {}, { mayBeAway: true });
  await ada.open(show);
  await ada.pick("A1");
  await ada.page.route("**/holds", async (route) => {
    await route.fetch();
    await route.abort();
  });
  await ada.press("hold");
  await until("the server has the hold", async () => (await show.statuses()).A1 === "held");
  await ada.page.unroute("**/holds");
  await ada.page.reload();
  await ada.phase("held");
  assert.match(await ada.panel(), /You hold A1/);
  await ada.press("let-go");
  await ada.see("A1", "available");
  await ada.leave();
});

test("a crowded server is asked again, and nothing is held twice", async () => {
  const show = await house.showtime(hall(3, 6));
  const ada = await visit(house, {}, { mayBeAway: true });
  await ada.open(show);
  await ada.pick("A1");
  const keys = [];
  await ada.page.route("**/holds", async (route) => {
    keys.push(route.request().headers()["idempotency-key"]);
    if (keys.length > 2) return route.continue();
    const problem = { status: 503, code: "overloaded", retry_after_ms: 50 };
    // The first was done all the same; only its answer says that it is not known.
    if (keys.length === 1) await route.fetch();
    await route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify(problem) });
  });
  await ada.press("hold");
  await ada.phase("held");
  assert.equal(keys.length, 3);
  assert.equal(new Set(keys).size, 1);
  assert.equal(Object.values(await show.statuses()).filter((status) => status === "held").length, 1);
  await ada.leave();
});

test("in the last minute the page asks whether to keep the seats longer", async () => {
  const show = await house.showtime(hall(3, 6), { hold_ttl_s: 61, max_hold_ttl_s: 300 });
  const ada = await visit(house);
  await ada.open(show);
  await ada.pick("A1");
  await ada.press("hold");
  await ada.phase("held");
  await until("the last minute is announced", async () => /One minute left/.test(await ada.page.locator("[data-announce=urgent]").textContent()));
  assert.match(await ada.page.locator(".notice.soon").innerText(), /One minute left/);
  await ada.press("extend");
  await until("the notice is gone", async () => (await ada.page.locator(".notice.soon").count()) === 0);
  assert.match(await ada.page.locator(".clock").innerText(), /^1:0[01]$/);
  await ada.leave();
});

test("another tab of the same browser has the same hold", async () => {
  const show = await house.showtime(hall(3, 6));
  const ada = await visit(house);
  await ada.open(show);
  const other = await ada.context.newPage();
  await other.goto(show.page);
  await other.waitForSelector(".seat");
  await ada.pick("A1");
  await ada.press("hold");
  await ada.phase("held");
  await other.waitForSelector('.panel[data-phase="held"]');
  await other.locator('[data-key="let-go"]').click();
  await ada.phase("picking");
  await ada.leave();
});

test("the programme tells of one's own hold, also in another tab, and leads back", async () => {
  const show = await house.showtime(hall(3, 6));
  const ada = await visit(house);
  await ada.open(show);
  const other = await ada.context.newPage();
  await other.goto(house.url);
  await other.waitForSelector(".movie");
  const told = async (page) => (await page.locator(".own-holds").innerText()).replace(/\s+/g, " ");
  assert.equal(await told(other), "");
  await ada.pick("A1", "A2");
  await ada.press("hold");
  await ada.phase("held");
  await until("the other tab tells", async () => /^You hold A1 and A2 for Orbit of Two [78]:\d\d$/.test(await told(other)));
  await ada.page.locator(".back").click();
  await until("this one, too", async () => /^You hold A1 and A2/.test(await told(ada.page)));
  await ada.isAccessible("a hold on the programme");
  await other.locator(".own-holds a").click();
  await other.waitForSelector('.panel[data-phase="held"]');
  await other.locator('[data-key="let-go"]').click();
  await until("nothing is held", async () => (await told(ada.page)) === "");
  await ada.leave();
});

test("a sale that is to come counts down and opens by itself", async () => {
  const show = await house.showtime(hall(3, 6), { on_sale_at: new Date(Date.now() + 4000).toISOString() });
  const ada = await visit(house);
  await ada.open(show);
  assert.match(await ada.page.locator(".banner").innerText(), /opens in 0:0\d/);
  await ada.seat("A1").click();
  assert.equal(await ada.standing("A1"), "available");
  await until("the sale opens", () => ada.page.locator(".banner").isHidden());
  await ada.pick("A1");
  await ada.press("hold");
  await ada.phase("held");
  await ada.leave();
});

test("who is a moment early for the sale, by a clock that is not the server's, holds all the same", async () => {
  const show = await house.showtime(hall(3, 6));
  const ada = await visit(house, {}, { mayBeAway: true });
  await ada.open(show);
  await ada.pick("A1");
  let asked = 0;
  await ada.page.route("**/holds", async (route) => {
    asked += 1;
    if (asked > 2) return route.continue();
    const problem = { status: 409, code: "not_on_sale", on_sale_at: new Date().toISOString() };
    await route.fulfill({ status: 409, contentType: "application/problem+json", body: JSON.stringify(problem) });
  });
  await ada.press("hold");
  await ada.phase("held");
  assert.equal(asked, 3);
  await ada.leave();
});

test("a showtime that is not there says so, and so does junk", async () => {
  const ada = await visit(house);
  for (const id of ["sho_0000000000", "junk", "%F0%9F%8E%AC"]) {
    await ada.page.goto(`${house.url}/showtimes/${id}`);
    await ada.page.waitForSelector(".empty");
    assert.match(await ada.page.locator("main").innerText(), /no such showtime/);
  }
  await ada.page.locator(".back").click();
  await ada.page.waitForSelector(".movie");
  await ada.leave();
});

test("where the shop takes the money, the page holds and the shop books", async () => {
  const paying = await House.open("--bookings-confirm-by", "key");
  try {
    const show = await paying.showtime(hall(3, 6));
    const ada = await visit(paying);
    await ada.open(show);
    await ada.pick("A1");
    await ada.press("hold");
    await ada.phase("held");
    await ada.press("book");
    await until("why not", async () => /Booking is finished at the till/.test(await ada.panel()));
    assert.equal(await ada.standing("A1"), "mine");
    const { hold } = await ada.page.evaluate((key) => JSON.parse(localStorage.getItem(key)), `boxoffice:${show.id}`);
    await paying.post("/v1/bookings", { hold: hold.id });
    await ada.phase("booked");
    await ada.see("A1", "booked_mine");
    await ada.leave();
  } finally {
    await paying.close();
  }
});

test("the programme is as one left it: its day, and where it was scrolled to", async () => {
  const day = (days) => new Date(Date.now() + days * 86_400_000).toISOString();
  const first = await house.showtime(hall(1, 2), { starts_at: day(2) });
  const { auditorium } = await house.get(first.path);
  const prices = { standard: { adult: 1250 } };
  for (let number = 1; number <= 12; number += 1) {
    const movie = (await house.post("/v1/movies", { title: `Feature ${number}` })).id;
    await house.post("/v1/showtimes", { movie, auditorium: auditorium.id, starts_at: day(2), currency: "EUR", prices });
  }
  const ada = await visit(house);
  const pressed = () => ada.page.locator(".days [aria-pressed=true]").getAttribute("data-key");
  const top = () => ada.page.evaluate(() => scrollY);
  await ada.page.goto(house.url);
  await ada.page.locator(".days button").last().click();
  const chosen = await pressed();
  const last = ada.page.locator(".time").last();
  await last.scrollIntoViewIfNeeded();
  await until("it is scrolled", async () => (await top()) > 300);
  const before = await top();
  for (const back of [() => ada.page.goBack(), () => ada.page.locator(".back").click()]) {
    await last.click();
    await ada.page.waitForSelector(".seat");
    assert.equal(await top(), 0);
    await back();
    await until("one is where one was", async () => Math.abs((await top()) - before) < 2);
    assert.equal(await pressed(), chosen);
  }
  // Who came by a link finds the other showtimes of that day.
  await ada.page.goto(first.page);
  await ada.page.waitForSelector(".seat");
  await ada.page.locator(".back").click();
  await ada.page.waitForSelector(".movie");
  assert.equal(await pressed(), chosen);
  await ada.leave();
});
