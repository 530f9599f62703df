/** The head of a showtime: what is shown where and when, how many seats are free, and whether the map is live. */

import { html, inside, set } from "./dom";
import { clockTime, dayKey, longDate } from "./format";
import type { LiveState } from "./live";
import { wayBack } from "./router";
import * as strings from "./strings";
import type { Showtime } from "./types";

const CONNECTION: Record<LiveState | "over", string> = {
  connecting: strings.connecting,
  live: strings.live,
  polling: strings.polling,
  offline: strings.offline,
  over: strings.over,
};

export class Heading {
  readonly element: HTMLElement;
  /** What everybody must know: the sale is to come, or over. */
  readonly banner = html("p", { class: "banner", hidden: true });
  readonly #link = html("span", { class: "link" });
  readonly #free = html("span", { class: "free" });

  constructor(showtime: Showtime) {
    const { movie, auditorium, cinema } = showtime;
    const zone = cinema?.time_zone;
    const elsewhere = zone !== undefined && zone !== Intl.DateTimeFormat().resolvedOptions().timeZone;
    const city = zone?.replace(/^.*\//, "").replace(/_/g, " ") ?? "";
    this.element = html(
      "header",
      { class: "head" },
      inside(wayBack(`?day=${dayKey(showtime)}`), { class: "back" }, strings.backToProgramme),
      html("h1", {}, movie.title),
      html(
        "p",
        { class: "facts" },
        html("time", { datetime: showtime.starts_at }, `${longDate(showtime)}, ${clockTime(showtime)}`),
        elsewhere ? html("span", {}, strings.theirTime(city)) : null,
        html("span", {}, auditorium.name),
        cinema ? html("span", {}, cinema.name) : null,
      ),
      html("p", { class: "state" }, this.#free, this.#link),
    );
  }

  showConnection(state: LiveState | "over"): void {
    set(this.#link, "data-state", state);
    if (this.#link.textContent !== CONNECTION[state]) this.#link.textContent = CONNECTION[state];
  }

  showCounts(available: number, all: number): void {
    this.#free.textContent = available === 0 ? strings.soldOut : strings.counts(available, all);
  }

  /** Nothing is sold any more, and nothing more is told. */
  showOver(): void {
    this.showConnection("over");
    this.#free.textContent = "";
  }

  /** Says something in the banner, or hides it. */
  proclaim(text: string | undefined): void {
    if (this.banner.textContent !== (text ?? "")) this.banner.textContent = text ?? "";
    this.banner.hidden = text === undefined;
  }
}
