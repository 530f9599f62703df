/** One showtime: its map, live, and the purchase beside it. */

import { Announcer } from "./announcer";
import { api, Problem, serverClock } from "./api";
import { backoff } from "./backoff";
import { html, inside, set } from "./dom";
import { clockTime, countdown, longDate, momentIn } from "./format";
import { legend } from "./legend";
import { Live, type LiveState } from "./live";
import { OwnStore } from "./own";
import { Panel } from "./panel";
import { Room } from "./room";
import { programmePath, root } from "./router";
import { Sale } from "./sale";
import { categoriesOf, defaultTicket, isTaken, standingOf, type Standing } from "./seat_look";
import { SeatMap, Parts } from "./seat_map";
import * as strings from "./strings";
import type { Delta, LiveMessage, Plan, SeatChange, Showtime, Snapshot } from "./types";

/** What is shown of a showtime, until it is left. */
export interface Shown {
  leave(): void;
}

export function showShowtime(main: HTMLElement, showtimeId: string, announcer: Announcer, sells: boolean): Shown {
  let view: ShowtimeView | undefined;
  let left = false;
  const load = async () => {
    main.replaceChildren(html("p", { class: "soft wait" }, strings.loading));
    try {
      const showtime = await api.showtime(showtimeId);
      const plan = await api.plan(showtime.plan);
      if (!left) view = new ShowtimeView(main, showtime, plan, announcer, sells);
    } catch (error) {
      if (left) return;
      const text = error instanceof Problem ? error.message : strings.notFoundTitle;
      const again = html("button", { type: "button", class: "main", click: () => void load() }, strings.retry);
      const hopeless = error instanceof Problem && error.body.status === 404;
      main.replaceChildren(
        html("div", { class: "empty" }, html("h1", {}, strings.notFoundTitle), html("p", {}, text), hopeless ? null : again),
        inside(programmePath(), { class: "back" }, strings.backToProgramme),
      );
    }
  };
  void load();
  return {
    leave() {
      left = true;
      view?.leave();
    },
  };
}

class ShowtimeView {
  readonly #map = new SeatMap();
  readonly #snapshots = new Parts<Snapshot>();
  readonly #deltas = new Parts<Delta>();
  readonly #sale: Sale;
  readonly #room: Room;
  readonly #panel: Panel;
  readonly #live: Live;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #banner = html("p", { class: "banner", hidden: true });
  readonly #link = html("span", { class: "link" });
  readonly #free = html("span", { class: "free" });
  #legend: HTMLElement;
  #liveState: LiveState = "connecting";
  #ended: string | undefined;
  #rereading = false;
  readonly #abort = new AbortController();
  readonly #categories;

  #showtime: Showtime;
  readonly #announcer: Announcer;
  readonly #sells: boolean;

  constructor(
    main: HTMLElement,
    showtime: Showtime,
    plan: Plan,
    announcer: Announcer,
    sells: boolean,
  ) {
    this.#showtime = showtime;
    this.#announcer = announcer;
    this.#sells = sells;
    this.#categories = categoriesOf(plan);
    const store = new OwnStore(showtime.id);
    this.#sale = new Sale({
      api,
      store,
      limit: showtime.max_seats_per_hold,
      defaultTicket: (seat) => defaultTicket(this.#showtime, this.#room.byLabel.get(seat)?.category ?? ""),
      status: (seat) => this.#map.get(seat).status,
      learn: (seats) => this.#learn(seats),
      changed: (seats) => this.#changed(seats),
      say: (text, urgent) => announcer.say(text, urgent),
    });
    this.#room = new Room(plan, showtime, this.#categories, {
      press: (seat) => this.#press(seat.label),
      standing: (seat) => this.#standing(seat),
    });
    this.#panel = new Panel({
      sale: this.#sale,
      showtime,
      seats: this.#room.byLabel,
      categories: this.#categories,
      closed: () => this.#closed(),
      counts: () => this.#counts(),
    });
    this.#legend = legend(this.#categories, showtime, sells);
    main.replaceChildren(this.#head(), this.#banner, html("div", { class: "stage" }, html("div", { class: "left" }, this.#room.element, this.#legend), this.#panel.element));
    document.title = `${showtime.movie.title} · ${strings.siteTitle}`;
    addEventListener("storage", this.#stored);
    document.addEventListener("visibilitychange", this.#looked);
    this.#live = new Live(new URL(`${root()}/v1/showtimes/${encodeURIComponent(showtime.id)}/live`, location.href).href, {
      message: (message) => this.#hear(message),
      state: (state) => this.#connected(state),
      position: () => this.#map.position,
      poll: () => this.#poll(),
    });
    // The first map by a plain request: it is there at once, also where nothing stays open.
    void this.#poll().catch(() => undefined);
    if (sells) void this.#sale.recover();
    this.#timer = setInterval(() => this.#tick(), 250);
    this.#tick();
    this.#showCounts();
  }

  leave(): void {
    this.#live.end();
    this.#abort.abort();
    clearInterval(this.#timer);
    this.#announcer.hush();
    removeEventListener("storage", this.#stored);
    document.removeEventListener("visibilitychange", this.#looked);
  }

  #head(): HTMLElement {
    const { movie, auditorium, cinema } = this.#showtime;
    const zone = cinema?.time_zone;
    const elsewhere = zone !== undefined && zone !== Intl.DateTimeFormat().resolvedOptions().timeZone;
    const when = html("time", { datetime: this.#showtime.starts_at }, `${longDate(this.#showtime)}, ${clockTime(this.#showtime)}`);
    const city = zone?.replace(/^.*\//, "").replace(/_/g, " ") ?? "";
    return html(
      "header",
      { class: "head" },
      inside(programmePath(), { class: "back" }, strings.backToProgramme),
      html("h1", {}, movie.title),
      html("p", { class: "facts" }, when, elsewhere ? html("span", {}, strings.theirTime(city)) : null, html("span", {}, auditorium.name), cinema ? html("span", {}, cinema.name) : null),
      html("p", { class: "state" }, this.#free, this.#link),
    );
  }

  #press(label: string): void {
    const seat = this.#room.byLabel.get(label);
    if (!seat || !this.#sells) return;
    const standing = this.#standing(label);
    if (isTaken(standing) || standing === "booked_mine") {
      this.#announcer.say(strings.notAvailable(label, strings.states[standing] ?? ""));
      return;
    }
    // What is held may be changed until it is booked, whatever the sale does.
    const closed = this.#sale.phase === "held" ? undefined : this.#closed();
    if (closed !== undefined) {
      this.#announcer.say(closed);
      return;
    }
    const before = this.#sale.pick.size;
    void this.#sale.press(label);
    if (this.#sale.phase === "picking" && this.#sale.pick.size !== before) this.#sayPick(label, before);
  }

  #sayPick(label: string, before: number): void {
    const size = this.#sale.pick.size;
    const total = this.#panel.element.querySelector(".total")?.textContent ?? "";
    this.#announcer.say(size > before ? strings.announcePicked(label, size, total) : strings.announceUnpicked(label, size));
  }

  #standing(label: string): Standing {
    const own = this.#sale.standing(label);
    const theirs = standingOf(this.#map.get(label).status);
    // A booking of ours that was cancelled is not ours any more, whoever has the seat now.
    return own === "booked_mine" && theirs !== "booked" ? theirs : (own ?? theirs);
  }

  /** Why nothing can be picked now. */
  #closed(): string | undefined {
    if (!this.#sells) return strings.viewOnly;
    if (this.#ended !== undefined) return this.#ended;
    if (this.#showtime.status === "cancelled") return strings.showCancelled;
    const now = serverClock.now();
    const { status, on_sale_at } = this.#showtime;
    // An open sale is open, whatever our reckoning of the server's clock says.
    if (status !== "on_sale" && now < Date.parse(on_sale_at)) return strings.opensWhen(momentIn(this.#showtime.cinema?.time_zone, on_sale_at));
    return now >= Date.parse(this.#showtime.off_sale_at) ? strings.saleOver : undefined;
  }

  #hear(message: LiveMessage): void {
    if (message.type === "snapshot") {
      const whole = this.#snapshots.add(message);
      if (whole) this.#applied(this.#map.snapshot(whole));
    } else if (message.type === "delta") {
      const whole = this.#deltas.add(message);
      if (whole) this.#applied(this.#map.delta(whole));
    } else if (message.type === "changed") {
      // Everybody hears of it in the same instant.
      setTimeout(() => void this.#reread(), Math.random() * 1500);
    } else if (message.type === "closed") {
      this.#ended = message.reason === "cancelled" ? strings.showCancelled : strings.showDeleted;
      this.#announcer.say(this.#ended, true);
      this.#panel.render();
      this.#tick();
    }
  }

  #applied({ changed, gap }: { changed: string[]; gap: boolean }): void {
    if (gap) {
      this.#live.resync();
      return;
    }
    if (changed.length === 0) return;
    const mine = new Set([...(this.#sale.hold?.seats.map(({ seat }) => seat) ?? []), ...(this.#sale.booking?.seats ?? []), ...this.#sale.pick.seats]);
    const strange = changed.filter((seat) => !mine.has(seat));
    const taken = strange.filter((seat) => this.#map.get(seat).status !== "available").length;
    this.#room.refresh(changed);
    this.#sale.seatsChanged(changed);
    // The first map is not news.
    if (this.#map.revision > 0 && this.#told) this.#announcer.crowd(taken, strange.length - taken);
    this.#told = true;
    this.#showCounts();
  }
  #told = false;

  /** What an answer to us says of seats: the map need not wait for the news of our own doing. */
  #learn(seats: readonly SeatChange[]): void {
    const { epoch, revision } = this.#map;
    if (epoch === undefined) return;
    this.#map.delta({ epoch, from: revision, revision, seats });
    this.#showCounts();
  }

  async #poll(): Promise<void> {
    const { reset, ...changes } = await api.changes(this.#showtime.id, this.#map.position ?? "0", this.#abort.signal);
    const whole = reset === true || this.#map.epoch === undefined;
    // A live connection may have been faster.
    if (whole && this.#map.epoch === changes.epoch && this.#map.revision >= changes.revision) return;
    this.#applied(whole ? this.#map.snapshot(changes) : this.#map.delta(changes));
    this.#told = true;
    this.#showCounts();
  }

  #connected(state: LiveState): void {
    const before = this.#liveState;
    this.#liveState = state;
    if (before === "offline" && (state === "live" || state === "polling")) {
      this.#announcer.say(strings.announceBack);
      if (this.#sells) void (this.#sale.hold ? this.#sale.check() : this.#sale.recover());
      void this.#reread();
    }
    set(this.#link, "data-state", state);
    const text = { connecting: strings.connecting, live: strings.live, polling: strings.polling, offline: strings.offline }[state];
    if (this.#link.textContent !== text) this.#link.textContent = text;
  }

  /** The showtime itself has changed: times, prices, status. */
  async #reread(): Promise<void> {
    if (this.#rereading) return;
    this.#rereading = true;
    try {
      const showtime = await api.showtime(this.#showtime.id);
      // In place, because the panel reads it, too.
      Object.assign(this.#showtime, showtime);
      this.#room.renew(this.#showtime);
      const open = (this.#legend as HTMLDetailsElement).open;
      const next = legend(this.#categories, this.#showtime, this.#sells);
      (next as HTMLDetailsElement).open = open;
      this.#legend.replaceWith(next);
      this.#legend = next;
      this.#panel.render();
    } catch {
      // It is asked for again when the connection is back.
    } finally {
      this.#rereading = false;
    }
    this.#tick();
  }

  #wasClosed: string | undefined;

  #tick(): void {
    this.#sale.tick();
    this.#panel.tick();
    const now = serverClock.now();
    const opens = Date.parse(this.#showtime.on_sale_at) - now;
    const closed = this.#closed();
    let text: string | undefined;
    if (this.#ended !== undefined || this.#showtime.status === "cancelled") text = closed;
    else if (opens > 0 && closed !== undefined) text = opens < 86_400_000 ? strings.opensIn(countdown(opens)) : closed;
    else if (closed !== undefined && this.#sells) text = closed;
    if (this.#banner.textContent !== (text ?? "")) this.#banner.textContent = text ?? "";
    this.#banner.hidden = text === undefined;
    if (closed === this.#wasClosed) return;
    if (this.#wasClosed !== undefined && closed === undefined) this.#announcer.say(strings.saleIsOpen, true);
    this.#wasClosed = closed;
    this.#panel.render();
    // Its status will be another one; not everybody has to ask in the same instant.
    if (opens <= 0) setTimeout(() => void this.#reread(), backoff(2, 1000));
  }

  #changed(seats: readonly string[]): void {
    this.#room.refresh(seats);
    this.#panel.render();
  }

  #counts(): { available: number; all: number } {
    const all = this.#room.seats.length;
    return { available: this.#map.counts(this.#room.byLabel.keys())["available"] ?? 0, all };
  }

  #showCounts(): void {
    if (this.#map.epoch === undefined) return;
    const { available, all } = this.#counts();
    this.#free.textContent = available === 0 ? strings.soldOut : strings.counts(available, all);
    this.#free.title = strings.seats(all);
  }

  /** Another tab of this browser has held, booked or let go. */
  readonly #stored = (event: StorageEvent): void => {
    const { store } = this.#sale.around;
    if (!store.isKey(event.key)) return;
    const before = store.value;
    const now = store.reread();
    if (now.hold && !this.#sale.hold) void this.#sale.recover();
    else if (!now.hold && this.#sale.hold) void this.#sale.check();
    else if (now.hold && before.hold && JSON.stringify(now.hold) !== JSON.stringify(before.hold)) void this.#sale.check();
    this.#changed(now.bookings.flatMap(({ seats }) => seats));
  };

  /** A phone that wakes up does not know what time it is. */
  readonly #looked = (): void => {
    if (document.visibilityState === "visible" && this.#sells) void this.#sale.check();
  };
}
