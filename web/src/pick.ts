/** What somebody has picked and not yet held: seats with a ticket each, within the limit. */

import type { Wanted } from "./api";

export type Toggled = "picked" | "unpicked" | "limit";

export class PickedSeats {
  /** In the order of picking. */
  #tickets = new Map<string, string>();

  constructor(readonly limit: number) {}

  has(seat: string): boolean {
    return this.#tickets.has(seat);
  }

  get size(): number {
    return this.#tickets.size;
  }

  get seats(): string[] {
    return [...this.#tickets.keys()];
  }

  get wanted(): Wanted[] {
    return [...this.#tickets].map(([seat, ticket]) => ({ seat, ticket }));
  }

  /** Picks a seat with its default ticket, or lets it go again. */
  toggle(seat: string, ticket: string): Toggled {
    if (this.#tickets.delete(seat)) return "unpicked";
    if (this.#tickets.size >= this.limit) return "limit";
    this.#tickets.set(seat, ticket);
    return "picked";
  }

  choose(seat: string, ticket: string): void {
    if (this.#tickets.has(seat)) this.#tickets.set(seat, ticket);
  }

  /** Takes these seats out, and says which of them were in it. */
  lose(seats: Iterable<string>): string[] {
    return [...seats].filter((seat) => this.#tickets.delete(seat));
  }

  clear(): void {
    this.#tickets.clear();
  }
}
