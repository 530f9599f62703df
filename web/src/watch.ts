/** Following the seats of one showtime: its map, kept by the live messages or by polling, and what is news in them. */

import { api, Problem } from "./api";
import { Live, type LiveState } from "./live";
import { root } from "./router";
import { Parts, SeatMap, type Applied } from "./seat_map";
import type { Delta, LiveMessage, SeatChange, Snapshot } from "./types";

export interface WatchEvents {
  /** These seats look different now; the first map is no news. */
  seats(changed: readonly string[], news: boolean): void;
  /** The showtime itself was changed. */
  showtime(): void;
  /** The showtime is over: cancelled or deleted. */
  closed(reason: string): void;
  connection(state: LiveState, before: LiveState): void;
}

/** Everybody hears of a changed showtime in the same instant, and shall not ask in the same one. */
const SPREAD_MS = 1500;

export class Watch {
  readonly #map = new SeatMap();
  readonly #snapshots = new Parts<Snapshot>();
  readonly #deltas = new Parts<Delta>();
  readonly #abort = new AbortController();
  readonly #showtime: string;
  readonly #events: WatchEvents;
  readonly #live: Live;
  #state: LiveState = "connecting";
  #hasMap = false;

  constructor(showtime: string, events: WatchEvents) {
    this.#showtime = showtime;
    this.#events = events;
    this.#live = new Live(new URL(`${root()}/v1/showtimes/${encodeURIComponent(showtime)}/live`, location.href).href, {
      message: (message) => this.#hear(message),
      state: (state) => this.#connected(state),
      position: () => this.#map.position,
      poll: () => this.#poll(),
    });
  }

  /** Begins: the first map by a plain request, which is there at once, also where nothing stays open. */
  start(): void {
    this.#live.start();
    void this.#poll().catch(() => undefined);
  }

  end(): void {
    this.#live.end();
    this.#abort.abort();
  }

  /** Whether there is a map yet. */
  get isKnown(): boolean {
    return this.#map.epoch !== undefined;
  }

  status(seat: string): string {
    return this.#map.get(seat).status;
  }

  /** How many of these seats have each status. */
  counts(seats: Iterable<string>): Record<string, number> {
    return this.#map.counts(seats);
  }

  /** What an answer to us says of seats: the map need not wait for the news of our own doing. */
  learn(seats: readonly SeatChange[]): void {
    const { epoch, revision } = this.#map;
    if (epoch !== undefined) this.#map.delta({ epoch, from: revision, revision, seats });
  }

  #hear(message: LiveMessage): void {
    if (message.type === "snapshot") {
      const whole = this.#snapshots.add(message);
      if (whole) this.#applied(this.#map.snapshot(whole));
    } else if (message.type === "delta") {
      const whole = this.#deltas.add(message);
      if (whole) this.#applied(this.#map.delta(whole));
    } else if (message.type === "changed") {
      setTimeout(() => this.#events.showtime(), Math.random() * SPREAD_MS);
    } else if (message.type === "closed") {
      this.#live.end();
      this.#events.closed(message.reason);
    }
  }

  async #poll(): Promise<void> {
    const { reset, ...changes } = await api.changes(this.#showtime, this.#map.position ?? "0", this.#abort.signal).catch((error: unknown) => {
      // Deleted, while nobody could tell us.
      if (error instanceof Problem && error.code === "showtime_not_found") this.#hear({ type: "closed", reason: "deleted" });
      throw error;
    });
    const whole = reset === true || !this.isKnown;
    // A live connection may have been faster.
    if (whole && this.#map.epoch === changes.epoch && this.#map.revision >= changes.revision) return;
    this.#applied(whole ? this.#map.snapshot(changes) : this.#map.delta(changes));
  }

  #applied({ changed, gap }: Applied): void {
    if (gap) {
      this.#live.resync();
      return;
    }
    this.#events.seats(changed, this.#hasMap);
    this.#hasMap = true;
  }

  #connected(state: LiveState): void {
    const before = this.#state;
    this.#state = state;
    this.#events.connection(state, before);
  }
}
