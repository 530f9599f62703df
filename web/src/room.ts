/** The seat map as one thing: drawing, gestures, keyboard and sections together. */

import { button, html, set, svg } from "./dom";
import { Drawing, drawScreen, paint } from "./drawing";
import { boxOf, neighbour, seatsOf, sectionsOf, SECTIONS_FROM, type Direction, type Seat, type Section } from "./geometry";
import { watchGestures } from "./gestures";
import { Roving } from "./keyboard";
import { seatName, type Category, type Standing } from "./seat_look";
import * as strings from "./strings";
import type { Plan, Showtime } from "./types";
import { Viewport } from "./viewport";

/** Pixels for one unit from which numbers can be read, and from which rows' names can. */
const NUMBERS_FROM = 22;
const ROW_NAMES_FROM = 12;
/** How near the keyboard's focus comes at least. */
const KEYBOARD_SCALE = 26;

export interface RoomEvents {
  press(seat: Seat): void;
  standing(seat: string): Standing;
}

export class Room {
  readonly element: HTMLElement;
  readonly seats: readonly Seat[];
  readonly byLabel: ReadonlyMap<string, Seat>;
  readonly #svg = svg("svg", { class: "map", preserveAspectRatio: "xMidYMid meet" });
  readonly #sectionName = html("b", {});
  readonly #where: HTMLElement;
  /** The words of the drawing, which are never smaller than can be read. */
  #words: SVGGElement | undefined;
  readonly #viewport: Viewport;
  readonly #roving: Roving<Seat | Section>;
  readonly #help = html("p", { class: "unseen", id: "map-help" });
  readonly #sections: readonly Section[];
  #drawing: Drawing | undefined;
  /** The section that was opened last. */
  #opened: Section | undefined;

  readonly #plan: Plan;
  #showtime: Showtime;
  readonly #categories: ReadonlyMap<string, Category>;
  readonly #events: RoomEvents;

  constructor(
    plan: Plan,
    showtime: Showtime,
    categories: ReadonlyMap<string, Category>,
    events: RoomEvents,
  ) {
    this.#plan = plan;
    this.#showtime = showtime;
    this.#categories = categories;
    this.#events = events;
    this.seats = seatsOf(plan);
    this.byLabel = new Map(this.seats.map((seat) => [seat.label, seat]));
    this.#sections = this.seats.length > SECTIONS_FROM ? sectionsOf(this.seats) : [];
    paint(this.#svg, categories);
    this.#viewport = new Viewport(this.#svg, { x: 0, y: 0, ...plan.size }, (scale) => this.#scaled(scale));
    const back = button("sections", strings.allSections, () => this.#leaveSection(), { class: "sections" });
    this.#where = html("p", { class: "section-bar", hidden: true }, back, this.#sectionName);
    const canvas = html("div", { class: "canvas" }, this.#svg);
    this.#roving = new Roving<Seat | Section>(canvas, {
      places: () => this.#drawing?.seats ?? this.#sections,
      element: (place) => this.#drawing?.element(place.label) ?? this.#svg.querySelectorAll("[data-section]")[this.#sections.indexOf(place as Section)],
      at: (element) => this.#placeOf(element),
      neighbour: (from, direction) => this.#neighbour(from, direction),
      press: (place) => this.#press(place),
      reveal: (place) => this.#reveal(place),
      zoom: (direction) => this.#zoom(direction),
    });
    watchGestures(this.#svg, this.#viewport, (target) => {
      const place = this.#placeOf(target);
      if (place) this.#press(place);
    });
    set(this.#svg, "aria-describedby", "map-help");
    this.element = html(
      "div",
      { class: "room-frame" },
      this.#help,
      canvas,
      this.#where,
      html(
        "div",
        { class: "zoom", role: "group" },
        button("zoom-in", "+", () => this.#zoom(1), { "aria-label": strings.zoomIn }),
        button("zoom-out", "−", () => this.#zoom(-1), { "aria-label": strings.zoomOut }),
        button("zoom-fit", "⤢", () => this.#zoom(0), { "aria-label": strings.zoomFit }),
      ),
    );
    if (this.#sections.length > 0) this.#showSections();
    else this.#showSeats(this.seats);
  }

  /** The showtime has other prices now. */
  renew(showtime: Showtime): void {
    this.#showtime = showtime;
    this.refresh(this.#drawing ? this.byLabel.keys() : []);
  }

  /** Shows what these seats are now. */
  refresh(labels: Iterable<string>): void {
    for (const label of labels) {
      const seat = this.byLabel.get(label);
      if (seat) this.#drawing?.show(seat, this.#events.standing(label), this.#name);
    }
    if (!this.#drawing) this.#labelSections();
  }

  readonly #name = (seat: Seat, standing: Standing): string =>
    seatName(seat, this.#categories.get(seat.category), this.#showtime, standing);

  #showSeats(seats: readonly Seat[], section?: Section): void {
    // A part of a room has no screen of its own.
    this.#drawing = new Drawing(seats, this.#categories, section ? null : this.#plan.screen);
    this.#svg.replaceChildren(this.#drawing.content);
    set(this.#svg, "role", "grid");
    set(this.#svg, "aria-multiselectable", "true");
    const room = this.#showtime.auditorium.name;
    set(this.#svg, "aria-label", strings.seatMap(section ? `${room}, ${section.label}` : room));
    this.#sectionName.textContent = section?.label ?? "";
    this.#where.hidden = !section;
    this.#words = this.#drawing.names;
    this.#help.textContent = strings.mapHelp;
    this.refresh(seats.map(({ label }) => label));
    this.#roving.settle(seats[0]);
    const longest = Math.max(...seats.map(({ row }) => row.length));
    this.#viewport.setContent(this.#drawing.box, section ? "all" : this.#drawing.solid, Math.min(7 * longest + 4, 64));
  }

  /** Large rooms: their sections, each with how much is free. */
  #showSections(): void {
    this.#drawing = undefined;
    this.#where.hidden = true;
    const shapes = this.#sections.map((section, number) => {
      const { x, y, width, height } = section.box;
      // One line where there is no height for two.
      const flat = height < 5;
      const size = Math.min(width / (0.62 * (section.label.length + (flat ? 6 : 0)) + 1), height / (flat ? 1.6 : 4), 6);
      const label = (role: string, dy: string) => svg("text", { class: role, x: x + width / 2, y: y + height / 2, dy });
      const shape = svg(
        "g",
        { class: flat ? "section flat" : "section", role: "button", tabindex: -1, "data-section": number },
        svg("rect", { x, y, width, height, rx: 0.4 }),
        label("section-name", flat ? "0.35em" : "0"),
        " ",
        flat ? null : label("section-free", "1.4em"),
      );
      shape.style.setProperty("--size", `${size}px`);
      return shape;
    });
    const content = svg("g", { class: "room" }, ...shapes);
    const rows = boxOf(this.seats, 0);
    const enclosed = boxOf(this.seats, Math.max(1.5, rows.height / 40));
    const screened = this.#plan.screen && drawScreen(content, this.#plan.screen, rows.y, enclosed);
    const corners = this.#sections.map(({ box: { x, y, width } }) => ({ x: x + width, y }));
    this.#words = content;
    this.#svg.replaceChildren(content);
    this.#svg.removeAttribute("aria-multiselectable");
    this.#help.textContent = strings.sectionsHelp;
    set(this.#svg, "role", "group");
    set(this.#svg, "aria-label", strings.sectionsOf(this.#showtime.auditorium.name));
    this.#labelSections();
    this.#roving.settle(this.#opened ?? this.#sections[0]);
    this.#viewport.setContent(screened?.box ?? enclosed, [...corners, ...(screened?.solid ?? [])]);
  }

  #labelSections(): void {
    for (const shape of this.#svg.querySelectorAll<SVGGElement>("[data-section]")) {
      const section = this.#sections[Number(shape.getAttribute("data-section"))];
      if (!section) continue;
      const free = section.seats.filter(({ label }) => this.#events.standing(label) === "available").length;
      const mine = section.seats.some(({ label }) => ["picked", "mine"].includes(this.#events.standing(label)));
      set(shape, "aria-label", free === 0 ? strings.soldOutSection(section.label) : strings.section(section.label, free, section.seats.length));
      set(shape, "data-mine", String(mine));
      set(shape, "data-free", free === 0 ? "none" : "some");
      const [name, count] = shape.querySelectorAll("text");
      const left = free === 0 ? strings.soldOut : String(free);
      if (name) name.textContent = count ? section.label : `${section.label} · ${left}`;
      if (count) count.textContent = left;
    }
  }

  #open(section: Section): void {
    this.#opened = section;
    this.#showSeats(section.seats, section);
    this.#roving.focus();
  }

  #leaveSection(): void {
    this.#showSections();
    this.#roving.focus();
  }

  /** The seat or the section that an element of the drawing stands for. */
  #placeOf(element: Element): Seat | Section | undefined {
    const section = element.getAttribute("data-section");
    return section === null ? this.byLabel.get(element.getAttribute("data-seat") ?? "") : this.#sections[Number(section)];
  }

  /** Sections are walked in their order, so that none is left out; up and down lead where they lie, like seats. */
  #neighbour(from: Seat | Section, direction: Direction): Seat | Section | undefined {
    if (this.#drawing) return neighbour(this.#drawing.seats, from, direction);
    const sideways = { left: -1, right: 1, up: 0, down: 0 }[direction];
    if (sideways === 0) return neighbour(this.#sections, from, direction);
    return this.#sections[this.#sections.indexOf(from as Section) + sideways];
  }

  #press(place: Seat | Section): void {
    if ("seats" in place) this.#open(place);
    else this.#events.press(place);
  }

  #reveal({ x, y }: Seat | Section): void {
    if (this.#drawing && this.#viewport.scale < KEYBOARD_SCALE && !this.#viewport.isFitted) this.#viewport.zoomTo(x, y, KEYBOARD_SCALE);
    else this.#viewport.reveal(x, y);
  }

  #zoom(direction: 1 | -1 | 0): void {
    if (direction === 0) this.#viewport.fit();
    else this.#viewport.zoomBy(direction > 0 ? 1.5 : 1 / 1.5);
  }

  #scaled(scale: number): void {
    this.#svg.classList.toggle("numbered", scale >= NUMBERS_FROM);
    for (const [part, name] of ["far", "farther", "farthest"].entries()) this.#svg.classList.toggle(name, scale < ROW_NAMES_FROM / 2 ** part);
    this.#words?.style.setProperty("--pixel", `${1 / scale}px`);
  }
}
