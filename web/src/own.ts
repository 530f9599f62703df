/** One's own hold and bookings, kept in this browser: a reload, a crash or a closed tab never locks anybody out. */

import type { Wanted } from "./api";
import type { Amount } from "./types";

export interface OwnHold {
  id: string;
  token: string;
  seats: Wanted[];
}

export interface OwnBooking {
  id: string;
  token: string;
  reference: string;
  seats: string[];
  total: Amount;
}

/** A hold that was asked for and not yet answered: asked again under the same key, it is the same hold. */
export interface Pending {
  key: string;
  seats: Wanted[];
  at: number;
}

export interface Own {
  hold?: OwnHold;
  pending?: Pending;
  bookings: OwnBooking[];
}

const PREFIX = "boxoffice:";
/** A pending request that is older is not repeated: its asker has gone. */
const PENDING_MS = 120_000;

/** What is kept for each showtime; in memory alone where a browser keeps nothing. */
export class OwnStore {
  #own: Own;

  readonly #storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | undefined;

  constructor(
    readonly showtime: string,
    storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | undefined = localStorageIfAny(),
  ) {
    this.#storage = storage;
    this.#own = this.#read();
  }

  get value(): Own {
    return this.#own;
  }

  /** Whether a storage event is about this showtime. */
  isKey(key: string | null): boolean {
    return key === null || key === PREFIX + this.showtime;
  }

  /** Takes over what another tab has kept. */
  reread(): Own {
    return (this.#own = this.#read());
  }

  setHold(hold: OwnHold | undefined): void {
    const { hold: _, pending: __, ...rest } = this.#own;
    this.#write(hold ? { ...rest, hold } : rest);
  }

  setPending(pending: Pending | undefined): void {
    const { pending: _, ...rest } = this.#own;
    this.#write(pending ? { ...rest, pending } : rest);
  }

  /** A request to ask again, if there is one that is young enough. */
  pending(now = Date.now()): Pending | undefined {
    const { pending } = this.#own;
    return pending && now - pending.at < PENDING_MS && pending.at <= now + 1000 ? pending : undefined;
  }

  addBooking(booking: OwnBooking): void {
    const { hold: _, pending: __, ...rest } = this.#own;
    this.#write({ ...rest, bookings: [...rest.bookings.filter(({ id }) => id !== booking.id), booking] });
  }

  /** Forgets a booking, which was cancelled. */
  dropBooking(id: string): void {
    this.#write({ ...this.#own, bookings: this.#own.bookings.filter((booking) => booking.id !== id) });
  }

  #read(): Own {
    try {
      const kept = JSON.parse(this.#storage?.getItem(PREFIX + this.showtime) ?? "null") as Partial<Own> | null;
      return { ...kept, bookings: Array.isArray(kept?.bookings) ? kept.bookings : [] };
    } catch {
      return { bookings: [] };
    }
  }

  #write(own: Own): void {
    this.#own = own;
    try {
      const empty = !own.hold && !own.pending && own.bookings.length === 0;
      if (empty) this.#storage?.removeItem(PREFIX + this.showtime);
      else this.#storage?.setItem(PREFIX + this.showtime, JSON.stringify(own));
    } catch {
      // Full, or forbidden: it lasts as long as this page.
    }
  }
}

/** The holds of all showtimes that this browser has kept, running or not. */
export function keptHolds(storage = localStorageIfAny()): OwnHold[] {
  const showtimes = Object.keys(storage ?? {}).flatMap((key) => (key.startsWith(PREFIX) ? [key.slice(PREFIX.length)] : []));
  return showtimes.flatMap((showtime) => new OwnStore(showtime, storage).value.hold ?? []);
}

function localStorageIfAny(): Storage | undefined {
  try {
    return localStorage;
  } catch {
    return undefined;
  }
}
