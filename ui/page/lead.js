// Who leads the cluster, as the server's answers say in X-Leader. A server that is alone sends no such header.

import { isolated } from "./format.js";

/** Kinds of problem that say that nothing can be written, and nothing was. */
const UNLED = ["not-leader", "no-majority"];

/** A node that cannot write goes on as the one that leads until it notices, in milliseconds. */
const DOUBT = 10_000;

/** @param {string} kind of a problem */
export function isUnled(kind) {
  return UNLED.includes(kind);
}

export class Lead {
  /** The node that leads, "" = no node does; null = the server is alone, or has not answered. @type {string | null} */
  node = null;
  /** Since when no node leads, in milliseconds; 0 = one does. */
  lostAt = 0;
  /** Too few nodes run, or reach each other. */
  minority = false;
  /** Writes that wait until a node leads. */
  waiting = 0;
  /** Called after a change, with what the user should be told; "" = nothing. */
  changed = (/** @type {string} */ _words) => {};
  /** The last node that led; "" = not known. */
  #last = "";
  /** Until when an answer that names the last node is not believed, in milliseconds. */
  #doubtUntil = 0;

  /**
   * Learns from an answer.
   * @param {string | null} header X-Leader
   * @param {{ kind: string, wrote: boolean, now: number }} answer kind of the problem that it is, "" = none; whether it was to
   *   a write; its time in milliseconds
   */
  learn(header, { kind, wrote, now }) {
    const refused = isUnled(kind);
    const node = refused ? "" : header; // a refusal may name the node that led when it was asked
    if (node === null) return;
    if (refused) this.#doubtUntil = now + DOUBT;
    if (wrote && kind === "") this.#doubtUntil = 0;
    if (this.node === "" && node === this.#last && now < this.#doubtUntil) return;
    if (kind === "no-majority") this.minority = true;
    if (node === this.node) return;
    const first = this.node === null;
    this.node = node;
    if (node === "") {
      this.lostAt = now;
      return this.changed("");
    }
    const again = node === this.#last;
    const words = first || this.#last === "" ? "" : `Node ${isolated(node)} leads ${again ? "again" : "now"}`;
    this.#last = node;
    this.lostAt = 0;
    this.minority = false;
    this.changed(words);
  }
}
