/** The panel beside the map, on a phone the bar below it: what is picked or held, what it costs, what to do next. */

import { button, html, type Child } from "./dom";
import { clockTime, countdown, longDate, money, sum } from "./format";
import type { Seat } from "./geometry";
import { ticketsOf, type Category } from "./seat_look";
import type { Sale } from "./sale";
import * as strings from "./strings";
import type { Amount, Showtime } from "./types";

export interface PanelSubject {
  sale: Sale;
  showtime: Showtime;
  seats: ReadonlyMap<string, Seat>;
  categories: ReadonlyMap<string, Category>;
  /** Whether seats can be had now, and if not, why. */
  closed(): string | undefined;
  counts(): { available: number; all: number };
}

export class Panel {
  readonly element = html("section", { class: "panel", "aria-label": strings.yourSeats });
  readonly #name = html("input", { id: "contact-name", name: "name", autocomplete: "name", maxlength: 200, "data-key": "name" });
  readonly #email = html("input", { id: "contact-email", name: "email", type: "email", autocomplete: "email", maxlength: 200, "data-key": "email" });
  readonly #contact = html(
    "details",
    { class: "contact" },
    html("summary", { "data-key": "contact" }, strings.contact),
    html("label", { for: "contact-name" }, strings.name),
    this.#name,
    html("label", { for: "contact-email" }, strings.email),
    this.#email,
  );
  readonly #clock = html("span", { class: "clock", role: "timer" });
  #phase: string | undefined;

  readonly #subject: PanelSubject;

  constructor(subject: PanelSubject) {
    this.#subject = subject;
    this.render();
  }

  /** Draws all of it anew, and leaves the focus where it was. */
  render(): void {
    const { sale } = this.#subject;
    const focused = this.element.contains(document.activeElement) ? document.activeElement : null;
    const key = focused?.getAttribute("data-key");
    const parts = { picking: this.#picking, held: this.#held, time_up: this.#timeUp, booked: this.#booked }[sale.phase].call(this);
    this.element.replaceChildren(...parts.filter((part): part is Node => part instanceof Node));
    this.element.classList.toggle("busy", sale.task !== undefined);
    this.element.setAttribute("data-phase", sale.phase);
    this.tick();
    if (focused) {
      // What was pressed may be gone with its phase: then the headline is what to read on with.
      const again = key === null ? undefined : this.element.querySelector<HTMLElement>(`[data-key="${key}"]:not(:disabled)`);
      (again ?? this.element.querySelector<HTMLElement>("h2"))?.focus({ preventScroll: true });
    }
    if (this.#phase !== sale.phase) this.element.scrollTop = 0;
    this.#phase = sale.phase;
  }

  /** Shows the time left. */
  tick(): void {
    const { sale } = this.#subject;
    const text = countdown(sale.timeLeft);
    if (this.#clock.textContent !== text) this.#clock.textContent = text;
    this.#clock.classList.toggle("soon", sale.isSoonOver);
  }

  #picking(): Child[] {
    const { sale, showtime } = this.#subject;
    const closed = this.#subject.closed();
    const wanted = sale.pick.wanted;
    const headline = this.#headline(strings.yourSeats);
    if (sale.task === "recover") return [headline, html("p", { class: "soft" }, strings.loading)];
    if (closed !== undefined) return [headline, this.#notice(), html("p", { class: "soft" }, closed), this.#bookings()];
    if (wanted.length === 0) {
      const limit = html("span", { class: "soft" }, ` ${strings.upTo(sale.pick.limit)}`);
      return [headline, this.#notice(), html("p", {}, this.#available() ? strings.pickPrompt : strings.soldOut, limit), this.#bookings()];
    }
    const prices = wanted.map(({ seat, ticket }) => this.#price(seat, ticket));
    const label = sale.task === "hold" ? strings.holding : strings.hold(wanted.length);
    return [
      headline,
      this.#notice(),
      this.#lines(
        wanted.map(({ seat, ticket }, index) => {
          // The choice of a ticket says what it costs.
          const tickets = this.#tickets(seat, ticket);
          return this.#line(seat, tickets, tickets ? undefined : prices[index], () => void sale.press(seat));
        }),
      ),
      this.#foot(
        sum(prices, showtime.currency),
        wanted.map(({ seat }) => seat).join(", "),
        button("hold", label, () => void sale.take(), { class: "main", disabled: sale.task !== undefined }),
        button("unpick", strings.unpick, () => sale.unpickAll(), { disabled: sale.task !== undefined }),
      ),
    ];
  }

  #held(): Child[] {
    const { sale } = this.#subject;
    const hold = sale.hold;
    if (!hold) return [];
    const busy = sale.task !== undefined && sale.task !== "recover";
    const names = hold.seats.map(({ seat }) => seat);
    const soon = sale.isSoonOver && sale.extendable;
    return [
      html("div", { class: "held" }, this.#headline(strings.youHold(names)), html("span", { class: "left" }, html("span", { class: "unseen" }, strings.timeLeft), this.#clock)),
      this.#notice(),
      soon ? html("p", { class: "notice soon" }, strings.announceSoon) : null,
      this.#lines(
        hold.seats.map(({ seat, ticket, price }) =>
          this.#line(seat, html("span", { class: "soft" }, this.#hasTickets(seat) ? strings.ticketName(ticket) : ""), price, names.length > 1 ? () => void sale.press(seat) : undefined),
        ),
        html("p", { class: "soft help" }, strings.heldHelp(names.length)),
      ),
      this.#contact,
      this.#foot(
        hold.total,
        strings.seats(names.length),
        button("book", sale.task === "book" ? strings.booking : strings.book, () => this.#book(), { class: "main", disabled: busy }),
        sale.extendable ? button("extend", strings.extend, () => void sale.extend(), { disabled: busy }) : null,
        button("let-go", strings.letGo, () => void sale.letGo(), { disabled: busy }),
      ),
    ];
  }

  #timeUp(): Child[] {
    const { sale } = this.#subject;
    const busy = sale.task !== undefined;
    return [
      this.#headline(strings.timeUp),
      this.#notice(),
      html("p", {}, strings.timeUpText(sale.lost.map(({ seat }) => seat))),
      this.#actions(
        button("again", strings.holdAgain, () => void sale.takeAgain(), { class: "main", disabled: busy }),
        button("dismiss", strings.dismiss, () => sale.startOver(), { disabled: busy }),
      ),
    ];
  }

  #booked(): Child[] {
    const { sale, showtime } = this.#subject;
    const booking = sale.booking;
    if (!booking) return [];
    const fact = (name: string, value: string) => [html("dt", {}, name), html("dd", {}, value)];
    return [
      this.#headline(strings.booked),
      booking.reference ? html("p", { class: "reference" }, html("span", { class: "unseen" }, `${strings.reference} `), booking.reference) : null,
      booking.reference ? html("p", { class: "soft" }, strings.referenceHelp) : null,
      html(
        "dl",
        {},
        ...fact(strings.yourSeats, booking.seats.join(", ")),
        ...fact(strings.room, [showtime.auditorium.name, showtime.cinema?.name].filter(Boolean).join(", ")),
        ...fact(strings.starts, `${longDate(showtime)}, ${clockTime(showtime)}`),
        ...fact(strings.total, money(booking.total)),
      ),
      this.#actions(this.#subject.closed() === undefined ? button("more", strings.bookMore, () => sale.startOver()) : null),
    ];
  }

  #book(): void {
    if (!this.#email.reportValidity()) return;
    const contact = { name: this.#name.value.trim(), email: this.#email.value.trim() };
    void this.#subject.sale.book({ ...(contact.name && { name: contact.name }), ...(contact.email && { email: contact.email }) });
  }

  #headline(text: string): HTMLElement {
    return html("h2", { tabindex: -1 }, text);
  }

  #notice(): Child {
    const { notice } = this.#subject.sale;
    return notice === undefined ? null : html("p", { class: "notice", "data-notice": true }, notice);
  }

  #available(): boolean {
    return this.#subject.counts().available > 0;
  }

  #price(seat: string, ticket: string): Amount {
    const { seats, showtime } = this.#subject;
    const tickets = ticketsOf(showtime, seats.get(seat)?.category ?? "");
    return (tickets.find(([name]) => name === ticket) ?? tickets[0])?.[1] ?? { amount: 0, currency: showtime.currency };
  }

  #hasTickets(seat: string): boolean {
    return ticketsOf(this.#subject.showtime, this.#subject.seats.get(seat)?.category ?? "").length > 1;
  }

  /** The choice of a ticket, where there is one. */
  #tickets(seat: string, chosen: string): Child {
    if (!this.#hasTickets(seat)) return null;
    const { sale, showtime, seats } = this.#subject;
    const options = ticketsOf(showtime, seats.get(seat)?.category ?? "").map(([name, price]) =>
      html("option", { value: name, selected: name === chosen }, `${strings.ticketName(name)} · ${money(price)}`),
    );
    const choose = (event: Event) => sale.choose(seat, (event.target as HTMLSelectElement).value);
    return html("select", { "data-key": `ticket-${seat}`, "aria-label": strings.ticketFor(seat), change: choose, disabled: sale.task !== undefined }, ...options);
  }

  #line(seat: string, middle: Child, price: Amount | undefined, remove?: () => void): HTMLElement {
    const known = this.#subject.seats.get(seat);
    const category = this.#subject.categories.get(known?.category ?? "");
    return html(
      "li",
      {},
      html("span", { class: "label" }, html("b", {}, seat), html("span", { class: "soft" }, category?.name ?? "")),
      middle,
      html("span", { class: "price" }, price ? money(price) : ""),
      remove ? button(`remove-${seat}`, "×", remove, { class: "remove", "aria-label": strings.remove(seat), disabled: this.#subject.sale.task !== undefined }) : null,
    );
  }

  /** The seats one by one: always beside the map, on a phone when asked for. */
  #lines(lines: HTMLElement[], ...more: Child[]): HTMLElement {
    return html("div", { class: "lines" }, html("ul", {}, ...lines), ...more);
  }

  /** What it costs and what to do next: always in sight, however many seats there are. */
  #foot(total: Amount, what: string, ...buttons: Child[]): HTMLElement {
    return html("div", { class: "foot" }, this.#totals(total, what), this.#actions(...buttons));
  }

  #totals(total: Amount, what: string): HTMLElement {
    const open = this.element.classList.contains("open");
    const toggle = () => {
      const shown = this.element.classList.toggle("open");
      this.element.querySelector(".toggle")?.setAttribute("aria-expanded", String(shown));
    };
    return html(
      "p",
      { class: "totals" },
      button("toggle", html("span", {}, what), toggle, { class: "toggle", "aria-expanded": String(open), title: strings.details }),
      html("span", { class: "total-name" }, strings.total),
      html("b", { class: "total" }, money(total)),
    );
  }

  #actions(...buttons: Child[]): HTMLElement {
    return html("div", { class: "actions" }, ...buttons);
  }

  #bookings(): Child {
    const { bookings } = this.#subject.sale.around.store.value;
    if (bookings.length === 0) return null;
    const items = bookings.map(({ reference, seats }) => html("li", {}, html("b", { class: "code" }, reference), ` ${seats.join(", ")}`));
    return html("div", { class: "earlier" }, html("h3", {}, strings.earlierBookings), html("ul", {}, ...items));
  }
}
