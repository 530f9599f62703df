// A server of its own for each test file, with a cinema in it: the real binary, which BOXOFFICE_BINARY names.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

const KEY = "the-administrator-of-the-tests";
const START_MS = 30_000;

/** Waits until something is true, or fails with what it is instead. */
export async function until(what, look, ms = 15_000) {
  const latest = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > latest) assert.fail(`${what}: not within ${ms} ms`);
    await pause(25);
  }
}

export class House {
  #folder = mkdtempSync(join(tmpdir(), "boxoffice-page-"));
  #flags;
  #child;
  port = 0;

  /** A server with these flags, and a cinema in Tokyo, where hardly any test runs. */
  static async open(...flags) {
    const house = new House();
    house.#flags = flags;
    await house.start();
    house.cinema = (await house.post("/v1/cinemas", { name: "Lantern", time_zone: "Asia/Tokyo" })).id;
    house.movie = (await house.post("/v1/movies", { title: "Orbit of Two", runtime_min: 142, rating: "12" })).id;
    return house;
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts the server on the data that there is, at the same port as before. */
  async start() {
    const binary = process.env.BOXOFFICE_BINARY;
    assert.ok(binary, "BOXOFFICE_BINARY names the program");
    const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("BOXOFFICE_")));
    const store = `sqlite:${join(this.#folder, "boxoffice.db")}`;
    const child = spawn(binary, ["serve", "--listen", `127.0.0.1:${this.port}`, "--store", store, ...this.#flags], {
      cwd: this.#folder,
      env: { ...environment, BOXOFFICE_ADMIN_KEY: KEY },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    const said = [];
    this.port = await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`the server did not start:\n${said.join("\n")}`)), START_MS);
      child.once("exit", () => reject(new Error(`the server ended:\n${said.join("\n")}`)));
      createInterface(child.stderr).on("line", (line) => {
        said.push(line);
        const port = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1];
        if (port === undefined) return;
        clearTimeout(late);
        resolve(Number(port));
      });
    });
  }

  /** kill -9. */
  async kill() {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  async close() {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async ask(method, path, body, token = KEY) {
    const response = await fetch(this.url + path, {
      method,
      headers: { Authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer = response.status === 204 ? undefined : await response.json();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer;
  }

  get(path) {
    return this.ask("GET", path);
  }

  post(path, body, token) {
    return this.ask("POST", path, body, token);
  }

  /** A showtime in a room of this plan, with two tickets and one price for all categories. */
  async showtime(plan, changes = {}) {
    const auditorium = await this.post("/v1/auditoriums", { name: "Grand Hall", cinema: this.cinema, plan });
    const { categories } = await this.get(`/v1/plans/${auditorium.plan}`);
    const prices = Object.fromEntries(categories.map(({ key }) => [key, { adult: 1250, child: 900 }]));
    const starts_at = new Date(Date.now() + 86_400_000).toISOString();
    const showtime = { movie: this.movie, auditorium: auditorium.id, starts_at, currency: "EUR", prices, ...changes };
    return new Show(this, (await this.post("/v1/showtimes", showtime)).id);
  }
}

export class Show {
  constructor(house, id) {
    this.house = house;
    this.id = id;
    this.path = `/v1/showtimes/${id}`;
    this.page = `${house.url}/showtimes/${id}`;
  }

  hold(...seats) {
    return this.house.post(`${this.path}/holds`, { seats });
  }

  async book(...seats) {
    const hold = await this.hold(...seats);
    return this.house.post("/v1/bookings", { hold: hold.id }, hold.token);
  }

  /** Each seat's status, as the server has it. */
  async statuses() {
    const { seats } = await this.house.get(`${this.path}/seats`);
    return Object.fromEntries(seats.map(({ seat, status }) => [seat, status]));
  }
}

/** A room that opens by sections: 1,200 seats in each of these zones. */
export const arena = (...zones) => ({
  rows: zones.flatMap((zone) => Array.from({ length: 40 }, (_, row) => ({ row: `${zone[0]}${row + 1}`, zone, seats: 30 }))),
});

/** A room of rows A, B, C… with so many seats each. */
export const hall = (rows, seats) => ({
  rows: Array.from({ length: rows }, (_, row) => ({ row: String.fromCharCode(65 + row), seats })),
});
