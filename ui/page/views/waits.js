// What pending tasks wait for: tabs below the one of pending tasks.

import { byId, keyed, show } from "../dom.js";
import { WAITS, isPending } from "../filters.js";
import { brief } from "../format.js";
import { formatRoute } from "../router.js";
import { tabView } from "./toolbar.js";

/** @import { Store } from "../store.js" */
/** @import { Filters, WaitingCounts } from "../types.js" */

/** In a word and in a sentence. @type {Record<string, [string, string]>} */
const WORDS = {
  ready: ["Ready", "Due, and waiting only for a free slot or a worker"],
  scheduled: ["Scheduled", "Waiting for their time; the next one comes first"],
  backoff: ["Backoff", "An attempt failed; waiting for the time of the retry; the next one comes first"],
  blocked: ["Blocked", "Due, but held by a paused queue, a limit, or another task that must end first"],
  suspended: ["Suspended", "Until the time, the event or the answer that they wait for comes"],
};

export class WaitsView {
  #store;
  #el = byId("waits");
  /** @type {Map<string, ReturnType<typeof tabView>>} */
  #views = new Map();

  /** @param {Store} store */
  constructor(store) {
    this.#store = store;
  }

  draw() {
    const { filters } = this.#store;
    const visible = isPending(filters);
    show(this.#el, visible);
    if (!visible) return;
    const sums = waitSums(this.#store);
    const items = WAITS.map((w) => {
      const on = filters.waiting.includes(w);
      const href = formatRoute({ place: "", item: "", query: "", id: null, filters: { ...filters, waiting: on ? [] : [w] } });
      return { key: /** @type {string} */ (w), word: WORDS[w][0], about: WORDS[w][1], n: sums?.[w] ?? 0, count: sums ? brief(sums[w]) : "", on, href };
    });
    keyed(this.#el, this.#views, items, (t) => t.key, tabView);
  }
}

/**
 * How many pending tasks wait for what, under the other filters; null if that is not known.
 * @param {{ filters: Filters, waiting: Record<string, any> | null, waitingCounts: WaitingCounts | null }} known
 * @returns {Record<string, number> | null}
 */
export function waitSums({ filters, waiting, waitingCounts }) {
  if (filters.q !== "" || filters.tag.length > 0) return null;
  if (filters.task_type.length === 0 && filters.queue.length === 0) return waiting;
  if (waitingCounts === null) return null;
  /** @type {Record<string, number>} */
  const sums = Object.fromEntries(WAITS.map((w) => [w, 0]));
  const has = (/** @type {string[]} */ list, /** @type {string} */ value) => list.length === 0 || list.includes(value);
  for (const c of waitingCounts) if (has(filters.task_type, c.task_type) && has(filters.queue, c.queue)) sums[c.waiting] += c.n;
  return sums;
}
