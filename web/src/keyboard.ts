/** The map by keyboard: one tab stop, and a focus that moves from seat to seat as they are drawn. */

import { endOfRow, neighbour, type Direction, type Seat } from "./geometry";

const DIRECTIONS: Record<string, Direction> = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

export interface Keys {
  seats(): readonly Seat[];
  element(seat: Seat): SVGElement | undefined;
  press(seat: Seat): void;
  /** The focus came to a seat. */
  reveal(seat: Seat): void;
  zoom(direction: 1 | -1 | 0): void;
}

export class Roving {
  #current: Seat | undefined;

  readonly #keys: Keys;

  constructor(
    element: SVGSVGElement,
    keys: Keys,
  ) {
    this.#keys = keys;
    element.addEventListener("keydown", (event) => this.#keydown(event));
    element.addEventListener("focusin", (event) => {
      const label = (event.target as Element).getAttribute("data-seat");
      const seat = label === null ? undefined : this.#keys.seats().find((candidate) => candidate.label === label);
      if (!seat) return;
      this.settle(seat);
      if ((event.target as Element).matches(":focus-visible")) this.#keys.reveal(seat);
    });
  }

  /** Which seat Tab leads to. */
  settle(seat: Seat | undefined): void {
    if (this.#current) this.#keys.element(this.#current)?.setAttribute("tabindex", "-1");
    this.#current = seat;
    if (seat) this.#keys.element(seat)?.setAttribute("tabindex", "0");
  }

  #keydown(event: KeyboardEvent): void {
    const seat = this.#current;
    if (!seat || event.altKey || event.metaKey) return;
    if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      if (!event.repeat) this.#keys.press(seat);
      return;
    }
    if (!event.ctrlKey && ["+", "=", "-", "0"].includes(event.key)) {
      event.preventDefault();
      this.#keys.zoom(event.key === "0" ? 0 : event.key === "-" ? -1 : 1);
      return;
    }
    const next = this.#next(event, seat);
    if (next === null) return;
    event.preventDefault();
    if (next) this.#keys.element(next)?.focus();
  }

  /** Where a key leads; undefined at an edge, null for a key that is not ours. */
  #next(event: KeyboardEvent, seat: Seat): Seat | undefined | null {
    const seats = this.#keys.seats();
    const direction = DIRECTIONS[event.key];
    if (direction && !event.ctrlKey && !event.shiftKey) return neighbour(seats, seat, direction);
    if (event.key === "Home") return event.ctrlKey ? seats[0] : endOfRow(seats, seat, false);
    if (event.key === "End") return event.ctrlKey ? seats[seats.length - 1] : endOfRow(seats, seat, true);
    return null;
  }
}
