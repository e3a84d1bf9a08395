// What is pushed to this tab. A browser has one connection, whatever the number of its
// tabs (HTTP/1.1 allows six to a server): one of the visible tabs leads, holds it and
// passes on what comes. While none is visible there is no connection.
//
// Each tab keeps the seq it has reached. One that takes the lead goes on from its own; one
// that hears a message which begins after its seq has missed something, and says so.

import { leaderOf } from "./leader.js";
import { SILENCE, Source } from "./source.js";

/** @import { Live, Message } from "./types.js" */

/** Most messages kept while the list is being fetched. */
const MOST_EARLY = 500;

/**
 * @typedef {{
 *   message: (m: Message) => void,
 *   reset: () => void,
 *   changed: () => void,
 * }} Listener
 */

/** What the leader tells. @typedef {{ state: Live, heardAt: number, nextTry: number, logId: string, seq: number }} Word */

/**
 * What tabs say to each other.
 * @typedef {{ kind: "message", from: number, message: Message, word: Word }
 *   | { kind: "word", word: Word } | { kind: "reset" } | { kind: "ask" } | { kind: "retry" }} Said
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
  /** Nothing comes because no tab is visible. */
  paused = false;

  #listener;
  #source;
  #leader;
  #leads = false;
  #started = false;
  #seq = 0;
  #logId = "";
  /** When another tab was last heard to lead, or this one began to wait for that. */
  #wordAt = 0;
  /** @type {BroadcastChannel | null} */
  #channel = null;
  /** What came while the list was being fetched. @type {Extract<Said, { kind: "message" }>[]} */
  #early = [];

  /** @param {Listener} listener */
  constructor(listener) {
    this.#listener = listener;
    this.#source = new Source({
      message: (m) => this.#pulled(m),
      reset: () => this.#reset(),
      changed: () => this.#sourceChanged(),
    });
    this.#leader = leaderOf("daybook stream", { lead: () => this.#lead(), lost: () => this.#lost() });
    this.#listen();
    addEventListener("online", () => this.#leads && this.#source.retry());
    addEventListener("offline", () => this.#leads && this.#source.retry());
    addEventListener("pagehide", () => this.#leave());
    addEventListener("pageshow", (e) => {
      if (!e.persisted) return;
      this.#listen();
      this.#compete();
    });
    document.addEventListener("visibilitychange", () => this.#compete());
  }

  /**
   * Follows from after a seq of a log.
   * @param {number} seq
   * @param {string} logId "" = not known
   */
  start(seq, logId) {
    this.#seq = seq;
    this.#logId = logId;
    this.#started = true;
    const early = this.#early;
    this.#early = [];
    if (this.#leads) this.#source.open(seq, logId);
    else for (const said of early) this.#heard(said);
    this.#compete();
  }

  stop() {
    this.#started = false;
    this.#source.close();
  }

  /** Looks for a connection, or a leader, that has fallen silent. To be called now and then. */
  tick() {
    if (this.#leads) return this.#source.tick();
    if (!this.#started || Date.now() - this.#wordAt < SILENCE) return;
    this.#wordAt = Date.now();
    if (document.hidden) this.#pause();
    else this.#leader.steal();
  }

  /** Tries at once. */
  retryNow() {
    if (this.#leads) this.#source.retry();
    else this.#say({ kind: "retry" });
  }

  // Who leads.

  /** Only a visible tab leads. */
  #compete() {
    if (!this.#started) return;
    if (!document.hidden) {
      if (this.#leads && this.state !== "live") this.#source.retry();
      if (!this.#leads) this.#wordAt = Date.now();
      this.#leader.want();
    } else if (this.#leads) {
      this.#giveUp();
      this.#pause();
    } else {
      this.#leader.release(); // else it would lead when the tab that leads hides too
      if (!this.everLive) this.#pause();
    }
    if (!this.#leads) this.#say({ kind: "ask" });
  }

  #lead() {
    this.#leads = true;
    this.paused = false;
    if (this.#started) this.#source.open(this.#seq, this.#logId);
    this.#listener.changed();
  }

  /** Another tab took the lead. */
  #lost() {
    this.#leads = false;
    this.#source.close();
    this.#wordAt = Date.now();
    if (document.hidden) return;
    this.#leader.want();
    this.#say({ kind: "ask" });
  }

  #giveUp() {
    this.#leads = false;
    this.#source.close();
    this.#leader.release();
  }

  #leave() {
    this.#giveUp();
    this.#channel?.close();
    this.#channel = null;
  }

  #pause() {
    if (this.paused) return;
    this.paused = true;
    this.#listener.changed();
  }

  // What the source gives, while this tab leads.

  /** @param {Message} m */
  #pulled(m) {
    const from = this.#seq;
    this.#logId = this.#source.logId;
    this.#seq = Math.max(this.#seq, m.seq);
    this.#say({ kind: "message", from, message: m, word: this.#word() });
    this.#listener.message(m);
  }

  #reset() {
    this.#say({ kind: "reset" });
    this.#begin();
  }

  #sourceChanged() {
    this.#take(this.#word());
    this.#say({ kind: "word", word: this.#word() });
  }

  /** @returns {Word} */
  #word() {
    const { state, heardAt, nextTry, logId } = this.#source;
    return { state, heardAt, nextTry, logId, seq: this.#seq };
  }

  // What other tabs say.

  #listen() {
    if (typeof BroadcastChannel === "undefined") return;
    this.#channel = new BroadcastChannel("daybook stream");
    this.#channel.onmessage = (e) => this.#heard(e.data);
  }

  /** @param {Said} said */
  #say(said) {
    this.#channel?.postMessage(said);
  }

  /** @param {Said} said */
  #heard(said) {
    if (said.kind === "ask" || said.kind === "retry") {
      if (!this.#leads || !this.#started) return;
      if (said.kind === "retry") this.#source.retry();
      return this.#say({ kind: "word", word: this.#word() });
    }
    if (this.#leads) return; // said before this tab took the lead
    this.#wordAt = Date.now();
    if (!this.#started) {
      if (said.kind === "message" && this.#early.push(said) > MOST_EARLY) this.#early.shift();
      return;
    }
    if (said.kind === "reset") return this.#begin();
    if (this.#logId !== "" && said.word.logId !== "" && this.#logId !== said.word.logId) return this.#begin();
    this.#take(said.word);
    if (said.kind === "message") this.#passOn(said);
    else if (said.word.seq > this.#seq) this.#passOn({ from: said.word.seq, message: { seq: said.word.seq } });
  }

  /** @param {{ from: number, message: Message }} said */
  #passOn({ from, message }) {
    if (message.seq < this.#seq) return; // of a leader that is behind
    const missed = from > this.#seq;
    this.#seq = message.seq;
    this.#listener.message(missed ? { ...message, truncated: true } : message);
  }

  /** Begins again: the page is of another log. */
  #begin() {
    this.#seq = 0;
    this.#logId = "";
    this.#listener.reset();
  }

  /** Takes over how the leader says that the connection is. @param {Word} word */
  #take(word) {
    const changed = this.state !== word.state || this.nextTry !== word.nextTry || this.paused;
    this.state = word.state;
    this.heardAt = word.heardAt;
    this.nextTry = word.nextTry;
    this.paused = false;
    if (word.state === "live") this.everLive = true;
    if (changed) this.#listener.changed();
  }
}
