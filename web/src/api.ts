/** Requests to the API: problems as values with a code, and patience where patience helps. */

import { backoff, wait } from "./backoff";
import { ServerClock } from "./clock";
import { root } from "./router";
import { sentence } from "./strings";
import type { Booking, Changes, Conflict, Hold, Page, Plan, ProblemBody, Showtime } from "./types";

/** The server said no, or said nothing. */
export class Problem extends Error {
  constructor(readonly body: ProblemBody) {
    super(sentence(body.code, body.status));
  }

  get code(): string {
    return this.body.code;
  }

  get conflicts(): Conflict[] {
    return this.body.conflicts ?? [];
  }

  /** Whether the same request may succeed by and by. */
  get passes(): boolean {
    return this.body.status === 503 || this.code === "unreachable" || this.code === "idempotency_in_progress";
  }
}

interface Ask {
  method?: string;
  token?: string;
  body?: unknown;
  /** Makes a repeated change safe. */
  key?: string;
  /** How often to try in all while there is hope. */
  tries?: number;
  signal?: AbortSignal;
}

export const serverClock = new ServerClock();

/** A new Idempotency-Key. randomUUID is missing where a page came over plain HTTP from another machine. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const NO_ANSWER: ProblemBody = { status: 0, code: "unreachable" };

async function once<Answer>(path: string, ask: Ask): Promise<Answer> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (ask.token) headers["Authorization"] = `Bearer ${ask.token}`;
  if (ask.body !== undefined) headers["Content-Type"] = "application/json";
  if (ask.key) headers["Idempotency-Key"] = ask.key;
  const body = ask.body === undefined ? {} : { body: JSON.stringify(ask.body) };
  const timeout = AbortSignal.timeout(20_000);
  const signal = ask.signal && "any" in AbortSignal ? AbortSignal.any([ask.signal, timeout]) : (ask.signal ?? timeout);
  let response: Response;
  try {
    response = await fetch(root() + path, { method: ask.method ?? "GET", headers, credentials: "omit", signal, ...body });
  } catch {
    throw new Problem(NO_ANSWER);
  }
  serverClock.heard(response.headers.get("Date"));
  if (response.status === 204) return undefined as Answer;
  let answer: unknown;
  try {
    answer = await response.json();
  } catch {
    // A proxy's page, or a connection that broke off in the middle.
    const status = response.ok ? 0 : response.status;
    throw new Problem(status === 502 || status === 503 || status === 504 || status === 0 ? NO_ANSWER : { status, code: "" });
  }
  if (response.ok) return answer as Answer;
  throw new Problem({ code: "", ...(answer as Partial<ProblemBody>), status: response.status });
}

async function request<Answer>(path: string, ask: Ask = {}): Promise<Answer> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await once<Answer>(path, ask);
    } catch (error) {
      if (!(error instanceof Problem) || !error.passes || ask.signal?.aborted || failures + 1 >= (ask.tries ?? 4)) throw error;
      // The server's own advice is spread already; a little more does no harm.
      const advised = error.body.retry_after_ms;
      await wait(advised === undefined ? backoff(failures) : advised * (1 + Math.random() / 4));
    }
  }
}

export interface Wanted {
  seat: string;
  ticket: string;
}

const id = encodeURIComponent;

export const api = {
  showtimes: (query: string) => request<Page<Showtime>>(`/v1/showtimes${query}`),
  showtime: (showtime: string) => request<Showtime>(`/v1/showtimes/${id(showtime)}`),
  plan: (hash: string) => request<Plan>(`/v1/plans/${id(hash)}`),
  changes: (showtime: string, since: string, signal?: AbortSignal) =>
    request<Changes>(`/v1/showtimes/${id(showtime)}/seats?since=${id(since)}`, { tries: 1, ...(signal ? { signal } : {}) }),

  hold: (showtime: string, seats: Wanted[], key: string) =>
    request<Hold>(`/v1/showtimes/${id(showtime)}/holds`, { method: "POST", body: { seats }, key }),
  readHold: (hold: string, token: string) => request<Hold>(`/v1/holds/${id(hold)}`, { token }),
  changeHold: (hold: string, token: string, change: { add?: Wanted[]; remove?: string[]; extend?: true }, key: string) =>
    request<Hold>(`/v1/holds/${id(hold)}`, { method: "PATCH", token, body: change, key }),
  release: (hold: string, token: string, key: string) =>
    request<void>(`/v1/holds/${id(hold)}`, { method: "DELETE", token, key }),
  book: (hold: string, token: string, contact: { name?: string; email?: string }, key: string) =>
    request<Booking>("/v1/bookings", {
      method: "POST",
      token,
      key,
      body: { hold, ...(contact.name || contact.email ? { contact } : {}) },
    }),
  readBooking: (booking: string, token: string) => request<Booking>(`/v1/bookings/${id(booking)}`, { token }),
};
