// The event stream. Its only state is the seq of the last message: after a lost connection it
// continues from there, so nothing is missed.

/** @import { Live, Message } from "./types.js" */

/** Silence after which a connection counts as dead: keep-alives come every 15 s. */
export const SILENCE = 40_000;
/** Time without an answer after which "reconnecting" becomes "offline". */
const PATIENCE = 10_000;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;

/**
 * @typedef {{
 *   message: (m: Message) => void,
 *   reset: () => void,
 *   changed: () => void,
 * }} SourceListener
 */

export class Source {
  /** @type {Live} */
  state = "reconnecting";
  /** When the last message came, in milliseconds. */
  heardAt = 0;
  /** Time of the next attempt to connect, in milliseconds; 0 = one is in progress, or none is needed. */
  nextTry = 0;
  seq = 0;
  /** Id and epoch of the log; "" = not known. */
  logId = "";
  /** The lists beside the tasks whose changed rows come too, with commas between them. */
  views = "";

  #listener;
  #downSince = 0;
  #wait = FIRST_WAIT;
  /** @type {EventSource | null} */
  #events = null;
  #timer = 0;

  /** @param {SourceListener} listener */
  constructor(listener) {
    this.#listener = listener;
  }

  /**
   * Follows a log from the event after seq.
   * @param {number} seq
   * @param {string} logId
   */
  open(seq, logId) {
    this.seq = seq;
    this.logId = logId;
    this.#open();
  }

  /** Goes on with other views. @param {string} views */
  follow(views) {
    if (this.views === views) return;
    this.views = views;
    if (this.#events) this.#open();
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#events?.close();
    this.#events = null;
  }

  /** Reconnects now. */
  retry() {
    this.#down();
    this.#open();
  }

  /** Reconnects if the connection is silent for too long. To be called about once a second. */
  tick() {
    const now = Date.now();
    if (this.#events && this.state === "live" && now - this.heardAt > SILENCE) this.retry();
    if (this.state === "reconnecting" && this.#downSince > 0 && now - this.#downSince > PATIENCE) this.#set("offline");
  }

  #open() {
    this.close();
    this.nextTry = 0;
    const log = this.logId === "" ? "" : `&log=${encodeURIComponent(this.logId)}`;
    const events = new EventSource(`api/stream?after=${this.seq}&views=${this.views}${log}`);
    this.#events = events;
    events.addEventListener("start", (e) => {
      if (events !== this.#events) return;
      this.#heard();
      this.#opened(e.data);
    });
    for (const kind of ["message", "keepalive"]) {
      events.addEventListener(kind, (e) => {
        if (events === this.#events) this.#message(e.data);
      });
    }
    events.addEventListener("reset", () => {
      if (events === this.#events) this.#reset();
    });
    events.addEventListener("error", () => {
      if (events === this.#events) this.#broken(events);
    });
  }

  #heard() {
    this.heardAt = Date.now();
    this.#downSince = 0;
    this.#wait = FIRST_WAIT;
    this.nextTry = 0;
    this.#set("live");
  }

  /** @param {string} data */
  #opened(data) {
    const m = parse(data);
    if (typeof m?.log_id === "string") {
      const logId = `${m.log_id}@${m.epoch}`;
      const another = this.logId !== "" && logId !== this.logId;
      this.logId = logId;
      if (another) return this.#reset();
    }
    if (m?.counts || m?.state) this.#listener.message({ seq: this.seq, counts: m.counts, state: m.state });
  }

  /** @param {string} data */
  #message(data) {
    this.#heard();
    /** @type {Message | null} */
    const m = parse(data);
    if (!m || typeof m.seq !== "number") return;
    this.#listener.message(m);
    this.seq = Math.max(this.seq, m.seq);
  }

  /** The server has another log, or a shorter one. */
  #reset() {
    this.close();
    this.seq = 0;
    this.#listener.reset();
  }

  /** @param {EventSource} events */
  #broken(events) {
    this.#down();
    if (events.readyState !== EventSource.CLOSED) return; // the browser reconnects
    this.close();
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
