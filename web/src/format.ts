/** Money, times and time left, as people read them. */

import type { Amount } from "./types";
import * as strings from "./strings";

const languages = globalThis.navigator?.languages ?? [];

/** The page speaks English; of that, what the reader is used to. */
const locale = languages.find((language) => /^en\b/i.test(language)) ?? "en-GB";

/** 9:05 PM, but 09:05. */
const hour = new Intl.DateTimeFormat(locale, { hour: "numeric" }).resolvedOptions().hour12 ? "numeric" : "2-digit";

/** 1250 EUR as €12.50, or 12,50 € where that is usual: Intl knows how many minor units a currency has. */
export function moneyIn(wanted: readonly string[]): (amount: Amount) => string {
  // One for each currency: a room has thousands of prices.
  const formats = new Map<string, Intl.NumberFormat>();
  return ({ amount, currency }) => {
    const format = formats.get(currency) ?? new Intl.NumberFormat([...wanted], { style: "currency", currency });
    formats.set(currency, format);
    const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
    return format.format(amount / 10 ** digits);
  };
}

/** As the reader's browser writes it, whatever the page speaks. */
export const money = moneyIn(languages);

export function sum(amounts: readonly Amount[], currency: string): Amount {
  return { amount: amounts.reduce((total, { amount }) => total + amount, 0), currency };
}

/**
 * The clock on the cinema's wall as a date whose UTC fields are what it shows. The server has done the reckoning
 * (`starts_at_local`), so no time zone database is needed here.
 */
function onTheWall(local: string | null, utc: string): Date {
  const wall = local?.slice(0, 19);
  if (wall) return new Date(`${wall}Z`);
  const at = new Date(utc);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
}

export interface Starts {
  starts_at: string;
  starts_at_local: string | null;
}

const written = (showtime: Starts, options: Intl.DateTimeFormatOptions): string =>
  new Intl.DateTimeFormat(locale, { ...options, timeZone: "UTC" }).format(onTheWall(showtime.starts_at_local, showtime.starts_at));

export const clockTime = (showtime: Starts): string => written(showtime, { hour, minute: "2-digit" });

export const longDate = (showtime: Starts): string => written(showtime, { weekday: "long", day: "numeric", month: "long" });

export const weekday = (showtime: Starts): string => written(showtime, { weekday: "short" });

export const dayAndMonth = (showtime: Starts): string => written(showtime, { day: "numeric", month: "short" });

/** The cinema's calendar day, as 2026-11-24. */
export const dayKey = (showtime: Starts): string =>
  onTheWall(showtime.starts_at_local, showtime.starts_at).toISOString().slice(0, 10);

/** A point in time by the cinema's clock. */
export function momentIn(zone: string | undefined, at: string): string {
  const options: Intl.DateTimeFormatOptions = { weekday: "short", day: "numeric", month: "short", hour, minute: "2-digit" };
  try {
    return new Intl.DateTimeFormat(locale, { ...options, ...(zone ? { timeZone: zone } : {}) }).format(new Date(at));
  } catch {
    // A zone that this browser does not know.
    return new Intl.DateTimeFormat(locale, options).format(new Date(at));
  }
}

/** Today's calendar day in a zone. */
export function today(zone: string | undefined, now = new Date()): string {
  try {
    return new Intl.DateTimeFormat("en-CA", { ...(zone ? { timeZone: zone } : {}), year: "numeric", month: "2-digit", day: "2-digit" }).format(now);
  } catch {
    return now.toISOString().slice(0, 10);
  }
}

/** 250_000 ms as 4:10; what has begun counts. */
export function countdown(ms: number): string {
  const left = Math.max(0, Math.ceil(ms / 1000));
  const [hours, minutes, secondsLeft] = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(secondsLeft)}` : `${minutes}:${two(secondsLeft)}`;
}

/** The same for the ear. */
export function spokenTime(ms: number): string {
  const left = Math.max(0, Math.round(ms / 1000));
  return strings.spoken(Math.floor(left / 60), left % 60);
}
