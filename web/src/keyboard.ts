/** The map by keyboard: one tab stop, and a focus that moves from seat to seat, or section to section, as they are drawn. */

import { endOfRow, type Direction, type Place } from "./geometry";

const DIRECTIONS: Record<string, Direction> = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };

export interface Keys<At extends Place> {
  /** What is drawn now. */
  places(): readonly At[];
  element(place: At): Element | undefined;
  /** What an element stands for. */
  at(element: Element): At | undefined;
  /** What lies in a direction. */
  neighbour(from: At, direction: Direction): At | undefined;
  press(place: At): void;
  /** The focus came to a place. */
  reveal(place: At): void;
  zoom(direction: 1 | -1 | 0): void;
}

export class Roving<At extends Place> {
  #current: At | undefined;

  readonly #keys: Keys<At>;

  constructor(
    /** Not the svg itself: browsers make one that listens for focus a tab stop of its own. */
    around: HTMLElement,
    keys: Keys<At>,
  ) {
    this.#keys = keys;
    around.addEventListener("keydown", (event) => this.#keydown(event));
    around.addEventListener("focusin", (event) => {
      const element = event.target as Element;
      const place = this.#keys.at(element);
      if (!place) return;
      this.settle(place);
      if (element.matches(":focus-visible")) this.#keys.reveal(place);
    });
  }

  /** Which place Tab leads to. */
  settle(place: At | undefined): void {
    this.#allow("-1");
    this.#current = place;
    this.#allow("0");
  }

  focus(): void {
    this.#element()?.focus({ preventScroll: true });
  }

  #element(): SVGElement | undefined {
    return this.#current && (this.#keys.element(this.#current) as SVGElement | undefined);
  }

  #allow(tabs: "0" | "-1"): void {
    this.#element()?.setAttribute("tabindex", tabs);
  }

  #keydown(event: KeyboardEvent): void {
    const place = this.#current;
    if (!place || event.altKey || event.metaKey) return;
    if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      if (!event.repeat) this.#keys.press(place);
      return;
    }
    if (!event.ctrlKey && ["+", "=", "-", "0"].includes(event.key)) {
      event.preventDefault();
      this.#keys.zoom(event.key === "0" ? 0 : event.key === "-" ? -1 : 1);
      return;
    }
    const next = this.#next(event, place);
    if (next === null) return;
    event.preventDefault();
    if (!next) return;
    this.settle(next);
    this.#element()?.focus();
  }

  /** Where a key leads; undefined at an edge, null for a key that is not ours. */
  #next(event: KeyboardEvent, place: At): At | undefined | null {
    const places = this.#keys.places();
    const direction = DIRECTIONS[event.key];
    if (direction && !event.ctrlKey && !event.shiftKey) return this.#keys.neighbour(place, direction);
    if (event.key === "Home") return event.ctrlKey ? places[0] : endOfRow(places, place, false);
    if (event.key === "End") return event.ctrlKey ? places[places.length - 1] : endOfRow(places, place, true);
    return null;
  }
}
