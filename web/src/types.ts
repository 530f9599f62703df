/** What the API says, as far as the page reads it. See docs/http.md. */

export interface Amount {
  amount: number;
  currency: string;
}

export type SaleStatus = "upcoming" | "on_sale" | "closed" | "cancelled" | (string & {});

/** A status that this page does not know means: not available. */
export type SeatStatus = "available" | "held" | "booked" | "blocked" | (string & {});

export interface Showtime {
  id: string;
  status: SaleStatus;
  starts_at: string;
  starts_at_local: string | null;
  on_sale_at: string;
  off_sale_at: string;
  currency: string;
  /** By category, then by ticket; the first ticket is the default. */
  prices: Record<string, Record<string, Amount>>;
  max_seats_per_hold: number;
  plan: string;
  cinema: { id: string; name: string; time_zone: string } | null;
  movie: { id: string; title: string; runtime_min: number | null; rating: string | null };
  auditorium: { id: string; name: string };
  epoch?: string;
  revision?: number;
}

export interface Page<Item> {
  data: Item[];
  next: string | null;
}

export interface Plan {
  plan: string;
  size: { width: number; height: number };
  screen: { x: number; y: number; width: number } | null;
  categories: { key: string; name: string; color: string | null }[];
  rows: { row: string; zone?: string | null; seats: PlanSeat[] }[];
}

export interface PlanSeat {
  seat: string;
  number: string;
  x: number;
  y: number;
  category: string;
  kind: string;
  group?: number | string | null;
}

/** A seat that differs from "available, version 0", or that changed. */
export interface SeatChange {
  seat: string;
  status: SeatStatus;
  version: number;
  expires_at?: string;
}

export interface Snapshot {
  type: "snapshot";
  epoch: string;
  revision: number;
  seats: SeatChange[];
  part?: number;
  parts?: number;
}

export interface Delta {
  type: "delta";
  epoch: string;
  from: number;
  revision: number;
  seats: SeatChange[];
  part?: number;
  parts?: number;
}

export type LiveMessage =
  | Snapshot
  | Delta
  | { type: "heartbeat"; epoch: string; revision: number }
  | { type: "changed"; revision: number }
  | { type: "closed"; reason: string }
  | { type: "bye"; reason: string; reconnect_after_ms?: number };

/** The answer to `seats?since=R`. */
export interface Changes {
  from: number;
  reset?: boolean;
  epoch: string;
  revision: number;
  seats: SeatChange[];
}

export interface HeldSeat {
  seat: string;
  version: number;
  category: string;
  ticket: string;
  price: Amount;
  status?: string;
}

export interface Hold {
  id: string;
  token: string;
  showtime: string;
  status: string;
  seats: HeldSeat[];
  total: Amount;
  expires_at: string;
  expires_in_ms: number;
  extendable_until: string;
  booking?: string;
}

export interface Booking {
  id: string;
  reference: string;
  token: string;
  hold: string;
  showtime: string;
  status: string;
  seats: HeldSeat[];
  total: Amount;
  cancelled_total: Amount;
}

export interface Conflict {
  seat: string;
  reason?: string;
}

export interface ProblemBody {
  status: number;
  code: string;
  detail?: string;
  conflicts?: Conflict[];
  seats?: string[];
  limit?: number;
  retry_after_ms?: number;
  on_sale_at?: string;
}
