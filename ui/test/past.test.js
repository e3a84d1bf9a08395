import assert from "node:assert/strict";
import test from "node:test";
import { lookBack, may, setRole } from "../page/access.js";
import { alsoSentence } from "../page/also.js";
import { Problem } from "../page/api.js";
import { formatFilters, isFiltered, noFilters, parseFilters, withStatus } from "../page/filters.js";
import { chosen, dayAndTime, eventWords, fieldsOf, momentAgo, momentAt, percentIn, refusedWords, stepped, timeOf, whenWords } from "../page/moment.js";
import { patiently } from "../page/pastapi.js";
import { formatRoute, parseRoute } from "../page/router.js";
import { Store } from "../page/store.js";
import { waitingSentence } from "../page/task.js";
import { wrongWords } from "../page/wrong.js";

const NOW = Date.parse("2026-11-30T21:48:11Z");
const row = /** @type {any} */ ({ id: "01A", task_type: "SLEEP", queue: "default", status: "RUNNING", version: 2, tags: [], created_at: "2026-11-30T21:00:00Z", progress_reports: 0 });
const page = /** @type {any} */ ({ rows: [row], seq: 1200, total: 1, totalExact: true, searchTruncated: false, next: null });

test("the address holds the moment, and the filters keep it", () => {
  const route = parseRoute("#/tasks?at=1200&status=FAILED");
  assert.equal(route.id, null);
  assert.equal(route.filters.at, "1200");
  assert.equal(formatRoute(route), "#/tasks?status=FAILED&at=1200");
  assert.equal(withStatus(route.filters, "RUNNING").at, "1200");
  assert.equal(noFilters("1200").at, "1200");
  assert.equal(isFiltered(noFilters("1200")), false, "all tasks of then are not a part of the list");
  assert.equal(parseRoute("#/tasks/01A?at=2026-11-30T21:38:11Z").filters.at, "2026-11-30T21:38:11Z");
  assert.deepEqual(parseRoute("#/tasks"), parseRoute("#/"));
  assert.equal(formatRoute(parseRoute("#/")), "#/");
});

test("what is no moment is wrong, and stays in the address", () => {
  for (const at of ["yesterday", "-1", "1.5", "2026-11-30", "2026-13-30T21:38:11Z", "2026-11-30T21:38:11", "9".repeat(16)]) {
    const f = parseFilters(new URLSearchParams({ at }).toString());
    assert.equal(f.at, "", at);
    assert.deepEqual(f.wrong, [{ key: "at", value: at }]);
    assert.match(wrongWords(f.wrong[0]), /^There is no moment /);
    assert.deepEqual(parseFilters(formatFilters(f)), f);
  }
  for (const at of ["0", "1200", "2026-11-30T21:38:11Z", "2026-11-30T21:38:11.123456Z", "2026-11-30T23:38:11+02:00"]) assert.equal(parseFilters(new URLSearchParams({ at }).toString()).at, at);
});

test("a moment is told in words", () => {
  const at = new Date(2026, 10, 30, 21, 38, 11);
  assert.equal(dayAndTime(at.getTime()), "30 Nov 2026, 21:38:11");
  assert.equal(whenWords(at.toISOString(), null), "on 30 Nov 2026, 21:38:11");
  assert.equal(whenWords("1200", null), "at event 1,200");
  const past = /** @type {any} */ ({ seq: 1200, now: at.getTime() });
  assert.equal(whenWords("1200", past), "on 30 Nov 2026, 21:38:11");
  assert.equal(eventWords(past), "event 1,200");
  assert.equal(eventWords({ ...past, seq: 0 }), "before the first event");
  assert.equal(timeOf("1200", null), 0);
});

test("a step leads to an earlier or a later second, and not beyond now", () => {
  const from = Date.parse("2026-11-30T21:38:11.716Z");
  assert.equal(stepped(from, -1, NOW), "2026-11-30T21:37:11Z");
  assert.equal(stepped(from, 1, NOW), "2026-11-30T21:39:11Z");
  assert.equal(stepped(from, 10, NOW), "", "now");
  assert.equal(momentAgo(24 * 60, NOW), "2026-11-29T21:48:11Z");
});

test("the form gives a moment, or says at which field it cannot", () => {
  const local = new Date(2026, 10, 30, 21, 38, 11).getTime();
  const fields = fieldsOf(local);
  assert.deepEqual(fields, { date: "2026-11-30", time: "21:38:11" });
  const ask = (/** @type {any} */ given) => chosen({ ...fields, event: "", ...given }, local + 60_000, 1234);
  assert.deepEqual(ask({}), { at: momentAt(local) });
  assert.deepEqual(ask({ time: "21:38" }), { at: momentAt(local - 11_000) });
  assert.deepEqual(ask({ event: "1,200" }), { at: "1200" });
  assert.deepEqual(ask({ event: "#7", date: "" }), { at: "7" });
  assert.deepEqual(ask({ event: "1235" }), { field: "event", message: "There is no such event yet. The last one is 1,234." });
  assert.equal(/** @type {any} */ (ask({ event: "x" })).field, "event");
  assert.equal(/** @type {any} */ (ask({ date: "" })).field, "date");
  assert.equal(/** @type {any} */ (ask({ time: "" })).field, "time");
  assert.deepEqual(ask({ time: "21:40:00" }), { field: "time", message: "This is still to come. Choose a time up to now." });
});

test("a moment that is refused says why", () => {
  const problem = new Problem(400, "Bad Request", "The request is not valid.", [{ pointer: "?at", detail: "must be the seq of an event" }]);
  assert.equal(refusedWords("5000", problem, NOW, 1234), "There is no such event yet. The last one is 1,234.");
  assert.equal(refusedWords("2027-01-01T00:00:00Z", problem, NOW, 1234), "This moment is still to come.");
  assert.equal(refusedWords("5000", problem, NOW, 0), "The moment must be the seq of an event.");
  assert.equal(refusedWords("5", new Problem(503, "", "The disk is too full."), NOW, 9), "The disk is too full.");
});

test("a moment that is being computed is asked for again, when the server says", async () => {
  const folding = (/** @type {string} */ detail, after = 0) => Object.assign(new Problem(503, "", detail, [], "past-folding"), { after });
  const answers = [folding("It is being computed. 12 % is done.", 7), folding("It is being computed."), "done"];
  /** @type {any[]} */
  const told = [];
  const ask = async () => {
    const answer = answers.shift();
    if (answer instanceof Problem) throw answer;
    return answer;
  };
  const signal = new AbortController().signal;
  const wait = async (/** @type {number} */ ms) => told.push(ms);
  assert.equal(await patiently(ask, signal, (percent) => told.push(percent), wait), "done");
  assert.deepEqual(told, [12, 7000, null, 2000]);
  answers.push(new Problem(503, "", "Busy.", [], "busy"));
  await assert.rejects(patiently(ask, signal, undefined, wait), /Busy/);
  const stopped = new AbortController();
  answers.push(folding("5 % is done."), "done");
  await assert.rejects(patiently(ask, stopped.signal, () => stopped.abort(), wait), { kind: "past-folding" });
  assert.equal(answers.length, 1, "nobody asks on");
  assert.equal(percentIn("100 % is done."), 100);
});

test("what is pushed changes nothing in a list of the past, and is known when it is left", () => {
  const s = new Store();
  s.live.counts = [{ status: "RUNNING", task_type: "SLEEP", queue: "default", n: 5 }];
  s.setFilters(noFilters("1200"));
  assert.equal(s.counts, null, "the counts of now are not those of then");
  s.past = { seq: 1200, now: NOW, counts: [{ status: "RUNNING", task_type: "SLEEP", queue: "default", n: 1 }], waiting: null, waitingCounts: null, problem: null };
  s.replace(page);
  s.apply({ seq: 1300, rows: [{ ...row, version: 3, status: "SUCCESS" }, { ...row, id: "01B" }], counts_changed: [{ status: "RUNNING", task_type: "SLEEP", queue: "default", n: 7 }], waiting: /** @type {any} */ ({ ready: 3 }) });
  assert.deepEqual(s.order, ["01A"]);
  assert.equal(s.rows.get("01A")?.status, "RUNNING");
  assert.equal(s.newCount, 0);
  assert.equal(s.total, 1);
  assert.equal(s.waiting, null);
  assert.equal(s.running(true), 7, "the head of the page is of now");
  s.setFilters({ ...noFilters("1200"), status: ["RUNNING"] });
  assert.equal(s.counts?.[0].n, 1, "another filter of the same moment keeps its counts");
  s.setFilters(noFilters());
  assert.equal(s.counts?.[0].n, 7);
  assert.equal(s.waiting?.ready, 3);
});

test("nothing may be done in the past", () => {
  const root = { toggleAttribute() {} };
  Object.assign(globalThis, { document: { documentElement: root, getElementById: () => ({}) } });
  setRole("admin");
  lookBack(true);
  assert.equal(may("viewer"), false);
  assert.equal(may("admin"), false);
  lookBack(false);
  assert.equal(may("admin"), true);
});

test("what the log does not know is said so", () => {
  const waits = { ...row, status: "PENDING", waiting_for: { reason: "unrecorded" } };
  assert.equal(waitingSentence(waits, null, NOW), "It was ready; which slots and workers had room then is not in the log");
  assert.equal(alsoSentence({ ...waits, waiting_for: { reason: "queue_paused", also: [{ reason: "unrecorded" }] } }), "Also: which slots and workers had room then is not in the log");
});
