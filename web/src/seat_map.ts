/** The state of a showtime's seats, as the server's messages tell it. */

import type { Delta, SeatChange, SeatStatus, Snapshot } from "./types";

export interface SeatState {
  status: SeatStatus;
  version: number;
}

const UNTOUCHED: SeatState = { status: "available", version: 0 };

/** What applying a message came to. */
export interface Applied {
  /** Labels of the seats that look different now. */
  changed: string[];
  /** Whether the message does not join on to this map, so that the map must be asked for again. */
  gap: boolean;
}

/**
 * Follows the protocol of docs/http.md: a snapshot replaces the map, so does another epoch; a seat of a delta counts
 * if its version is greater than ours, so deltas may come twice and in any order.
 */
export class SeatMap {
  epoch: string | undefined;
  revision = 0;
  #seats = new Map<string, SeatState>();

  get(seat: string): SeatState {
    return this.#seats.get(seat) ?? UNTOUCHED;
  }

  /** Where to resume, as `since` takes it. */
  get position(): string | undefined {
    return this.epoch === undefined ? undefined : `${this.epoch}-${this.revision}`;
  }

  snapshot({ epoch, revision, seats }: Omit<Snapshot, "type">): Applied {
    const before = this.#seats;
    this.#seats = new Map(seats.map(({ seat, status, version }) => [seat, { status, version }]));
    [this.epoch, this.revision] = [epoch, revision];
    const labels = new Set([...before.keys(), ...this.#seats.keys()]);
    const changed = [...labels].filter((seat) => (before.get(seat) ?? UNTOUCHED).status !== this.get(seat).status);
    return { changed, gap: false };
  }

  delta({ epoch, from, revision, seats }: { epoch: string; from: number; revision: number; seats: readonly SeatChange[] }): Applied {
    if (epoch !== this.epoch || from > this.revision) return { changed: [], gap: true };
    const changed = seats.filter((seat) => this.#apply(seat)).map(({ seat }) => seat);
    this.revision = Math.max(this.revision, revision);
    return { changed, gap: false };
  }

  /** Takes over one seat if it is news; true if it looks different now. */
  #apply({ seat, status, version }: SeatChange): boolean {
    const before = this.get(seat);
    if (version <= before.version) return false;
    this.#seats.set(seat, { status, version });
    return before.status !== status;
  }

  /** How many of these seats have each status. */
  counts(labels: Iterable<string>): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const label of labels) {
      const { status } = this.get(label);
      counts[status] = (counts[status] ?? 0) + 1;
    }
    return counts;
  }
}

/** Gathers what comes in several parts; gives the whole back with the last of them. */
export class Parts<Message extends Snapshot | Delta> {
  #gathered: SeatChange[] = [];
  #seen = 0;

  add(message: Message): Message | undefined {
    if ((message.parts ?? 1) <= 1) return message;
    if (message.part === 1 || this.#seen === 0) [this.#gathered, this.#seen] = [[], 0];
    this.#gathered.push(...message.seats);
    this.#seen += 1;
    if (this.#seen < (message.parts ?? 1)) return undefined;
    const whole = { ...message, seats: this.#gathered };
    [this.#gathered, this.#seen] = [[], 0];
    return whole;
  }
}
