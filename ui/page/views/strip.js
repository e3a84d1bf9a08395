// Warnings about the server, one line each, below the list so that no row moves. A line
// stays until the cause is gone or the user dismisses it.

import { byId, h, icon, keyed, show, text } from "../dom.js";
import { absolute, clock as timeOfDay, plural, span } from "../format.js";
import { changed } from "../press.js";

/** @import { Lead } from "../lead.js" */
/** @import { SchedulerState } from "../types.js" */

/** @typedef {{ key: string, words: string }} Notice */

/**
 * @param {SchedulerState | null} state
 * @param {Lead} lead
 * @returns {Notice[]}
 */
export function noticesOf(state, lead) {
  /** @type {Notice[]} */
  const all = [];
  if (lead.node === "") all.push({ key: `unled ${lead.lostAt}`, words: unledWords(lead) });
  const clock = state?.clock;
  if (clock?.last_step_seconds) {
    const by = span(Math.abs(clock.last_step_seconds) * 1000);
    all.push({
      key: `step ${clock.last_step_at}`,
      words: `The server's clock was set ${clock.last_step_seconds < 0 ? "back" : "ahead"} by ${by}, to ${absolute(clock.last_step_at)}. Scheduled tasks run by the new time.`,
    });
  }
  if (clock && clock.behind_log_seconds >= 1) {
    const by = span(clock.behind_log_seconds * 1000);
    all.push({ key: "behind", words: `The server's clock is ${by} behind the latest event. Until the clock catches up, new events get the time of that event.` });
  }
  if (state?.damaged_payloads) {
    const n = state.damaged_payloads;
    all.push({
      key: `damage ${n}`,
      words: `${plural(n, "text of a task is", "texts of tasks are")} damaged in the log. Their tasks are marked; everything else works. To recover them, restore the data folder from a backup.`,
    });
  }
  return all;
}

/** @param {Lead} lead */
function unledWords({ lostAt, minority, waiting }) {
  const why = minority ? " More than half of the nodes must run and reach each other." : "";
  const again = waiting > 0 ? " Your change waits for a node that leads: trying again." : "";
  return `No node of the cluster leads at the moment, seen at ${timeOfDay(lostAt)}. Nothing can be changed until one does; reading works.${why}${again}`;
}

export class StripView {
  #root = byId("strip");
  #views = new Map();
  /** @type {Set<string>} */
  #read = new Set();

  /** @param {SchedulerState | null} state @param {Lead} lead */
  draw(state, lead) {
    const shown = noticesOf(state, lead).filter((n) => !this.#read.has(n.key));
    show(this.#root, shown.length > 0);
    keyed(this.#root, this.#views, shown, (n) => n.key, (n) => this.#line(n, () => this.draw(state, lead)));
  }

  /**
   * @param {Notice} notice
   * @param {() => void} redraw
   */
  #line({ key }, redraw) {
    changed(this.#root); // it may cover a row
    const words = h("span", null);
    const read = () => {
      this.#read.add(key);
      redraw();
    };
    const el = h("p", null, icon("PARTIAL"), words, h("button", { type: "button", class: "button quiet small", onclick: read }, "Dismiss"));
    return {
      el,
      /** @param {Notice} n */
      update: (n) => text(words, n.words),
    };
  }
}
