/**
 * One person's purchase: picking, holding, changing, booking, and what to do when any of it fails. It draws nothing;
 * the panel shows its state, and tests drive it without a browser.
 */

import { newKey, Problem, type api, type Wanted } from "./api";
import { wait } from "./backoff";
import { Deadline } from "./clock";
import { spokenTime } from "./format";
import type { OwnBooking, OwnStore } from "./own";
import { PickedSeats } from "./pick";
import * as strings from "./strings";
import type { Booking, HeldSeat, Hold, SeatChange } from "./types";

export type Phase = "picking" | "held" | "time_up" | "booked";
export type Task = "hold" | "change" | "extend" | "book" | "release" | "recover";

/** When the last minute is announced. */
const SOON_MS = 60_000;

export interface Surroundings {
  api: Pick<typeof api, "hold" | "readHold" | "changeHold" | "release" | "book">;
  store: OwnStore;
  limit: number;
  defaultTicket(seat: string): string;
  /** The server's word on a seat. */
  status(seat: string): string;
  /** Takes over what an answer says of seats: whoever knows more by their versions keeps that. */
  learn(seats: readonly SeatChange[]): void;
  /** Something is to be drawn anew; these seats, too. */
  changed(seats: readonly string[]): void;
  say(text: string, urgent?: boolean): void;
}
type Pick<Type, Keys extends keyof Type> = { [Key in Keys]: Type[Key] };

export class Sale {
  phase: Phase = "picking";
  task: Task | undefined;
  /** What went wrong, or what is good to know. */
  notice: string | undefined;
  pick: PickedSeats;
  hold: Hold | undefined;
  booking: OwnBooking | undefined;
  /** The seats whose time was up. */
  lost: Wanted[] = [];
  #deadline: Deadline | undefined;
  #warned = false;

  constructor(readonly around: Surroundings) {
    this.pick = new PickedSeats(around.limit);
  }

  get timeLeft(): number {
    return this.#deadline?.left() ?? 0;
  }

  /** Whether the hold can be kept longer. */
  get extendable(): boolean {
    return this.hold !== undefined && Date.parse(this.hold.extendable_until) > Date.parse(this.hold.expires_at);
  }

  get isSoonOver(): boolean {
    return this.phase === "held" && this.timeLeft <= SOON_MS;
  }

  /** Whether a seat is one's own, and how. */
  standing(seat: string): "picked" | "mine" | "booked_mine" | undefined {
    if (this.phase === "picking" && this.pick.has(seat)) return "picked";
    if (this.phase === "held" && this.hold?.seats.some((held) => held.seat === seat)) return "mine";
    return this.around.store.value.bookings.some(({ seats }) => seats.includes(seat)) ? "booked_mine" : undefined;
  }

  /** Returns to what this browser has: a hold, or a request that was never answered. */
  async recover(): Promise<void> {
    const kept = this.around.store.value.hold;
    if (kept && !this.hold) {
      await this.#during("recover", async () => {
        const hold = await this.around.api.readHold(kept.id, kept.token);
        await this.#settle(hold, kept.seats);
      });
      return;
    }
    const pending = this.around.store.pending();
    if (pending && !this.hold) await this.#during("recover", () => this.#ask(pending.seats, pending.key));
  }

  /** A seat was tapped, or picked by the keyboard. */
  async press(seat: string): Promise<void> {
    if (this.task !== undefined || this.phase === "time_up") return;
    if (this.phase === "booked") this.startOver();
    if (this.phase === "held") await this.#change(seat);
    else this.#toggle(seat);
  }

  choose(seat: string, ticket: string): void {
    this.pick.choose(seat, ticket);
    this.around.changed([]);
  }

  unpickAll(): void {
    const seats = this.pick.seats;
    this.pick.clear();
    this.notice = undefined;
    this.around.changed(seats);
  }

  /** Holds what is picked. */
  async take(): Promise<void> {
    const wanted = this.pick.wanted;
    if (this.task !== undefined || wanted.length === 0) return;
    // An unanswered request for the same seats is asked again under its key; one for others is settled first.
    const pending = this.around.store.pending();
    const same = pending !== undefined && JSON.stringify(pending.seats) === JSON.stringify(wanted);
    await this.#during("hold", async () => {
      if (pending && !same) {
        await this.#ask(pending.seats, pending.key).catch((error: unknown) => {
          if (error instanceof Problem && error.passes) throw error;
        });
        if (this.hold) return;
      }
      await this.#ask(wanted, same ? pending.key : newKey());
    });
  }

  /** The seats whose time was up, once more. */
  async takeAgain(): Promise<void> {
    const wanted = this.lost;
    if (this.task !== undefined || wanted.length === 0) return;
    this.startOver();
    for (const { seat, ticket } of wanted) this.pick.toggle(seat, ticket);
    await this.take();
  }

  async extend(): Promise<void> {
    const hold = this.hold;
    if (!hold || this.task !== undefined) return;
    await this.#during("extend", async () => {
      this.#adopt(await this.around.api.changeHold(hold.id, hold.token, { extend: true }, newKey()));
      this.around.say(strings.announceExtended(spokenTime(this.timeLeft)));
    });
  }

  async letGo(): Promise<void> {
    const hold = this.hold;
    if (!hold || this.task !== undefined) return;
    await this.#during("release", async () => {
      await this.around.api.release(hold.id, hold.token, newKey());
      this.around.learn(freed(hold.seats));
      this.#forget();
      this.around.say(strings.announceReleased);
    });
  }

  async book(contact: { name?: string; email?: string }): Promise<void> {
    const hold = this.hold;
    if (!hold || this.task !== undefined) return;
    await this.#during("book", async () => this.#finish(await this.around.api.book(hold.id, hold.token, contact, newKey())));
  }

  /** Away from "time is up" or "booked", to a new pick. */
  startOver(): void {
    const seats = [...this.lost.map(({ seat }) => seat), ...(this.booking?.seats ?? [])];
    if (this.phase === "time_up") this.around.store.setHold(undefined);
    [this.phase, this.lost, this.booking, this.hold, this.notice] = ["picking", [], undefined, undefined, undefined];
    this.pick.clear();
    this.around.changed(seats);
  }

  /** The server's map has changed: a stranger may have taken what was picked; somebody may have ended the hold. */
  seatsChanged(seats: readonly string[]): void {
    if (this.phase === "picking" && this.task !== "hold") {
      const lost = this.pick.lose(seats.filter((seat) => this.around.status(seat) !== "available"));
      if (lost.length > 0) {
        this.notice = strings.someLost(lost, this.pick.size);
        this.around.say(strings.announceLost(lost), true);
        this.around.changed(lost);
      }
    }
    const mine = this.phase === "held" && this.task === undefined ? this.hold?.seats : undefined;
    if (mine?.some(({ seat }) => seats.includes(seat) && this.around.status(seat) !== "held")) void this.check();
  }

  /** To be called every second or so: time passes. */
  tick(): void {
    if (this.phase !== "held" || this.task === "book") return;
    const left = this.timeLeft;
    if (left <= 0) {
      // Another tab may have kept it longer; the server knows.
      if (this.task === undefined) void this.check();
    } else if (left <= SOON_MS && !this.#warned) {
      this.#warned = true;
      this.around.say(strings.announceSoon, true);
      this.around.changed([]);
    }
  }

  /** Looks at the hold again: after sleep, or when its seats changed without us. */
  async check(): Promise<void> {
    const hold = this.hold;
    if (!hold || this.task !== undefined || this.phase !== "held") return;
    await this.#during("recover", async () => {
      try {
        await this.#settle(await this.around.api.readHold(hold.id, hold.token), wantedOf(hold));
      } catch (error) {
        if (!(error instanceof Problem && error.passes)) throw error;
        // Nobody answers: the time that is known counts. The next look may find more.
        if (this.timeLeft <= 0) this.#timeIsUp();
      }
    });
  }

  #toggle(seat: string): void {
    this.notice = undefined;
    const result = this.pick.toggle(seat, this.around.defaultTicket(seat));
    if (result === "limit") {
      this.notice = strings.limitReached(this.pick.limit);
      this.around.say(this.notice);
    }
    this.around.changed([seat]);
  }

  /** Adds a free seat to the hold, or gives one of its seats back. */
  async #change(seat: string): Promise<void> {
    const hold = this.hold;
    if (!hold) return;
    const remove = hold.seats.some((held) => held.seat === seat);
    if (remove && hold.seats.length === 1) return this.#tell(strings.lastSeat);
    if (!remove && hold.seats.length >= this.around.limit) return this.#tell(strings.limitReached(this.around.limit));
    await this.#during("change", async () => {
      const change = remove ? { remove: [seat] } : { add: [{ seat, ticket: this.around.defaultTicket(seat) }] };
      this.#adopt(await this.around.api.changeHold(hold.id, hold.token, change, newKey()));
      if (remove) this.around.learn(freed(hold.seats.filter((held) => held.seat === seat)));
      this.around.changed([seat]);
    });
  }

  #tell(text: string): void {
    this.notice = text;
    this.around.say(text);
    this.around.changed([]);
  }

  /** Asks for a hold; again if a seat was only being looked at by another request, or if we are early for the sale. */
  async #ask(wanted: Wanted[], key: string): Promise<void> {
    this.around.store.setPending({ key, seats: wanted, at: Date.now() });
    for (let tries = 1; ; tries += 1) {
      try {
        this.pick.clear();
        for (const { seat, ticket } of wanted) this.pick.toggle(seat, ticket);
        await this.#settle(await this.around.api.hold(this.#showtime, wanted, key), wanted);
        return;
      } catch (error) {
        if (!(error instanceof Problem) || error.passes) throw error;
        const claimed = error.conflicts.length > 0 && error.conflicts.every(({ reason }) => reason === "claimed");
        // The server's clock is known to half a second.
        const early = error.code === "not_on_sale" && error.body.on_sale_at !== undefined;
        if ((claimed && tries < 2) || (early && tries < 6)) {
          await wait((claimed ? 50 : 150) + Math.random() * 150);
          continue;
        }
        this.around.store.setPending(undefined);
        throw error;
      }
    }
  }

  /** The showtime of the store, which the surroundings' api call wants. */
  get #showtime(): string {
    return this.around.store.showtime;
  }

  /** Takes a hold as the server shows it. */
  async #settle(hold: Hold, wanted: Wanted[]): Promise<void> {
    if (hold.status === "active") {
      const fresh = this.hold?.id !== hold.id;
      const before = this.hold ? wantedOf(this.hold).map(({ seat }) => seat) : [];
      this.#adopt(hold);
      const gone = before.filter((seat) => !hold.seats.some((held) => held.seat === seat));
      if (gone.length > 0) this.#tell(strings.partlyGone(gone));
      if (fresh) this.around.say(strings.announceHeld(namesOf(hold), spokenTime(this.timeLeft)));
      this.around.changed([...before, ...namesOf(hold)]);
    } else if (hold.status === "booked") {
      await this.#findBooking(hold);
    } else if (hold.status === "expired") {
      this.hold = hold;
      this.lost = wanted;
      this.#timeIsUp();
    } else {
      this.#forget();
      this.#tell(strings.holdGone);
    }
  }

  /** The same booking again, reference and all; where only a shop may confirm, it has told the reference. */
  async #findBooking(hold: Hold): Promise<void> {
    try {
      this.#finish(await this.around.api.book(hold.id, hold.token, {}, newKey()));
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== "confirm_not_allowed" || !hold.booking) throw error;
      this.#finish({ ...hold, id: hold.booking, hold: hold.id, token: "", reference: "", cancelled_total: { ...hold.total, amount: 0 } });
    }
  }

  #adopt(hold: Hold): void {
    const extended = this.hold !== undefined && hold.expires_at !== this.hold.expires_at;
    this.hold = hold;
    this.phase = "held";
    this.pick.clear();
    this.#deadline = Deadline.in(hold.expires_in_ms);
    if (extended || hold.expires_in_ms > SOON_MS) this.#warned = false;
    this.around.learn(hold.seats.map(({ seat, version }) => ({ seat, version, status: "held" })));
    this.around.store.setHold({ id: hold.id, token: hold.token, seats: wantedOf(hold) });
  }

  #finish(booking: Booking): void {
    const seats = booking.seats.filter(({ status }) => status !== "cancelled").map(({ seat }) => seat);
    this.around.learn(booking.seats.map(({ seat, version, status }) => ({ seat, version, status: status === "cancelled" ? "available" : "booked" })));
    const { id, token, reference, total } = booking;
    this.booking = { id, token, reference, seats, total };
    this.around.store.addBooking(this.booking);
    [this.phase, this.hold, this.#deadline] = ["booked", undefined, undefined];
    this.pick.clear();
    this.around.say(strings.announceBooked(reference));
    this.around.changed(seats);
  }

  #timeIsUp(): void {
    if (this.lost.length === 0 && this.hold) this.lost = wantedOf(this.hold);
    const seats = this.lost.map(({ seat }) => seat);
    [this.phase, this.hold, this.#deadline, this.notice] = ["time_up", undefined, undefined, undefined];
    this.pick.clear();
    this.around.say(`${strings.timeUp}. ${strings.timeUpText(seats)}`, true);
    this.around.changed(seats);
  }

  #forget(): void {
    const seats = this.hold ? namesOf(this.hold) : [];
    this.around.store.setHold(undefined);
    [this.phase, this.hold, this.#deadline] = ["picking", undefined, undefined];
    this.pick.clear();
    this.around.changed(seats);
  }

  /** Does one thing at a time, and says what went wrong. */
  async #during(task: Task, act: () => Promise<void>): Promise<void> {
    if (this.task !== undefined) return;
    this.task = task;
    this.notice = undefined;
    this.around.changed([]);
    let problem: unknown;
    try {
      await act();
    } catch (error) {
      problem = error;
    }
    this.task = undefined;
    if (problem !== undefined) this.#failed(problem);
    this.around.changed([]);
  }

  #failed(error: unknown): void {
    if (!(error instanceof Problem)) throw error;
    const seats = error.conflicts.map(({ seat }) => seat);
    this.notice = error.message;
    if (error.code === "seat_unavailable" && this.phase === "picking") {
      const lost = this.pick.lose(seats);
      this.notice = strings.someLost(lost.length > 0 ? lost : seats, this.pick.size);
    } else if (error.code === "seat_unavailable") {
      this.notice = strings.notAdded(seats);
    } else if (error.code === "hold_expired") {
      this.#timeIsUp();
    } else if (["hold_not_found", "credentials_wrong", "credentials_missing"].includes(error.code)) {
      this.#forget();
      this.notice = error.message;
    }
    if (this.notice) this.around.say(this.notice, true);
    this.around.changed(seats);
    // Something that we do not know of has happened to the hold.
    if (["hold_not_active", "seat_not_in_hold", "duplicate_seat", "version_mismatch"].includes(error.code)) {
      const said = this.notice;
      void this.check().then(() => {
        if (this.phase === "held") this.notice ??= said;
      });
    }
  }
}

const namesOf = (hold: Hold): string[] => hold.seats.map(({ seat }) => seat);
/** Each change of a seat raises its version by one; so does giving it back. */
const freed = (seats: readonly HeldSeat[]): SeatChange[] =>
  seats.map(({ seat, version }) => ({ seat, version: version + 1, status: "available" }));
const wantedOf = (hold: Hold): Wanted[] => hold.seats.map(({ seat, ticket }) => ({ seat, ticket }));

