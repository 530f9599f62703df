/** Every word that the page says, in one table: to translate the page, translate this file. */

const several = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

/** Names in a sentence: "C12", "C12 and C13", "C12, C13 and C14". */
export function list(names: readonly string[]): string {
  if (names.length > 8) return `${names.slice(0, 7).join(", ")} and ${names.length - 7} more`;
  const last = names[names.length - 1] ?? "";
  return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} and ${last}`;
}

export const seats = (count: number): string => several(count, "seat", "seats");

export const siteTitle = "Boxoffice";
export const programme = "What’s on";
export const loading = "Loading…";
export const today = "Today";
export const tomorrow = "Tomorrow";
export const days = "Days";
export const cinemas = "Cinemas";
export const allCinemas = "All cinemas";
export const noShowtimes = "No showtimes yet. They appear here as soon as they are published.";
export const more = "Show later days";
export const minutes = (count: number) => `${count} min`;
export const rated = (rating: string) => `Rated ${rating}`;
export const from = (price: string) => `from ${price}`;
export const opensAt = (time: string) => `opens ${time}`;
export const saleClosed = "sale closed";
export const cancelled = "cancelled";
export const theirTime = (zone: string) => `${zone} time`;
export const notFoundTitle = "Nothing here";
export const backToProgramme = "All showtimes";
export const retry = "Try again";

export const screen = "Screen";
export const seatMap = (room: string) => `Seats of ${room}`;
export const sectionsOf = (room: string) => `Sections of ${room}`;
export const mapHelp = "Arrow keys move, Home and End go to the ends of a row, Space picks a seat, plus and minus zoom.";
export const sectionsHelp = "Arrow keys move, Enter opens a section.";
export const section = (name: string, free: number, count: number) => `${name}: ${free} of ${seats(count)} available`;
export const soldOutSection = (name: string) => `${name}: sold out`;
export const sectionRows = (first: string, last: string) => (first === last ? `row ${first}` : `rows ${first}–${last}`);
export const allSections = "All sections";
export const zoomIn = "Zoom in";
export const zoomOut = "Zoom out";
export const zoomFit = "Show the whole room";
export const row = (row: string) => `Row ${row}`;
export const seatNumber = (number: string) => `seat ${number}`;
export const kinds = { wheelchair: "wheelchair space", companion: "companion seat", love_seat: "love seat" } as Record<string, string>;
export const categoryNumber = (number: number) => `Category ${number}`;
export const states = {
  available: "available",
  held: "held by someone",
  booked: "sold",
  blocked: "not for sale",
  picked: "picked",
  mine: "held for you",
  booked_mine: "booked by you",
} as Record<string, string>;
export const legend = "Legend";
export const legendStates = {
  available: "Available",
  picked: "Your pick",
  mine: "Held for you",
  booked_mine: "Booked by you",
  held: "Held",
  booked: "Sold",
  blocked: "Not for sale",
} as Record<string, string>;
export const counts = (available: number, all: number) => `${available} of ${all} seats available`;
export const soldOut = "Sold out";

export const yourSeats = "Your seats";
export const pickPrompt = "Pick your seats on the map.";
export const viewOnly = "You can see here which seats are free. Tickets are sold elsewhere.";
export const upTo = (limit: number) => `Up to ${seats(limit)} at a time.`;
export const ticketName = (ticket: string) => ticket.slice(0, 1).toUpperCase() + ticket.slice(1);
export const ticketFor = (seat: string) => `Ticket for ${seat}`;
export const remove = (seat: string) => `Remove ${seat}`;
export const total = "Total";
export const hold = (count: number) => `Hold ${seats(count)}`;
export const holding = "Holding…";
export const unpick = "Clear";
export const youHold = (names: readonly string[]) => `You hold ${list(names)}`;
export const youHoldFor = (names: readonly string[], title: string) => `${youHold(names)} for ${title}`;
export const timeLeft = "Time left";
export const heldHelp = (count: number) => `Choose a free seat to add it${count > 1 ? ", or one of yours to give it back" : ""}.`;
export const contact = "Name and e-mail (optional)";
export const name = "Name";
export const email = "E-mail";
export const book = "Book";
export const booking = "Booking…";
export const extend = "Keep longer";
export const letGo = "Let go";
export const lastSeat = "This is your last seat. “Let go” gives it back.";
export const timeUp = "Time is up";
export const timeUpText = (names: readonly string[]) => `${list(names)} went back on sale.`;
export const holdAgain = "Hold them again";
export const dismiss = "Start over";
export const booked = "Booked";
export const reference = "Reference";
export const referenceHelp = "Show this at the door.";
export const bookMore = "Book more seats";
export const earlierBookings = "Your bookings";
export const room = "Room";
export const starts = "Starts";
export const details = "Show your pick";

export const opensIn = (time: string) => `The sale opens in ${time}`;
export const opensWhen = (time: string) => `The sale opens ${time}.`;
export const saleIsOpen = "The sale is open.";
export const saleOver = "The sale is over.";
export const showCancelled = "This showtime has been cancelled.";
export const showDeleted = "This showtime is no longer offered.";

export const connecting = "Connecting…";
export const live = "Live";
export const polling = "Updated every few seconds";
export const over = "Closed";
export const offline = "Not connected. The map may be out of date. Trying again…";

export const announceHeld = (names: readonly string[], time: string) => `You hold ${list(names)} for ${time}.`;
export const announceLost = (names: readonly string[]) =>
  `${list(names)} ${names.length === 1 ? "was" : "were"} just taken by someone else.`;
export const announcePicked = (seat: string, count: number, total: string) => `${seat} picked. ${seats(count)}, ${total}.`;
export const announceUnpicked = (seat: string, count: number) => `${seat} removed. ${count === 0 ? "Nothing picked" : seats(count)}.`;
export const announceSoon = "One minute left to book your seats.";
export const announceExtended = (time: string) => `You have ${time} now.`;
export const announceReleased = "Your seats went back on sale.";
export const announceBooked = (reference: string) => (reference ? `Booked. Your reference is ${reference}.` : "Booked.");
export const announceBack = "Connected again. The map is up to date.";
export const announceOthers = (taken: number, freed: number) =>
  [taken > 0 && `${seats(taken)} taken`, freed > 0 && `${seats(freed)} freed`].filter(Boolean).join(", ") + ".";
export const notAvailable = (name: string, state: string) => `${name} is ${state}.`;
export const limitReached = (limit: number) => `You can hold up to ${seats(limit)} at a time.`;
export const someLost = (lost: readonly string[], kept: number) =>
  `${list(lost)} ${lost.length === 1 ? "is" : "are"} no longer available. ` +
  (kept === 0 ? "Please pick other seats." : `Your other ${kept === 1 ? "seat is" : `${kept} seats are`} still picked.`);
export const notAdded = (lost: readonly string[]) => `${list(lost)} ${lost.length === 1 ? "is" : "are"} no longer available.`;
export const partlyGone = (names: readonly string[]) => `${list(names)} ${names.length === 1 ? "is" : "are"} no longer yours.`;
export const holdGone = "Your hold has ended.";
export const spoken = (minutes: number, secondsLeft: number) =>
  [minutes > 0 && several(minutes, "minute", "minutes"), (minutes === 0 || secondsLeft > 0) && several(secondsLeft, "second", "seconds")]
    .filter(Boolean)
    .join(" ");

const outdated = "This page is out of date. Please reload it.";
const broken = "Something went wrong on this page. Please reload it.";
const ourFault = "Something went wrong at our end. Please try again.";
const otherRoom = "This room has changed. Please reload the page.";
const notFromHere = "This hold cannot be opened from here.";

/** A sentence for people for every code of docs/errors.md. */
export const problems: Record<string, string> = {
  malformed_body: broken,
  invalid_field: "Something that you typed cannot be used. Please check it.",
  unknown_field: outdated,
  unknown_parameter: outdated,
  invalid_cursor: "This list has changed. Please reload the page.",
  invalid_header: broken,
  weak_idempotency_key: broken,
  credentials_missing: notFromHere,
  credentials_wrong: notFromHere,
  scope_missing: "This cannot be done from here.",
  head_too_large: outdated,
  origin_not_allowed: "This page may not watch the seats from here. Please open it at its own address.",
  confirm_not_allowed: "Your seats are held. Booking is finished at the till or in the shop, not on this page.",
  route_not_found: "There is nothing at this address.",
  cinema_not_found: "There is no such cinema.",
  movie_not_found: "There is no such movie.",
  auditorium_not_found: "There is no such room.",
  plan_not_found: "The seating plan of this room cannot be found.",
  showtime_not_found: "There is no such showtime, or it is no longer offered.",
  hold_not_found: "Your hold has ended.",
  booking_not_found: "There is no such booking.",
  method_not_allowed: outdated,
  body_too_large: "That is too much at once.",
  unsupported_media_type: broken,
  seat_unavailable: "Some of these seats are no longer available.",
  version_mismatch: "These seats have just changed. Please look again.",
  not_on_sale: "The sale is not open.",
  showtime_cancelled: "This showtime has been cancelled.",
  showtime_in_use: "This showtime is in use.",
  hold_expired: "Your time is up. You can hold the seats again if they are still free.",
  hold_not_active: "This hold was booked or given back already.",
  hold_limit_reached: "It cannot be kept any longer. Please book, or let go.",
  too_late: "The show has begun.",
  external_id_taken: "This name is taken already.",
  in_use: "This is still in use.",
  idempotency_in_progress: "Your request is still being worked on. Please wait a moment.",
  unknown_seat: otherRoom,
  duplicate_seat: "One of these seats is named twice, or is yours already.",
  no_seats: "Please pick at least one seat.",
  too_many_seats: "That is more seats than can be held at a time.",
  seat_not_in_hold: "One of these seats is no longer yours.",
  ttl_too_long: "It cannot be kept that long.",
  missing_price: "One of these seats has no price.",
  unknown_category: otherRoom,
  unknown_ticket: "There is no such ticket any more. Please choose another.",
  invalid_plan: "The seating plan of this room cannot be used.",
  idempotency_key_reused: broken,
  internal: ourFault,
  overloaded: "A great many people are buying right now. Please try again in a moment.",
  store_unavailable: "Nothing can be booked for a moment. Please try again shortly.",
  outcome_unknown: "It is not clear yet whether this went through. Please try again: nothing is booked twice.",
  draining: "The service is restarting. Please try again in a moment.",
  /** Not the server's: no answer at all. */
  unreachable: "The box office cannot be reached. Please check your connection.",
};

/** The sentence of a code; of an unknown one, what its status means. */
export function sentence(code: string, status: number): string {
  const known = problems[code];
  if (known !== undefined) return known;
  if (status === 404) return "This is no longer there.";
  if (status === 409 || status === 422) return "This is not possible any more. Please look again.";
  return status >= 500 ? ourFault : "This cannot be done.";
}
