// Somebody with a browser: watches for what must never happen, and reads the page as a person would.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { until } from "./house.mjs";

const CHROMIUM = process.env.BOXOFFICE_CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** What the browser itself says when a server is away; the page cannot keep it from saying so. */
const AWAY = /Failed to load resource: net::ERR_|WebSocket connection to .* failed|net::ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|status of 503/;

let browser;

/** A browser of its own: nothing is shared with other visitors but the server. */
export async function visit(house, options = {}, { mayBeAway = false } = {}) {
  browser ??= await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", ...options });
  return new Visitor(house, context, await context.newPage(), mayBeAway);
}

export async function goHome() {
  await browser?.close();
  browser = undefined;
}

export class Visitor {
  #faults = [];

  constructor(house, context, page, mayBeAway) {
    this.house = house;
    this.context = context;
    this.page = page;
    page.on("console", (message) => {
      // A refusal (409) is an answer, which the page explains; the browser reports it nevertheless.
      const refusal = /Failed to load resource: the server responded with a status of (403|404|409|422)/.test(message.text());
      if (["error", "warning"].includes(message.type()) && !refusal && !(mayBeAway && AWAY.test(message.text()))) {
        this.#faults.push(`console: ${message.text()}`);
      }
    });
    page.on("pageerror", (error) => this.#faults.push(`error: ${error.stack}`));
    page.on("request", (request) => {
      if (!request.url().startsWith(`${house.url}/`)) this.#faults.push(`a request left the origin: ${request.url()}`);
    });
    page.on("websocket", (socket) => {
      if (new URL(socket.url()).host !== new URL(house.url).host) this.#faults.push(`a socket left the origin: ${socket.url()}`);
    });
    page.addInitScript(() => {
      window.violations = [];
      addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
    });
  }

  async open(show) {
    await this.page.goto(show.page);
    await this.page.waitForSelector(".seat, .section");
    await this.connected();
  }

  connected(state = /live|polling/) {
    return until(`the page is connected (${state})`, async () => state.test((await this.page.getAttribute(".link", "data-state")) ?? ""), 30_000);
  }

  seat(label) {
    return this.page.locator(`[data-seat="${label}"]`);
  }

  standing(label) {
    return this.seat(label).getAttribute("data-standing");
  }

  see(label, standing) {
    return until(`${label} is ${standing}`, async () => (await this.standing(label)) === standing);
  }

  async pick(...labels) {
    for (const label of labels) {
      await this.seat(label).click();
      await this.see(label, "picked");
    }
  }

  press(key) {
    return this.page.locator(`[data-key="${key}"]`).click();
  }

  phase(phase) {
    return this.page.waitForSelector(`.panel[data-phase="${phase}"]:not(.busy)`);
  }

  panel() {
    return this.page.locator(".panel").innerText();
  }

  /** What the map shows, in the server's words: what is one's own is held or booked. */
  async statuses() {
    const shown = await this.page.$$eval("[data-seat]", (seats) =>
      seats.map((seat) => [seat.getAttribute("data-seat"), seat.getAttribute("data-standing")]),
    );
    const words = { picked: "available", mine: "held", booked_mine: "booked" };
    return Object.fromEntries(shown.map(([label, standing]) => [label, words[standing] ?? standing]));
  }

  /** How far from top to bottom and left to right something on the page reaches. */
  async reach(part) {
    const { x, y, width, height } = await (typeof part === "string" ? this.page.locator(part) : part).boundingBox();
    return { left: x, top: y, right: x + width, bottom: y + height };
  }

  /** Waits until the map is the server's. */
  async agrees(show) {
    await until("the map is the server's", async () => {
      const [shown, truth] = [await this.statuses(), await show.statuses()];
      return JSON.stringify(Object.entries(shown).sort()) === JSON.stringify(Object.entries(truth).sort());
    });
  }

  /** Lets axe look at the page. */
  async isAccessible(where) {
    // As a browser's own tools do it: the policy of the page lets no script in.
    const session = await this.context.newCDPSession(this.page);
    await session.send("Runtime.evaluate", { expression: readFileSync(AXE, "utf8") });
    const { violations } = await this.page.evaluate(() => globalThis.axe.run(document));
    const told = violations.map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map(({ html }) => `  ${html.slice(0, 160)}`).slice(0, 4).join("\n")}`);
    assert.equal(violations.length, 0, `${where}\n${told.join("\n")}`);
    await session.detach();
  }

  /** Leaves, and tells of everything that must never happen. */
  async leave() {
    const violations = await this.page.evaluate(() => window.violations ?? []);
    await this.context.close();
    assert.deepEqual([...this.#faults, ...violations], []);
  }
}
