/**
 * The live connection to one showtime: WebSocket; where that does not work (some proxies), Server-Sent Events; where
 * nothing stays open, polling. It comes back by itself, later each time and never together with everybody else.
 */

import { backoff } from "./backoff";
import type { LiveMessage } from "./types";

export type LiveState = "connecting" | "live" | "polling" | "offline";

export interface LiveEvents {
  message(message: LiveMessage): void;
  state(state: LiveState): void;
  /** Where to resume; undefined before the first map. */
  position(): string | undefined;
  /** Asks for the changes by a plain request; rejects when there is no answer. */
  poll(): Promise<void>;
}

/** Heartbeats come every 15 seconds: whoever hears nothing for so long has lost the connection. */
const SILENCE_MS = 40_000;
/** A new connection speaks at once; some proxies open it and let nothing through. */
const FIRST_WORD_MS = 10_000;
const POLL_MS = 3_000;
/** How long polling goes on before a live connection is tried again. */
const POLL_FOR_MS = 60_000;
/** A phone that slept longer than this cannot know whether its connection still lives. */
const STALE_MS = 16_000;

type Transport = "socket" | "events" | "polling";
const NEXT: Record<Transport, Transport> = { socket: "events", events: "polling", polling: "socket" };

export class Live {
  #transport: Transport = "socket";
  #failures = 0;
  /** Failures of the present transport before it ever spoke. */
  #mute = 0;
  /** Which transports have worked: those are not given up when a server is away for a while. */
  readonly #worked = new Set<Transport>();
  #close: () => void = () => {};
  #timers = new Set<ReturnType<typeof setTimeout>>();
  #heardAt = 0;
  #ended = false;
  readonly #wake = () => this.#awake();

  readonly #url: string;
  readonly #events: LiveEvents;

  constructor(
    /** Without the scheme's end: `https://host/v1/showtimes/x/live`. */
    url: string,
    events: LiveEvents,
  ) {
    this.#url = url;
    this.#events = events;
  }

  start(): void {
    document.addEventListener("visibilitychange", this.#wake);
    addEventListener("online", this.#wake);
    addEventListener("pageshow", this.#wake);
    this.#events.state("connecting");
    this.#connect();
  }

  end(): void {
    this.#ended = true;
    this.#drop();
    document.removeEventListener("visibilitychange", this.#wake);
    removeEventListener("online", this.#wake);
    removeEventListener("pageshow", this.#wake);
  }

  /** Starts anew from the position of the map, which has a gap or is of another epoch. */
  resync(): void {
    this.#drop();
    this.#later(() => this.#connect(), backoff(0, 200));
  }

  #awake(): void {
    if (document.visibilityState !== "visible" || this.#ended) return;
    if (performance.now() - this.#heardAt < STALE_MS && this.#transport !== "polling") return;
    this.#failures = 0;
    this.#drop();
    this.#connect();
  }

  #drop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#close();
    this.#close = () => {};
  }

  #later(act: () => void, ms: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (!this.#ended) act();
    }, ms);
    this.#timers.add(timer);
  }

  #address(scheme: "http" | "ws"): string {
    const position = this.#events.position();
    const query = position === undefined ? "" : `?since=${encodeURIComponent(position)}`;
    return (scheme === "ws" ? this.#url.replace(/^http/, "ws") : this.#url) + query;
  }

  #connect(): void {
    if (this.#ended) return;
    try {
      if (this.#transport === "socket") this.#openSocket();
      else if (this.#transport === "events") this.#openEvents();
      else this.#pollFor(performance.now() + POLL_FOR_MS);
    } catch {
      // The browser does not have it, or lets nobody use it.
      this.#failed();
    }
  }

  #openSocket(): void {
    const socket = new WebSocket(this.#address("ws"));
    const over = this.#guarded(() => {
      socket.onmessage = socket.onclose = socket.onerror = null;
      socket.close();
    });
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(String(data)) as LiveMessage);
    socket.onclose = socket.onerror = over;
  }

  #openEvents(): void {
    const source = new EventSource(this.#address("http"));
    const over = this.#guarded(() => source.close());
    for (const type of ["snapshot", "delta", "heartbeat", "changed", "closed", "bye"]) {
      source.addEventListener(type, (event) =>
        this.#hear({ ...JSON.parse((event as MessageEvent<string>).data), type } as LiveMessage),
      );
    }
    source.onerror = over;
  }

  /** Watches over a new connection: gives it time to speak; the answer says that it is over. */
  #guarded(close: () => void): () => void {
    this.#close = close;
    this.#heardAt = performance.now();
    const openedAt = this.#heardAt;
    const over = () => {
      this.#drop();
      this.#failed();
    };
    const listen = () => {
      const silence = performance.now() - this.#heardAt;
      const patience = this.#heardAt === openedAt ? FIRST_WORD_MS : SILENCE_MS;
      if (silence >= patience) over();
      else this.#later(listen, patience - silence + 50);
    };
    this.#later(listen, FIRST_WORD_MS);
    return over;
  }

  #hear(message: LiveMessage): void {
    this.#heardAt = performance.now();
    if (message.type === "bye") {
      this.#drop();
      this.#events.state("offline");
      this.#worked.add(this.#transport);
      this.#later(() => this.#connect(), message.reconnect_after_ms ?? backoff(this.#failures++, 1000));
      return;
    }
    [this.#failures, this.#mute] = [0, 0];
    this.#worked.add(this.#transport);
    this.#events.state("live");
    this.#events.message(message);
  }

  #failed(): void {
    if (this.#ended) return;
    this.#failures += 1;
    this.#mute += 1;
    // One that never worked is given up soon, and only for as long as polling takes.
    const patience = this.#worked.has(this.#transport) ? 6 : 2;
    if (this.#mute >= patience) [this.#transport, this.#mute] = [NEXT[this.#transport], 0];
    this.#events.state(this.#worked.size > 0 || this.#failures > 4 ? "offline" : "connecting");
    this.#later(() => this.#connect(), this.#transport === "polling" ? 0 : backoff(this.#failures - 1));
  }

  /** Polls for a while, then tries a live connection again. */
  #pollFor(until: number): void {
    const failuresBefore = this.#failures;
    this.#events.poll().then(
      () => {
        if (this.#ended || this.#transport !== "polling") return;
        this.#heardAt = performance.now();
        this.#failures = 0;
        this.#events.state("polling");
        if (performance.now() < until) this.#later(() => this.#pollFor(until), POLL_MS * (0.75 + Math.random() / 2));
        else this.#back();
      },
      () => {
        if (this.#ended || this.#transport !== "polling") return;
        this.#failures = failuresBefore + 1;
        this.#events.state("offline");
        // The server is away: when it is back, so may be its live connections.
        this.#later(() => this.#back(), backoff(this.#failures));
      },
    );
  }

  #back(): void {
    [this.#transport, this.#mute] = [NEXT.polling, 0];
    this.#connect();
  }
}
