/** What is on: days, movies, and when they start. */

import { api, Problem } from "./api";
import { button, html, inside } from "./dom";
import { clockTime, dayAndMonth, dayKey, momentIn, money, today, weekday } from "./format";
import { OwnHolds } from "./own_holds";
import { replaceQuery, showtimePath } from "./router";
import * as strings from "./strings";
import type { Showtime } from "./types";
import type { Shown } from "./showtime";

/** The days that were loaded are as many as this shows at a time. */
const AT_ONCE = 200;

export function showProgramme(main: HTMLElement, query: URLSearchParams, scrolled: number): Shown {
  document.title = strings.siteTitle;
  const view = new ProgrammeView(main, query.get("day") ?? undefined, query.get("cinema") ?? undefined);
  void view.load().then(() => scrolled > 0 && view.isShown && scrollTo(0, scrolled));
  return view;
}

class ProgrammeView implements Shown {
  #showtimes: Showtime[] = [];
  #next: string | null = null;
  #left = false;

  readonly #main: HTMLElement;
  readonly #holds = new OwnHolds();
  #day: string | undefined;
  #cinema: string | undefined;

  constructor(
    main: HTMLElement,
    day: string | undefined,
    cinema: string | undefined,
  ) {
    this.#main = main;
    this.#day = day;
    this.#cinema = cinema;
    this.#show(html("p", { class: "soft wait" }, strings.loading));
  }

  get isShown(): boolean {
    return !this.#left;
  }

  leave(): void {
    this.#left = true;
    this.#holds.leave();
  }

  async load(): Promise<void> {
    try {
      // As far as the day that is asked for.
      const wanted = this.#day ?? "";
      do {
        const after = this.#next === null ? "" : `&after=${encodeURIComponent(this.#next)}`;
        const page = await api.showtimes(`?limit=${AT_ONCE}${after}`);
        this.#showtimes.push(...page.data);
        this.#next = page.next;
      } while (this.#next !== null && this.#showtimes.every((showtime) => dayKey(showtime) < wanted));
      if (!this.#left) this.#render();
    } catch (error) {
      if (this.#left) return;
      const text = error instanceof Problem ? error.message : strings.notFoundTitle;
      const again = button("retry", strings.retry, () => void this.load(), { class: "main" });
      this.#show(html("div", { class: "empty" }, html("p", {}, text), again));
    }
  }

  #show(...children: Node[]): void {
    this.#main.replaceChildren(this.#holds.element, html("h1", {}, strings.programme), ...children);
  }

  #render(): void {
    const cinemas = new Map(this.#showtimes.flatMap(({ cinema }) => (cinema ? [[cinema.id, cinema] as const] : [])));
    const mine = this.#showtimes.filter(({ cinema }) => this.#cinema === undefined || cinema?.id === this.#cinema);
    const days = new Map<string, Showtime[]>();
    for (const showtime of mine) {
      const day = days.get(dayKey(showtime));
      if (day) day.push(showtime);
      else days.set(dayKey(showtime), [showtime]);
    }
    if (this.#day === undefined || !days.has(this.#day)) this.#day = [...days.keys()].sort()[0];
    const shown = days.get(this.#day ?? "") ?? [];
    const focused = document.activeElement?.getAttribute("data-key");
    this.#show(
      ...(cinemas.size > 1 ? [this.#cinemas(cinemas)] : []),
      ...(this.#showtimes.length === 0 ? [html("p", { class: "empty" }, strings.noShowtimes)] : [this.#days(days), this.#movies(shown)]),
    );
    if (focused) this.#main.querySelector<HTMLElement>(`[data-key="${focused}"]`)?.focus();
  }

  #cinemas(cinemas: ReadonlyMap<string, { id: string; name: string }>): HTMLElement {
    const choose = (event: Event) => {
      this.#cinema = (event.target as HTMLSelectElement).value || undefined;
      this.#keep();
    };
    const options = [...cinemas.values()].map(({ id, name }) => html("option", { value: id, selected: id === this.#cinema }, name));
    return html("select", { class: "cinemas", "aria-label": strings.cinemas, "data-key": "cinemas", change: choose }, html("option", { value: "" }, strings.allCinemas), ...options);
  }

  #days(days: ReadonlyMap<string, Showtime[]>): HTMLElement {
    const buttons = [...days].sort().map(([day, [first]]) => {
      if (!first) return null;
      const now = today(first.cinema?.time_zone);
      const later = today(first.cinema?.time_zone, new Date(Date.now() + 86_400_000));
      const name = day === now ? strings.today : day === later ? strings.tomorrow : weekday(first);
      const choose = () => {
        this.#day = day;
        this.#keep();
      };
      return html(
        "li",
        {},
        html(
          "button",
          { type: "button", "data-key": `day-${day}`, "aria-pressed": String(day === this.#day), click: choose },
          html("b", {}, name),
          " ",
          html("span", {}, dayAndMonth(first)),
        ),
      );
    });
    const more = this.#next === null ? null : html("li", {}, button("more", strings.more, () => void this.load()));
    return html("nav", { class: "days", "aria-label": strings.days }, html("ul", {}, ...buttons, more));
  }

  #movies(shown: readonly Showtime[]): HTMLElement {
    const movies = new Map<string, Showtime[]>();
    for (const showtime of shown) {
      const movie = movies.get(showtime.movie.id);
      if (movie) movie.push(showtime);
      else movies.set(showtime.movie.id, [showtime]);
    }
    const cards = [...movies.values()].map((showtimes) => {
      const movie = showtimes[0]?.movie;
      const facts = [movie?.rating && strings.rated(movie.rating), movie?.runtime_min && strings.minutes(movie.runtime_min)];
      return html(
        "li",
        { class: "movie" },
        html("h2", {}, movie?.title ?? ""),
        html("p", { class: "soft" }, facts.filter(Boolean).join(" · ")),
        html("ul", { class: "times" }, ...showtimes.map((showtime) => html("li", {}, this.#time(showtime)))),
      );
    });
    return html("ul", { class: "movies" }, ...cards);
  }

  #time(showtime: Showtime): HTMLElement {
    const { status, cinema, auditorium } = showtime;
    const state =
      status === "upcoming"
        ? strings.opensAt(momentIn(cinema?.time_zone, showtime.on_sale_at))
        : status === "cancelled"
          ? strings.cancelled
          : status === "closed"
            ? strings.saleClosed
            : cheapest(showtime);
    const where = this.#cinema === undefined && cinema ? `${auditorium.name}, ${cinema.name}` : auditorium.name;
    return inside(
      showtimePath(showtime.id),
      { class: "time", "data-status": status, "data-key": showtime.id },
      html("time", { datetime: showtime.starts_at }, clockTime(showtime)),
      html("span", { class: "where" }, where),
      html("span", { class: "soft" }, state),
    );
  }

  /** Shows another choice, which the address keeps. */
  #keep(): void {
    const query = new URLSearchParams();
    if (this.#day) query.set("day", this.#day);
    if (this.#cinema) query.set("cinema", this.#cinema);
    replaceQuery(`?${query}`);
    this.#render();
  }
}

function cheapest({ prices, currency }: Showtime): string {
  const amounts = Object.values(prices).flatMap((tickets) => Object.values(tickets).map(({ amount }) => amount));
  return amounts.length === 0 ? "" : strings.from(money({ amount: Math.min(...amounts), currency }));
}

