/** What is said aloud: one's own affairs at once, strangers' only as counts and seldom. */

import { html } from "./dom";
import * as strings from "./strings";

const CROWD_MS = 10_000;

export class Announcer {
  readonly #polite = html("div", { class: "unseen", role: "status", "data-announce": "polite" });
  readonly #urgent = html("div", { class: "unseen", role: "alert", "data-announce": "urgent" });
  #taken = 0;
  #freed = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    document.body.append(this.#polite, this.#urgent);
  }

  /** Says something; urgent words may interrupt. */
  say(text: string, urgent = false): void {
    const region = urgent ? this.#urgent : this.#polite;
    // The same words again are news again.
    region.textContent = region.textContent === text ? `${text}\u00a0` : text;
  }

  /** Strangers took or gave back seats: said together, at most every ten seconds. */
  crowd(taken: number, freed: number): void {
    this.#taken += taken;
    this.#freed += freed;
    if (this.#timer !== undefined || this.#taken + this.#freed === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.say(strings.announceOthers(this.#taken, this.#freed));
      [this.#taken, this.#freed] = [0, 0];
    }, CROWD_MS);
  }

  /** Forgets what is not said yet: another page is shown. */
  hush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    [this.#taken, this.#freed] = [0, 0];
  }
}
