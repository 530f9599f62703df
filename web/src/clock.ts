/** Time left on a clock that nobody sets: wall clocks jump, and those of buyers are often wrong. */

/** Milliseconds on the monotonic clock. */
export const ticks = (): number => performance.now();

/** A deadline, told as the time left until it. */
export class Deadline {
  private constructor(private readonly at: number) {}

  static in(ms: number, now = ticks()): Deadline {
    return new Deadline(now + ms);
  }

  left(now = ticks()): number {
    return this.at - now;
  }
}

/** What the server's clock shows: set by the Date of its answers, carried on by the monotonic clock. */
export class ServerClock {
  #offset: number | undefined;

  /** Takes over a Date header, which is up to a second old when it is read. */
  heard(date: string | null, now = ticks()): void {
    const at = date === null ? NaN : Date.parse(date);
    if (!Number.isNaN(at)) this.#offset = at + 500 - now;
  }

  /** Milliseconds since 1970, by the server's clock as soon as that is known. */
  now(now = ticks()): number {
    return this.#offset === undefined ? Date.now() : this.#offset + now;
  }
}
