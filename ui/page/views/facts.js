// The plain facts of a task.

import { attr, h, linkIn, show, text } from "../dom.js";
import { absolute, ago, isolated, shortId, span } from "../format.js";
import { attemptSentence, duration, durationWords, waited } from "../task.js";

/** @import { Row } from "../types.js" */

/** @type {[string, (row: Row, now: number) => string][]} name, and value; "" = left out */
const FACTS = [
  ["Outcome", (r) => r.outcome ?? ""],
  ["Subject", (r) => r.subject ?? ""],
  ["Created", (r, now) => ago(r.created_at, now)],
  ["Waited", (r) => (waited(r) === null ? "" : span(waited(r) ?? 0))],
  ["Duration", (r, now) => (duration(r, now) === null ? "" : durationWords(r, now))],
  ["Attempt", attemptSentence],
  ["Queue", (r) => r.queue],
  ["Priority", (r) => String(r.priority)],
  ["Not before", (r) => (r.run_at ? absolute(r.run_at) : "")],
  ["Time limit", (r) => (r.timeout_seconds ? span(r.timeout_seconds * 1000) : "")],
  ["Worker", (r) => r.worker ?? ""],
  ["Key", (r) => r.idempotency_key ?? ""],
  ["Concurrency key", (r) => r.concurrency_key ?? ""],
  ["Unique key", (r) => r.unique?.key ?? ""],
  ["Retry of", (r) => r.retry_of ?? ""],
  ["Retried as", (r) => r.retried_as ?? ""],
  ["Replaced by", (r) => r.replaced_by ?? ""],
  ["Depends on", dependencies],
  ["Cancelled because of", (r) => r.because ?? ""],
  ["Child of", (r) => r.parent_id ?? ""],
  ["Name below it", (r) => (r.child_name === null ? "" : isolated(r.child_name))],
  ["Tags", (r) => r.tags.map(isolated).join(", ")],
];

/** The tasks that it waits for, the first of them. @param {Row} row */
function dependencies(row) {
  const all = row.depends_on ?? [];
  const first = all.slice(0, 10).map((d) => (d.name ?? shortId(d.task)) + (d.when === "succeeded" ? "" : ` (${d.when})`));
  return first.join(", ") + (all.length > first.length ? ` and ${all.length - first.length} more` : "");
}

/** Facts that are the id of another task. */
const TASKS = new Set(["Retry of", "Retried as", "Replaced by", "Cancelled because of", "Child of"]);

const HOVER = new Map([
  ["Created", (/** @type {Row} */ r) => absolute(r.created_at)],
  ["Waited", (/** @type {Row} */ r) => `Ready ${absolute(r.ready_at)}, started ${absolute(r.started_at)}`],
  ["Duration", (/** @type {Row} */ r) => `${absolute(r.started_at)} – ${r.completed_at ? absolute(r.completed_at) : "now"}`],
]);

export function factsView() {
  const el = h("dl", { class: "facts" });
  const cells = FACTS.map(([name, value]) => {
    const dd = h("dd", { dir: name === "Tags" ? "ltr" : "auto" }); // each tag is isolated in the list
    const box = h("div", null, h("dt", null, name), dd);
    el.append(box);
    return { name, value, dd, box };
  });
  return {
    el,
    /** @param {Row} row @param {{ now: number, href: (id: string) => string }} c */
    update(row, c) {
      for (const { name, value, dd, box } of cells) {
        const words = value(row, c.now);
        show(box, words !== "");
        if (TASKS.has(name)) linkIn(dd, shortId(words), shortId(words), c.href(words));
        else text(dd, words);
        attr(box, "data-long", words.length > 12);
        const hover = HOVER.get(name)?.(row);
        if (hover) attr(dd, "title", hover);
        else if (words.length > 24) attr(dd, "title", name === "Tags" ? words : isolated(words));
      }
    },
  };
}
