// A shop on the generated client: finds a showtime, holds two seats, changes its mind, books, and cancels one.
// Lines after @ts-expect-error must not compile: else the description says too little.
import createClient from "openapi-fetch";
import type { components, paths } from "./boxoffice";

const client = createClient<paths>({ baseUrl: process.env["BOXOFFICE_URL"] ?? "" });

function need<T>(what: string, value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error(`${what} is missing`);
  return value;
}

// An unknown code is treated by its status; known ones are told apart by the compiler.
function advice(problem: components["schemas"]["Problem"]): string {
  const code: components["schemas"]["ProblemCode"] = problem.code;
  if (code === "seat_unavailable") return need("conflicts", problem.conflicts).map((it) => it.seat).join(" ");
  return problem.status === 503 ? `wait ${problem.retry_after_ms ?? 1000} ms` : problem.detail;
}

const page = need("showtimes", (await client.GET("/v1/showtimes", { params: { query: { limit: 5 } } })).data);
const showtime = need("a showtime", page.data[0]);
const path = { id: showtime.id };

const map = need("a map", (await client.GET("/v1/showtimes/{id}/seats", { params: { path } })).data);
if (!("showtime" in map)) throw new Error("the whole map was asked for");
const free = map.seats.filter((seat) => seat.status === "available").map((seat) => seat.seat);
const [first, second, third] = [need("A", free[0]), need("B", free[1]), need("C", free[2])];

const held = await client.POST("/v1/showtimes/{id}/holds", {
  params: { path, header: { "Idempotency-Key": crypto.randomUUID() } },
  body: { seats: [first, { seat: second, ticket: "child" }], metadata: { shop: "42" } },
});
const hold = need(held.error ? advice(held.error) : "the hold", held.data);
const asHolder = { Authorization: `Bearer ${hold.token}` };

const again = await client.POST("/v1/showtimes/{id}/holds", { params: { path }, body: { seats: [first] } });
if (again.response.status !== 409 || advice(need("a problem", again.error)) !== first) throw new Error("held twice");

const changed = await client.PATCH("/v1/holds/{id}", {
  params: { path: { id: hold.id } }, headers: asHolder, body: { add: [third], remove: [second], extend: true },
});
const booked = await client.POST("/v1/bookings", {
  headers: asHolder, body: { hold: need("the hold", changed.data).id, contact: { email: "ada@example.org" } },
});
const booking = need("the booking", booked.data);
const cancelled = await client.POST("/v1/bookings/{id}/cancel", {
  params: { path: { id: booking.id } }, headers: { Authorization: `Bearer ${booking.token}` },
  body: { seats: [third] },
});
const status: "confirmed" | "partly_cancelled" | "cancelled" = need("the booking", cancelled.data).status;
console.log(status, cancelled.data?.cancelled_total.amount, cancelled.data?.cancelled_total.currency);

export async function mustNotCompile(): Promise<void> {
  // @ts-expect-error there is no such member
  const wish: components["schemas"]["NewHold"] = { seats: ["A1"], seat: "A1" };
  await client.POST("/v1/showtimes/{id}/holds", { params: { path }, body: wish });
  // @ts-expect-error seats are required
  await client.POST("/v1/showtimes/{id}/holds", { params: { path }, body: {} });
  // @ts-expect-error there is no such parameter
  await client.GET("/v1/showtimes", { params: { query: { page: 2 } } });
  // @ts-expect-error there is no such path
  await client.GET("/v1/nothing");
  // @ts-expect-error an amount is a number
  const text: string = booking.total.amount;
  void text;
}
