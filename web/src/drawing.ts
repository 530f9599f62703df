/** The room as SVG: the screen, rows with their names, and seats whose shape tells category and state. */

import { set, svg } from "./dom";
import { boxOf, type Box, type Point, type Seat } from "./geometry";
import { colorOf, inkOn, isTaken, type Category, type Standing } from "./seat_look";
import { body, KINDS, MARKS, RING } from "./shapes";
import * as strings from "./strings";
import type { Plan } from "./types";

interface Drawn {
  group: SVGGElement;
  mark: SVGPathElement;
  standing: Standing | undefined;
}

/** What screen readers are told of a seat. */
type Name = (seat: Seat, standing: Standing) => string;

export class Drawing {
  /** What there is to see, margins included. */
  readonly box: Box;
  readonly content: SVGGElement;
  /** What no button may lie on. */
  readonly solid: readonly Point[];
  /** The names of the rows. */
  readonly names: SVGGElement;
  readonly #drawn = new Map<string, Drawn>();

  constructor(
    readonly seats: readonly Seat[],
    categories: ReadonlyMap<string, Category>,
    screen: Plan["screen"],
  ) {
    this.content = svg("g", { class: "room" });
    const rows = new Map<number, Seat[]>();
    for (const seat of seats) {
      const row = rows.get(seat.line);
      if (row) row.push(seat);
      else rows.set(seat.line, [seat]);
    }
    const enclosed = boxOf(seats, 1.4);
    this.names = rowNames([...rows.values()]);
    this.content.append(sofas(seats), ...[...rows.values()].map((row) => this.#drawRow(row, categories)), this.names);
    const screened = screen && drawScreen(this.content, screen, boxOf(seats, 0).y, enclosed);
    this.box = screened?.box ?? enclosed;
    this.solid = [...seats, ...(screened?.solid ?? [])];
  }

  /** The element of a seat. */
  element(label: string): SVGGElement | undefined {
    return this.#drawn.get(label)?.group;
  }

  /** Shows what a seat is now. */
  show(seat: Seat, standing: Standing, name: Name): void {
    const drawn = this.#drawn.get(seat.label);
    if (!drawn) return;
    const { group, mark } = drawn;
    set(group, "aria-label", name(seat, standing));
    if (drawn.standing === standing) return;
    drawn.standing = standing;
    set(group, "data-standing", standing);
    set(group, "aria-selected", String(standing === "picked" || standing === "mine" || standing === "booked_mine"));
    set(group, "aria-disabled", String(isTaken(standing) || standing === "booked_mine"));
    const shape = MARKS[standing] ?? KINDS[seat.kind] ?? "";
    set(mark, "d", shape);
  }

  #drawRow(row: readonly Seat[], categories: ReadonlyMap<string, Category>): SVGGElement {
    const first = row[0];
    const named = first ? [first.zone, strings.row(first.row)].filter(Boolean).join(", ") : "";
    return svg("g", { role: "row", "aria-label": named }, ...row.map((seat) => this.#drawSeat(seat, categories)));
  }

  #drawSeat(seat: Seat, categories: ReadonlyMap<string, Category>): SVGGElement {
    const number = categories.get(seat.category)?.number ?? 0;
    const mark = svg("path", { class: "mark" });
    const group = svg(
      "g",
      {
        class: `seat k${number % 8}`,
        role: "gridcell",
        tabindex: -1,
        "data-seat": seat.label,
        "data-kind": seat.kind,
        transform: `translate(${seat.x} ${seat.y})`,
      },
      svg("rect", { class: "reach", x: -0.5, y: -0.5, width: 1, height: 1 }),
      svg("rect", { class: "ring", ...RING }),
      svg("path", { class: "body", d: body(number) }),
      mark,
      seat.kind in KINDS ? null : svg("text", { class: "number", y: 0.12, "aria-hidden": "true" }, seat.number),
    );
    this.#drawn.set(seat.label, { group, mark, standing: undefined });
    return group;
  }
}

/** An arc before the first row, which lies at `first`; gives back what encloses room and screen. */
export function drawScreen(content: SVGGElement, screen: NonNullable<Plan["screen"]>, first: number, enclosed: Box): { box: Box; solid: Point[] } {
  const [left, right] = [screen.x, screen.x + screen.width];
  const front = Math.min(first - 0.5, screen.y + 0.5) - 0.9;
  const bulge = Math.min(1.1, 0.25 + screen.width / 30);
  const arc = `M${left} ${front}Q${(left + right) / 2} ${front - 2 * bulge} ${right} ${front}`;
  // As large as in the room that fits, so that it can be read when all of it is seen.
  const large = Math.max(0.5, (enclosed.width + enclosed.height) / 60);
  const deep = front + 0.7;
  const glow = `${arc}L${right - screen.width * 0.06} ${deep}Q${(left + right) / 2} ${deep - bulge} ${left + screen.width * 0.06} ${deep}Z`;
  content.prepend(
    svg(
      "g",
      { class: "screen", "aria-hidden": "true" },
      svg("path", { class: "glow", d: glow }),
      svg("path", { class: "arc", d: arc }),
      svg("text", { x: (left + right) / 2, y: front - bulge - 0.6 * large, "font-size": large }, strings.screen),
    ),
  );
  const top = Math.min(enclosed.y, front - bulge - 1 - 2 * large);
  const x = Math.min(enclosed.x, left - 0.4);
  const farRight = Math.max(enclosed.x + enclosed.width, right + 0.4);
  const solid = [{ x: right, y: front }, { x: right - screen.width / 4, y: front - bulge }];
  return { box: { x, y: top, width: farRight - x, height: enclosed.y + enclosed.height - top }, solid };
}

/** What lies under seats that are sold together. */
function sofas(seats: readonly Seat[]): SVGGElement {
  const groups = new Map<string, Seat[]>();
  for (const seat of seats) {
    if (seat.group === undefined) continue;
    const group = groups.get(seat.group);
    if (group) group.push(seat);
    else groups.set(seat.group, [seat]);
  }
  const links = [...groups.values()].flatMap((members) =>
    members.slice(1).map((seat, index) => {
      const before = members[index] ?? seat;
      return svg("line", { x1: before.x, y1: before.y, x2: seat.x, y2: seat.y });
    }),
  );
  return svg("g", { class: "sofas", "aria-hidden": "true" }, ...links);
}

/** The name of a row at both of its ends, where nothing else is in the way. */
function rowNames(rows: readonly (readonly Seat[])[]): SVGGElement {
  const taken = new Set<string>();
  const cell = (x: number, y: number) => `${Math.round(x * 2)}/${Math.round(y * 2)}`;
  for (const { x, y } of rows.flat()) {
    for (const across of [-0.5, 0, 0.5]) for (const down of [-0.5, 0, 0.5]) taken.add(cell(x + across, y + down));
  }
  const group = svg("g", { class: "rows", "aria-hidden": "true" });
  for (const [index, row] of rows.entries()) {
    const [first, last] = [row[0], row[row.length - 1]];
    if (!first || !last) continue;
    // From afar only every second or fourth is large enough to be read, and needs more room.
    const rank = index % 4 === 0 ? "fourth" : index % 2 === 0 ? "second" : "other";
    for (const [{ x, y }, side] of [[first, -1], [last, 1]] as const) {
      if (taken.has(cell(x + side, y))) continue;
      taken.add(cell(x + side, y));
      const tight = taken.has(cell(x + 2 * side, y)) ? "tight" : rank;
      group.append(svg("text", { class: tight, x: x + 0.8 * side, y, dy: "0.36em", "text-anchor": side < 0 ? "end" : "start" }, first.row));
    }
  }
  return group;
}

/** Hands the categories' colours to the style sheet. */
export function paint(element: HTMLElement | SVGElement, categories: ReadonlyMap<string, Category>): void {
  for (const category of categories.values()) {
    const color = colorOf(category);
    element.style.setProperty(`--k${category.number % 8}`, color);
    element.style.setProperty(`--t${category.number % 8}`, inkOn(color));
  }
}
