// Who leads the cluster, as the server's answers say in X-Leader. A server that is alone sends no such header.

import { isolated } from "./format.js";

/** Kinds of problem that say that nothing can be written, and nothing was. */
const UNLED = ["not-leader", "no-majority"];

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

  /**
   * Learns from an answer.
   * @param {string | null} header X-Leader
   * @param {string} kind of the problem that the answer is; "" = none
   * @param {number} now in milliseconds
   */
  learn(header, kind, now) {
    const node = isUnled(kind) ? "" : header; // such an answer may name the node that led when it was asked
    if (node === null) return;
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
