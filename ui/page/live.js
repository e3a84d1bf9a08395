// The connection that pushes. Its only state is the seq it has reached: when it drops,
// it comes back with that seq and nothing is missed.

/** @import { Live, Message } from "./types.js" */

/** Silence after which a connection counts as dead: keep-alives come every 15 s. */
const SILENCE = 40_000;
/** Time without an answer after which "reconnecting" becomes "offline". */
const PATIENCE = 10_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

/**
 * @typedef {{
 *   message: (m: Message) => void,
 *   reset: () => void,
 *   changed: () => void,
 * }} Listener
 */

export class Feed {
  /** @type {Live} */
  state = "reconnecting";
  /** Whether it has ever been live. */
  everLive = false;
  /** When the server was last heard, in milliseconds. */
  heardAt = 0;
  /** When the next attempt comes, in milliseconds; 0 = one is under way, or none is needed. */
  nextTry = 0;

  #listener;
  #seq = 0;
  #logId = "";
  #downSince = 0;
  #wait = FIRST_WAIT;
  /** @type {EventSource | null} */
  #source = null;
  #timer = 0;

  /** @param {Listener} listener */
  constructor(listener) {
    this.#listener = listener;
    addEventListener("online", () => this.#again());
    addEventListener("offline", () => this.#again());
    addEventListener("pagehide", () => this.stop());
    addEventListener("pageshow", (e) => {
      if (e.persisted) this.#again();
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.state !== "live") this.#again();
    });
  }

  /**
   * Follows from after a seq of a log.
   * @param {number} seq
   * @param {string} logId "" = not known
   */
  start(seq, logId) {
    this.#seq = seq;
    this.#logId = logId;
    this.#open();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  /** Looks for a connection that has fallen silent. To be called now and then. */
  tick() {
    const now = Date.now();
    if (this.#source && this.state === "live" && now - this.heardAt > SILENCE) this.#again();
    if (this.state === "reconnecting" && this.#downSince > 0 && now - this.#downSince > PATIENCE) {
      this.#set("offline");
    }
  }

  /** Tries at once. */
  retryNow() {
    this.#again();
  }

  #again() {
    if (this.#seq < 0 || (!this.#source && this.#timer === 0 && !this.everLive)) return;
    this.#down();
    this.#open();
  }

  #open() {
    this.stop();
    this.nextTry = 0;
    const log = this.#logId === "" ? "" : `&log=${encodeURIComponent(this.#logId)}`;
    const source = new EventSource(`/api/stream?after=${this.#seq}${log}`);
    this.#source = source;
    // The server's first message bears the name of the browser's own event.
    source.addEventListener("open", (e) => {
      if (source !== this.#source) return;
      this.#heard();
      if (e instanceof MessageEvent) this.#opened(e.data);
    });
    for (const kind of ["message", "keepalive"]) {
      source.addEventListener(kind, (e) => {
        if (source === this.#source) this.#message(e.data);
      });
    }
    source.addEventListener("reset", () => {
      if (source === this.#source) this.#reset();
    });
    source.addEventListener("error", () => {
      if (source === this.#source) this.#broken(source);
    });
  }

  #heard() {
    this.heardAt = Date.now();
    this.#downSince = 0;
    this.#wait = FIRST_WAIT;
    this.nextTry = 0;
    this.everLive = true;
    this.#set("live");
  }

  /** @param {string} data */
  #opened(data) {
    const m = parse(data);
    if (typeof m?.log_id === "string") {
      const another = this.#logId !== "" && m.log_id !== this.#logId;
      this.#logId = m.log_id;
      if (another) return this.#reset();
    }
    if (m?.counts || m?.state) this.#listener.message({ seq: this.#seq, counts: m.counts, state: m.state });
  }

  /** @param {string} data */
  #message(data) {
    this.#heard();
    /** @type {Message | null} */
    const m = parse(data);
    if (!m || typeof m.seq !== "number") return;
    this.#seq = Math.max(this.#seq, m.seq);
    this.#listener.message(m);
  }

  /** Another log, or a shorter one: what the page shows is of another world. */
  #reset() {
    this.stop();
    this.#seq = 0;
    this.#listener.reset();
  }

  /** @param {EventSource} source */
  #broken(source) {
    this.#down();
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    this.stop();
    const wait = this.#wait * (0.75 + Math.random() / 2);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
    this.nextTry = Date.now() + wait;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.#open();
    }, wait);
    this.#listener.changed();
  }

  #down() {
    if (this.#downSince === 0) this.#downSince = Date.now();
    const long = Date.now() - this.#downSince > PATIENCE;
    this.#set(!navigator.onLine || long || this.state === "offline" ? "offline" : "reconnecting");
  }

  /** @param {Live} state */
  #set(state) {
    if (this.state === state) return;
    this.state = state;
    this.#listener.changed();
  }
}

/**
 * @param {string} data
 * @returns {any}
 */
function parse(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
