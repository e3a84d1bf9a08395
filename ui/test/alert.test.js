import assert from "node:assert/strict";
import { test } from "node:test";

import { alertWords, measured, webhookWords, wordsOf } from "../page/alert.js";

const alert = { name: "a", when: "queue_depth", above: 1000, queue: null, task_type: null, window_seconds: null, for_seconds: 0, firing: false, value: 0, fired_at: null, recovered_at: null };
const plain = (/** @type {string} */ text) => text.replace(/[\u2066-\u2069]/g, "");

test("an alert says when it fires", () => {
  const words = (/** @type {Record<string, any>} */ more) => plain(alertWords({ ...alert, ...more }));
  assert.match(words({}), /^More than 1.000 tasks are pending in all queues$/);
  assert.equal(words({ above: 5, queue: "q", for_seconds: 60 }), "More than 5 tasks are pending in the queue q, for 1 min 00 s");
  assert.equal(words({ when: "oldest_ready_seconds", above: 600, for_seconds: 120 }), "A task in any queue has been ready for more than 10 min 00 s, for 2 min 00 s");
  assert.equal(words({ when: "failure_rate", above: 0.1, task_type: "resize", window_seconds: 300 }), "More than 10 % of the tasks of the type resize fail in 5 min 00 s");
});

test("a measured value has its unit", () => {
  assert.equal(measured("failure_rate", 0.25), "25 %");
  assert.equal(measured("oldest_ready_seconds", 61.9), "1 min 01 s");
  assert.equal(measured("queue_depth", 12), "12");
});

test("a webhook says what it gets", () => {
  const filter = { task_type: ["resize"], queue: ["q"], tag: [] };
  const hook = /** @type {any} */ ({ events: ["task.failed", "alert.fired"], filter });
  assert.equal(plain(webhookWords(hook)), "task.failed, alert.fired · only queue q, type resize");
  assert.equal(webhookWords({ ...hook, filter: { task_type: [], queue: [], tag: [] } }), "task.failed, alert.fired");
});

test("words are read with spaces or commas between them", () => {
  assert.deepEqual(wordsOf(" a, b\nc,,d "), ["a", "b", "c", "d"]);
  assert.deepEqual(wordsOf(""), []);
});
