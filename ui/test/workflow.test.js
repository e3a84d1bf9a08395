import assert from "node:assert/strict";
import test from "node:test";
import { afterWords, heldWords, metBy, whyOf } from "../page/workflow.js";

/** @import { Row, Status } from "../page/types.js" */

/** @param {string} name @param {Status} status @param {[string, string][]} [on] what it depends on, and when @param {object} [more] */
const row = (name, status, on = [], more = {}) =>
  /** @type {Row} */ (
    /** @type {unknown} */ ({
      id: name.toUpperCase(),
      child_name: name,
      status,
      depends_on: on.map(([other, when]) => ({ task: other.toUpperCase(), name: other, when })),
      on_dependency_failure: "cancel",
      because: null,
      waiting_for: null,
      error_message: null,
      outcome: null,
      progress_message: null,
      ...more,
    })
  );

/** @param {Row[]} rows */
const byID = (...rows) => new Map(rows.map((r) => [r.id, r]));

test("a dependency is met by the end that the task needs", () => {
  const tasks = byID(row("good", "SUCCESS"), row("bad", "FAILED"), row("gone", "CANCELLED"), row("runs", "RUNNING"));
  const met = (/** @type {string} */ when, more = {}) => [...metBy(row("t", "PENDING", [["good", when], ["bad", when], ["gone", when], ["runs", when]], more), tasks)];
  assert.deepEqual(met("succeeded"), ["good"]);
  assert.deepEqual(met("failed"), ["bad"]);
  assert.deepEqual(met("ended"), ["good", "bad", "gone"]);
  assert.deepEqual(met("succeeded", { on_dependency_failure: "run" }), ["good", "bad", "gone"]);
});

test("what a task waits for is named", () => {
  const waits = { waiting_for: { reason: "dependencies", waiting_on: ["A"], open: 2 } };
  const tasks = byID(row("a", "RUNNING"), row("b", "PENDING"), row("c", "SUCCESS"));
  assert.equal(plain(whyOf(row("t", "PENDING", [["a", "ended"], ["b", "ended"], ["c", "ended"]], waits), tasks, null, 0)), "Waits for a, b");
  const many = Array.from({ length: 9 }, (_, i) => row(`n${i}`, "PENDING"));
  const on = /** @type {[string, string][]} */ (many.map((r) => [r.child_name, "ended"]));
  assert.equal(plain(whyOf(row("t", "PENDING", on, waits), byID(...many), null, 0)), "Waits for n0, n1, n2 and 6 more");
});

test("a task that was cancelled says because of which one", () => {
  const why = (/** @type {Status} */ status) => plain(whyOf(row("t", "CANCELLED", [["a", "succeeded"]], { because: "A" }), byID(row("a", status)), null, 0));
  assert.deepEqual(/** @type {Status[]} */ (["FAILED", "CANCELLED", "SUCCESS", "RUNNING"]).map(why), [
    "Because a has failed",
    "Because a was cancelled",
    "Because a has succeeded",
    "Because a runs again",
  ]);
});

test("a workflow that is held says by what", () => {
  const words = (/** @type {any} */ waits) => heldWords(/** @type {any} */ ({ status: "PENDING", waiting_for: waits }), null, 0);
  assert.equal(words(null), "");
  assert.equal(words({ reason: "concurrency_key" }), "Waiting: as many workflows with its concurrency key run as their queue allows");
  assert.equal(words({ reason: "queue_limit" }), "Waiting: as many workflows run as their queue allows");
  assert.equal(words({ reason: "queue_paused" }), "Waiting: its queue is paused");
  assert.equal(words({ reason: "run_at", until: "1970-01-01T00:00:12Z" }), "Starts in 12 s");
});

test("a dependency on another end than success says so", () => {
  const on = /** @type {[string, string][]} */ ([["a", "succeeded"], ["b", "failed"], ["c", "ended"]]);
  const words = (/** @type {string} */ name, /** @type {number} */ most) => plain(afterWords({ name, task: row(name, "PENDING", on), after: ["a", "b", "c"] }, most));
  assert.equal(words("t", 6), "a, b (failed), c (ended)");
  assert.equal(words("t", 2), "a and 2 more");
  assert.equal(words("on_end", 6), "a, b, c"); // that it runs after any end is what its name says
  assert.equal(afterWords({ name: "t", task: row("t", "PENDING"), after: [] }, 6), "–");
});

/** Without the marks that keep a name of another writing direction apart. @param {string} words */
function plain(words) {
  return words.replace(/[\u2066-\u2069]/g, "");
}
