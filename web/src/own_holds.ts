/** One's own running holds, where their maps are not seen: a line for each, with the time left, which leads back. */

import { api } from "./api";
import { Deadline } from "./clock";
import { html, inside } from "./dom";
import { countdown } from "./format";
import { keptHolds } from "./own";
import { showtimePath } from "./router";
import * as strings from "./strings";

export class OwnHolds {
  readonly element = html("div", { class: "own-holds" });
  readonly #timer = setInterval(() => this.#tick(), 250);
  #clocks: { clock: HTMLElement; deadline: Deadline }[] = [];
  #reads = 0;

  constructor() {
    addEventListener("storage", this.#read);
    void this.#read();
  }

  leave(): void {
    this.#reads += 1;
    clearInterval(this.#timer);
    removeEventListener("storage", this.#read);
  }

  /** The server says which of those that this browser has still run. */
  readonly #read = async (): Promise<void> => {
    const read = ++this.#reads;
    this.#clocks = [];
    const holds = keptHolds().map(async ({ id, token }) => {
      const hold = await api.readHold(id, token);
      const deadline = Deadline.in(hold.expires_in_ms);
      return hold.status === "active" ? { hold, deadline, showtime: await api.showtime(hold.showtime) } : Promise.reject();
    });
    const running = (await Promise.allSettled(holds)).flatMap((hold) => (hold.status === "fulfilled" ? [hold.value] : []));
    if (read !== this.#reads) return;
    const lines = running.map(({ hold, deadline, showtime }) => {
      const clock = html("span", { class: "clock" }, countdown(deadline.left()));
      this.#clocks.push({ clock, deadline });
      const text = strings.youHoldFor(hold.seats.map(({ seat }) => seat), showtime.movie.title);
      return inside(showtimePath(showtime.id), { class: "banner", "data-key": `hold-${hold.id}` }, html("span", {}, text), " ", clock);
    });
    this.element.replaceChildren(...lines);
  };

  #tick(): void {
    for (const { clock, deadline } of this.#clocks) clock.textContent = countdown(deadline.left());
    // Another tab may have kept it longer.
    if (this.#clocks.some(({ deadline }) => deadline.left() <= 0)) void this.#read();
  }
}
