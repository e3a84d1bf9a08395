// Receives what the server pushes. All tabs of a browser share one connection, because
// HTTP/1.1 allows six to a server: one visible tab is the leader, holds the connection and
// passes the messages to the others. While no tab is visible there is no connection.
//
// Each tab keeps its own seq. A new leader continues from it. A tab that receives a message
// which starts after its seq has missed some, and marks the message as truncated.

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

/** The state of the connection, as the leader sends it. @typedef {{ state: Live, heardAt: number, nextTry: number, logId: string, seq: number, views: string }} ConnectionState */

/**
 * Messages between tabs.
 * @typedef {{ kind: "message", from: number, message: Message, word: ConnectionState }
 *   | { kind: "word", word: ConnectionState } | { kind: "reset" } | { kind: "ask", view: string } | { kind: "retry" }} TabMessage
 */

export class Feed {
  /** @type {Live} */
  state = "reconnecting";
  /** Whether it has ever been live. */
  everLive = false;
  /** When the last message came from the server, in milliseconds. */
  heardAt = 0;
  /** Time of the next attempt to connect, in milliseconds; 0 = one is in progress, or none is needed. */
  nextTry = 0;
  /** There is no connection because no tab is visible. */
  paused = false;

  #listener;
  #source;
  #leader;
  #leads = false;
  #started = false;
  #seq = 0;
  #logId = "";
  /** The view that this tab needs; "" = none. */
  #view = "";
  /** When the leader last sent something, or this tab began to wait for it. */
  #wordAt = 0;
  /** @type {BroadcastChannel | null} */
  #channel = null;
  /** Messages that came while the list was fetched. @type {Extract<TabMessage, { kind: "message" }>[]} */
  #early = [];

  /** @param {Listener} listener */
  constructor(listener) {
    this.#listener = listener;
    this.#source = new Source({
      message: (m) => this.#messageReceived(m),
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
      this.#elect();
    });
    document.addEventListener("visibilitychange", () => this.#elect());
  }

  /**
   * Follows a log from the event after seq.
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
    else for (const said of early) this.#received(said);
    this.#elect();
  }

  stop() {
    this.#started = false;
    this.#source.close();
  }

  /** Checks whether the connection, or the leader, is silent for too long. To be called about once a second. */
  tick() {
    if (this.#leads) return this.#source.tick();
    if (!this.#started || Date.now() - this.#wordAt < SILENCE) return;
    this.#wordAt = Date.now();
    if (document.hidden) this.#pause();
    else this.#leader.steal();
  }

  /** Has messages with the changed rows of a view, too. @param {string} view "" = of none */
  follow(view) {
    this.#view = view;
    if (this.#leads) this.#source.follow(view);
    else this.#ask();
  }

  /** Reconnects now. */
  retryNow() {
    if (this.#leads) this.#source.retry();
    else this.#post({ kind: "retry" });
  }

  // The election of the leader.

  /** Takes part in the election while the tab is visible. */
  #elect() {
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
    if (!this.#leads) this.#ask();
  }

  #ask() {
    this.#post({ kind: "ask", view: this.#view });
  }

  #lead() {
    this.#leads = true;
    this.#source.views = this.#view; // others ask for theirs
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
    this.#ask();
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

  // Messages from the server, while this tab leads.

  /** @param {Message} m */
  #messageReceived(m) {
    m.pushes = this.#source.views;
    const from = this.#seq;
    this.#logId = this.#source.logId;
    this.#seq = Math.max(this.#seq, m.seq);
    this.#post({ kind: "message", from, message: m, word: this.#word() });
    this.#listener.message(m);
  }

  #reset() {
    this.#post({ kind: "reset" });
    this.#restart();
  }

  #sourceChanged() {
    this.#setState(this.#word());
    this.#post({ kind: "word", word: this.#word() });
  }

  /** @returns {ConnectionState} */
  #word() {
    const { state, heardAt, nextTry, logId, views } = this.#source;
    return { state, heardAt, nextTry, logId, views, seq: this.#seq };
  }

  // Messages from other tabs.

  #listen() {
    if (typeof BroadcastChannel === "undefined") return;
    this.#channel = new BroadcastChannel("daybook stream");
    this.#channel.onmessage = (e) => this.#received(e.data);
  }

  /** @param {TabMessage} said */
  #post(said) {
    this.#channel?.postMessage(said);
  }

  /** @param {TabMessage} said */
  #received(said) {
    if (said.kind === "ask" || said.kind === "retry") {
      if (!this.#leads || !this.#started) return;
      const { views } = this.#source;
      if (said.kind === "retry") this.#source.retry();
      else if (said.view && !views.includes(said.view)) this.#source.follow(`${views},${said.view}`);
      return this.#post({ kind: "word", word: this.#word() });
    }
    if (this.#leads) return; // it was sent before this tab took the lead
    this.#wordAt = Date.now();
    if (!this.#started) {
      if (said.kind === "message" && this.#early.push(said) > MOST_EARLY) this.#early.shift();
      return;
    }
    if (said.kind === "reset") return this.#restart();
    if (this.#logId !== "" && said.word.logId !== "" && this.#logId !== said.word.logId) return this.#restart();
    this.#setState(said.word);
    if (!document.hidden && !said.word.views?.includes(this.#view)) this.#ask();
    if (said.kind === "message") this.#passOn(said);
    else if (said.word.seq > this.#seq) this.#passOn({ from: said.word.seq, message: { seq: said.word.seq } });
  }

  /** @param {{ from: number, message: Message }} said */
  #passOn({ from, message }) {
    if (message.seq < this.#seq) return; // from a leader that is behind
    const missed = from > this.#seq;
    this.#seq = message.seq;
    this.#listener.message(missed ? { ...message, truncated: true, pushes: "" } : message);
  }

  /** Starts again, on another log. */
  #restart() {
    this.#seq = 0;
    this.#logId = "";
    this.#listener.reset();
  }

  /** Sets the state of the connection. @param {ConnectionState} word */
  #setState(word) {
    const changed = this.state !== word.state || this.nextTry !== word.nextTry || this.paused;
    this.state = word.state;
    this.heardAt = word.heardAt;
    this.nextTry = word.nextTry;
    this.paused = false;
    if (word.state === "live") this.everLive = true;
    if (changed) this.#listener.changed();
  }
}
