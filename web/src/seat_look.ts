/** What a seat looks like and is called: its price category, its price, and whose it is. */

import { money } from "./format";
import type { Seat } from "./geometry";
import * as strings from "./strings";
import type { Amount, Plan, Showtime } from "./types";

/** What a seat is to whoever looks: a status of the server's, or one of their own. */
export type Standing = "available" | "picked" | "mine" | "booked_mine" | "held" | "booked" | "blocked";

export const standingOf = (status: string): Standing =>
  status === "available" || status === "held" || status === "booked" ? status : "blocked";

export const isTaken = (standing: Standing): boolean => standing === "held" || standing === "booked" || standing === "blocked";

export interface Category {
  key: string;
  name: string;
  /** Which of the shapes and colours. */
  number: number;
  color: string | undefined;
}

/** Some plans name their categories by numbers that mean something to machines only. */
const MACHINE_NAME = /^[0-9a-f]{8}-[0-9a-f-]{27}$/i;

export function categoriesOf(plan: Plan): Map<string, Category> {
  const used = new Set(plan.rows.flatMap(({ seats }) => seats.map(({ category }) => category)));
  const shown = plan.categories.filter(({ key }) => used.has(key));
  return new Map(
    shown.map(({ key, name, color }, number) => {
      const spoken = MACHINE_NAME.test(name) ? strings.categoryNumber(number + 1) : name;
      return [key, { key, name: spoken, number, color: color && /^#[0-9a-f]{3,8}$/i.test(color) ? color : undefined }];
    }),
  );
}

/** A category's tickets; the first is the default. */
export const ticketsOf = (showtime: Showtime, category: string): [string, Amount][] =>
  Object.entries(showtime.prices[category] ?? {});

export const defaultTicket = (showtime: Showtime, category: string): string => ticketsOf(showtime, category)[0]?.[0] ?? "standard";

/** "Row C, seat 12, Standard, €12.50, available" */
export function seatName(seat: Seat, category: Category | undefined, showtime: Showtime, standing: Standing): string {
  const price = ticketsOf(showtime, seat.category)[0]?.[1];
  const parts = [
    seat.zone,
    strings.row(seat.row),
    strings.seatNumber(seat.number),
    category?.name,
    strings.kinds[seat.kind],
    price && money(price),
    strings.states[standing],
  ];
  return parts.filter(Boolean).join(", ");
}

/** Black or white, whichever is easier to read on a colour. */
export function inkOn(color: string): string {
  const hex = color.length < 7 ? [...color.slice(1, 4)].map((digit) => digit + digit).join("") : color.slice(1, 7);
  const [red = 0, green = 0, blue = 0] = [0, 2, 4].map((at) => {
    const part = parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  // Equal contrast with both (WCAG 2, relative luminance).
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#14141a" : "#ffffff";
}

/** Colours for categories of which the plan says nothing: apart from each other also for those who see few. */
export const PALETTE = ["#3566c9", "#b97a00", "#b0357a", "#00807a", "#7450c4", "#96552c", "#5d7d1f", "#a33b2e"];

export const colorOf = ({ color, number }: Category): string => color ?? PALETTE[number % PALETTE.length] ?? "#3566c9";
