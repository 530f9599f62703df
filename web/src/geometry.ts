/** The room as geometry: neighbours as drawn, ends of rows, what encloses seats, and sections of large rooms. */

import type { Plan } from "./types";
import * as strings from "./strings";

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** What the keyboard's focus can be on. */
export interface Place extends Point {
  readonly label: string;
  /** Which row of the plan. */
  readonly line: number;
}

/** A seat as the page knows it. */
export interface Seat extends Place {
  readonly number: string;
  readonly row: string;
  readonly zone: string | undefined;
  readonly category: string;
  readonly kind: string;
  readonly group: string | undefined;
}

export function seatsOf(plan: Plan): Seat[] {
  return plan.rows.flatMap((row, line) =>
    row.seats.map(({ seat, number, x, y, category, kind, group }) => ({
      label: seat,
      number,
      row: row.row,
      zone: row.zone ?? undefined,
      line,
      category,
      kind,
      group: group === undefined || group === null ? undefined : `${line}/${group}`,
      x,
      y,
    })),
  );
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** What encloses the seats, with this much around them. */
export function boxOf(seats: readonly Point[], margin: number): Box {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { x, y } of seats) {
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  }
  if (left > right) return { x: 0, y: 0, width: 2 * margin, height: 2 * margin };
  return { x: left - margin, y: top - margin, width: right - left + 2 * margin, height: bottom - top + 2 * margin };
}

export type Direction = "left" | "right" | "up" | "down";

/**
 * The seat that lies in a direction, as drawn: first what is straight ahead, then what is nearest within a quarter
 * turn. Sideways it stays in line with the eye, across gaps and zones, before it drifts to other rows.
 */
export function neighbour<Found extends Place>(seats: readonly Found[], from: Place, direction: Direction): Found | undefined {
  const sideways = direction === "left" || direction === "right";
  const sign = direction === "left" || direction === "up" ? -1 : 1;
  let best: Found | undefined;
  let bestCost = Infinity;
  for (const seat of seats) {
    const ahead = sign * (sideways ? seat.x - from.x : seat.y - from.y);
    const aside = Math.abs(sideways ? seat.y - from.y : seat.x - from.x);
    if (ahead < 0.2 || aside > ahead * (sideways ? 1 : 3)) continue;
    const sameRow = sideways && seat.line === from.line;
    const cost = ahead + aside * (sideways ? 3 : 1.5) - (sameRow ? 0.5 : 0);
    if (cost < bestCost) [best, bestCost] = [seat, cost];
  }
  return best;
}

/** The first or last seat of a row. */
export function endOfRow<Found extends Place>(seats: readonly Found[], from: Place, last: boolean): Found | undefined {
  const row = seats.filter(({ line }) => line === from.line);
  return last ? row[row.length - 1] : row[0];
}

/** A part of a large room, under its name; as a place it lies in the middle of its box, all in one line. */
export interface Section extends Place {
  readonly seats: readonly Seat[];
  readonly box: Box;
}

/** Rooms with more seats than this open by sections. */
export const SECTIONS_FROM = 3000;
const MOST_IN_SECTION = 1500;

/** A large room in parts: its zones, and those that are still too large by rows. */
export function sectionsOf(seats: readonly Seat[], most = MOST_IN_SECTION): Section[] {
  const zones = new Map<string, Seat[]>();
  for (const seat of seats) {
    const name = seat.zone ?? "";
    const zone = zones.get(name);
    if (zone) zone.push(seat);
    else zones.set(name, [seat]);
  }
  return [...zones].flatMap(([zone, all]) => {
    const parts = byRows(all, most);
    return parts.map((part) => {
      const rows = strings.sectionRows(part[0]?.row ?? "", part[part.length - 1]?.row ?? "");
      const label = parts.length === 1 && zone ? zone : [zone, rows].filter(Boolean).join(", ");
      const box = boxOf(part, 0.4);
      return { label, line: 0, x: box.x + box.width / 2, y: box.y + box.height / 2, seats: part, box };
    });
  });
}

/** Rows that follow each other, in parts of about the same size. */
function byRows(seats: Seat[], most: number): Seat[][] {
  const share = Math.ceil(seats.length / Math.ceil(seats.length / most));
  const parts: Seat[][] = [];
  for (const seat of seats) {
    const part = parts[parts.length - 1];
    const inRow = part?.[part.length - 1]?.line === seat.line;
    if (part && (inRow || part.length < share)) part.push(seat);
    else parts.push([seat]);
  }
  return parts;
}
