/** One showtime as it is seen: its map, live, and the purchase beside it. */

import type { Announcer } from "./announcer";
import { api, serverClock } from "./api";
import { backoff } from "./backoff";
import { html } from "./dom";
import { countdown, momentIn } from "./format";
import { Heading } from "./heading";
import { legend } from "./legend";
import type { LiveState } from "./live";
import { OwnStore } from "./own";
import { Panel } from "./panel";
import { Room } from "./room";
import { Sale } from "./sale";
import { categoriesOf, defaultTicket, isTaken, standingOf, type Category, type Standing } from "./seat_look";
import * as strings from "./strings";
import type { Plan, Showtime } from "./types";
import { Watch } from "./watch";

export class ShowtimeView {
  readonly #showtime: Showtime;
  readonly #announcer: Announcer;
  readonly #sells: boolean;
  readonly #categories: ReadonlyMap<string, Category>;
  readonly #watch: Watch;
  readonly #sale: Sale;
  readonly #room: Room;
  readonly #panel: Panel;
  readonly #heading: Heading;
  readonly #timer: ReturnType<typeof setInterval>;
  #legend: HTMLDetailsElement;
  /** Why nothing is sold any more, if the showtime is over. */
  #ended: string | undefined;
  #wasClosed: string | undefined;
  #rereading = false;

  constructor(main: HTMLElement, showtime: Showtime, plan: Plan, announcer: Announcer, sells: boolean) {
    this.#showtime = showtime;
    this.#announcer = announcer;
    this.#sells = sells;
    this.#categories = categoriesOf(plan);
    this.#watch = new Watch(showtime.id, {
      seats: (changed, news) => this.#seatsChanged(changed, news),
      showtime: () => void this.#reread(),
      closed: (reason) => this.#close(reason),
      connection: (state, before) => this.#connected(state, before),
    });
    const store = new OwnStore(showtime.id);
    this.#sale = new Sale({
      api,
      store,
      limit: showtime.max_seats_per_hold,
      defaultTicket: (seat) => defaultTicket(this.#showtime, this.#room.byLabel.get(seat)?.category ?? ""),
      status: (seat) => this.#watch.status(seat),
      learn: (seats) => this.#watch.learn(seats),
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
    this.#heading = new Heading(showtime);
    this.#legend = legend(this.#categories, showtime, sells);
    const left = html("div", { class: "left" }, this.#room.element, this.#legend);
    main.replaceChildren(this.#heading.element, this.#heading.banner, html("div", { class: "stage" }, left, this.#panel.element));
    document.title = `${showtime.movie.title} · ${strings.siteTitle}`;
    addEventListener("storage", this.#stored);
    document.addEventListener("visibilitychange", this.#looked);
    this.#watch.start();
    if (sells) void this.#sale.recover();
    this.#timer = setInterval(() => this.#tick(), 250);
    this.#tick();
  }

  leave(): void {
    this.#watch.end();
    clearInterval(this.#timer);
    this.#announcer.hush();
    removeEventListener("storage", this.#stored);
    document.removeEventListener("visibilitychange", this.#looked);
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
    const theirs = standingOf(this.#watch.status(label));
    // A booking of ours that was cancelled is not ours any more, whoever has the seat now.
    const standing = own === "booked_mine" && theirs !== "booked" ? theirs : (own ?? theirs);
    return this.#isOver && (standing === "available" || standing === "picked") ? "blocked" : standing;
  }

  /** Whether nothing will ever be sold again. */
  get #isOver(): boolean {
    return this.#ended !== undefined || this.#showtime.status === "cancelled";
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

  #seatsChanged(changed: readonly string[], news: boolean): void {
    const { hold, booking, pick } = this.#sale;
    const mine = new Set([...(hold?.seats.map(({ seat }) => seat) ?? []), ...(booking?.seats ?? []), ...pick.seats]);
    const strange = changed.filter((seat) => !mine.has(seat));
    const taken = strange.filter((seat) => this.#watch.status(seat) !== "available").length;
    if (news) this.#announcer.crowd(taken, strange.length - taken);
    this.#room.refresh(changed);
    this.#sale.seatsChanged(changed);
    this.#showCounts();
  }

  #close(reason: string): void {
    this.#ended = reason === "cancelled" ? strings.showCancelled : strings.showDeleted;
    this.#announcer.say(this.#ended, true);
    this.#room.renew(this.#showtime);
    this.#showCounts();
    this.#tick();
  }

  #connected(state: LiveState, before: LiveState): void {
    if (!this.#isOver) this.#heading.showConnection(state);
    if (before !== "offline" || (state !== "live" && state !== "polling")) return;
    this.#announcer.say(strings.announceBack);
    if (this.#sells) void (this.#sale.hold ? this.#sale.check() : this.#sale.recover());
    void this.#reread();
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
      this.#showCounts();
      const next = legend(this.#categories, this.#showtime, this.#sells);
      next.open = this.#legend.open;
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

  #tick(): void {
    this.#sale.tick();
    this.#panel.tick();
    const now = serverClock.now();
    const opens = Date.parse(this.#showtime.on_sale_at) - now;
    const closed = this.#closed();
    let text: string | undefined;
    if (this.#isOver) text = closed;
    else if (opens > 0 && closed !== undefined) text = opens < 86_400_000 ? strings.opensIn(countdown(opens)) : closed;
    else if (closed !== undefined && this.#sells) text = closed;
    this.#heading.proclaim(text);
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
    this.#showCounts();
  }

  #counts(): { available: number; all: number } {
    const all = this.#room.seats.length;
    return { available: this.#watch.counts(this.#room.byLabel.keys())["available"] ?? 0, all };
  }

  #showCounts(): void {
    if (this.#isOver) return this.#heading.showOver();
    if (!this.#watch.isKnown) return;
    const { available, all } = this.#counts();
    this.#heading.showCounts(available, all);
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
