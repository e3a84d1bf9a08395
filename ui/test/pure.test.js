import assert from "node:assert/strict";
import test from "node:test";
import { alsoSentence } from "../page/also.js";
import { justAfter, nextLink, problemFrom } from "../page/api.js";
import { actionWords, bulkWords, doneCount, endedWords, filterBody, filterWords, fittingAction, skippedWords } from "../page/bulk.js";
import { answerFields, answerOf, phaseSums, phasesOf } from "../page/steps.js";
import { eventWords, joined, reportOf, timelineOf, turns } from "../page/events.js";
import { countMatching, facet, formatFilters, isByDue, matches, parseFilters, waitOf, withStatus, withoutWrong } from "../page/filters.js";
import { ago, bytes, countdown, humanize, number, percent, short, shortId, span, time } from "../page/format.js";
import { changedLimits, limitWords, numberOrText, pauseWords } from "../page/queue.js";
import { Rate } from "../page/rate.js";
import { formatRoute, parseRoute } from "../page/router.js";
import { haveSeconds, inZone, lateWords, nextWords, nominalWords, outcomeWords, pausedWords, runHref } from "../page/schedule.js";
import { fieldOf, fieldsOf, parametersOf, typeForFile } from "../page/schema.js";
import { attemptSentence, attemptWords, canRunNow, duration, lateDue, listLine, waited, waitingSentence } from "../page/task.js";
import { wrongWords } from "../page/wrong.js";
import { waitSums } from "../page/views/waits.js";
import { shiftOf, windowOf } from "../page/views/scroller.js";

const NOW = Date.parse("2026-01-01T12:00:00Z");

test("spans read as people say them", () => {
  const cases = /** @type {[number, string][]} */ ([[0, "0 ms"], [0.4, "<1 ms"], [340, "340 ms"], [4210, "4.2 s"], [9960, "10 s"], [59_700, "1 min 00 s"], [184_000, "3 min 04 s"], [7_500_000, "2 h 05 min"], [273_600_000, "3 d 4 h"], [-5, "0 ms"], [NaN, "–"]]);
  for (const [ms, want] of cases) assert.equal(span(ms), want);
  assert.equal(countdown(11_200), "12 s");
  assert.equal(countdown(-3), "0 s");
});

test("times are relative, and tell the future", () => {
  assert.equal(ago("2026-01-01T11:59:59.5Z", NOW), "now");
  assert.equal(ago("2026-01-01T11:59:30Z", NOW), "30 s ago");
  assert.equal(ago("2026-01-01T10:00:00Z", NOW), "2 h ago");
  assert.equal(ago("2026-01-01T12:01:00Z", NOW), "in 1 min 00 s");
  assert.equal(ago("2025-10-01T12:00:00Z", NOW), "2025-10-01");
  assert.equal(ago(null, NOW), "–");
  assert.equal(time(1_767_268_800_000_000), 1_767_268_800_000);
  assert.equal(time("nonsense"), null);
});

test("numbers keep what matters and lose the noise", () => {
  const cases = /** @type {[any, string][]} */ ([[0, "0"], [23.514572864, "23.51"], [2979.41379, "2,979.41"], [1234567, "1,234,567"], [123456789, "123,456,789"], [123456789.5, "123.5M"], [0.00001234, "1.23e-5"], [-5.5, "-5.5"], [null, "–"], ["abc", "–"]]);
  for (const [n, want] of cases) assert.equal(number(n), want);
  assert.equal(bytes(999), "999 B");
  assert.equal(bytes(1_500_000), "1.5 MB");
  assert.equal(bytes(999_950), "1.0 MB");
  assert.equal(short(12_345), "12.3K");
  assert.equal(percent(0.4), "0.4 %");
  assert.equal(percent(99.97), "99.9 %");
  assert.equal(percent(100), "100 %");
});

test("names read as words", () => {
  assert.equal(humanize("DATA_PROCESSING"), "Data processing");
  assert.equal(humanize("nightly.report"), "Nightly report");
  assert.equal(humanize("targetSize"), "TargetSize");
  assert.equal(humanize("___"), "___");
  assert.equal(shortId("01M86Y8P1QR07FGWE21P24N29F"), "01M86Y…N29F");
});

test("a route survives its own address", () => {
  for (const hash of ["#/", "#/?status=FAILED", "#/tasks/01ABC?status=RUNNING&task_type=SLEEP&tag=a+b&q=%23x%26y"]) {
    assert.equal(formatRoute(parseRoute(hash)), hash);
  }
  assert.deepEqual(parseRoute("#/tasks/01ABC").id, "01ABC");
  assert.deepEqual(parseRoute("").id, null);
  assert.equal(parseRoute("#/tasks/%E0%A4%A").id, "%E0%A4%A");
});

test("an address that asks for what is not there says so, and shows nothing instead of everything", () => {
  const f = parseFilters("status=nonsense&status=failed&other=1&queue=no%20name&task_type=&q=" + "x".repeat(201));
  assert.deepEqual(f.status, ["FAILED"]);
  assert.deepEqual(f.wrong.map((w) => w.key), ["status", "other", "queue", "q"]);
  assert.equal(matches(f, /** @type {any} */ ({ status: "FAILED", tags: [] })), false);
  assert.equal(countMatching([{ status: "FAILED", task_type: "A", queue: "q", n: 3 }], f), 0);
  assert.deepEqual(parseFilters(formatFilters(f)), f, "the address keeps it, so that it can be corrected");
  assert.equal(formatFilters(withStatus(f, "SUCCESS")).startsWith("status=SUCCESS&other=1"), true);
  assert.equal(formatFilters({ ...withoutWrong(f) }), "status=FAILED");
  assert.match(wrongWords(f.wrong[0]), /^There is no status “.nonsense.”\.$/);
  assert.match(wrongWords(f.wrong[1]), /^The list has no filter “.other.”\.$/);
  const nowhere = parseRoute("#/setings?status=FAILED");
  assert.match(wrongWords(nowhere.filters.wrong[0]), /no place “.\/setings.”/);
  assert.equal(formatRoute(nowhere), "#/setings?status=FAILED");
  assert.equal(parseRoute("#/?page=2").filters.wrong[0].key, "page");
});

test("a queue that is counted together with others is counted by the server", () => {
  const counts = [{ status: "FAILED", task_type: "A", queue: "", n: 3 }, { status: "FAILED", task_type: "A", queue: "q", n: 2 }];
  assert.equal(countMatching(counts, parseFilters(new URLSearchParams("queue=old"))), null);
  assert.equal(countMatching(counts, parseFilters(new URLSearchParams("queue=q"))), 2);
  assert.equal(countMatching(counts, parseFilters(new URLSearchParams(""))), 5);
});

test("each facet counts under the filters of the others", () => {
  const counts = /** @type {any[]} */ ([
    { status: "FAILED", task_type: "A", queue: "q", n: 3 },
    { status: "SUCCESS", task_type: "A", queue: "q", n: 5 },
    { status: "FAILED", task_type: "B", queue: "r", n: 7 },
  ]);
  const f = parseFilters("status=FAILED&task_type=A");
  assert.deepEqual([...facet(counts, f, "status")], [["FAILED", 3], ["SUCCESS", 5]]);
  assert.deepEqual([...facet(counts, f, "task_type")], [["A", 3], ["B", 7]]);
  const row = /** @type {any} */ ({ status: "FAILED", task_type: "A", queue: "q", tags: ["x"] });
  assert.equal(matches(f, row), true);
  assert.equal(matches(parseFilters("tag=y"), row), false);
});

test("why a task waits is a sentence", () => {
  const row = /** @type {any} */ ({ status: "PENDING", attempt: 2, max_attempts: 3, attempts_before_retry: 0, waiting_for: null });
  const busy = { running: 8, slots: 8 };
  const say = (/** @type {any} */ w, /** @type {any} */ state = busy) => waitingSentence({ ...row, waiting_for: w }, state, NOW);
  assert.equal(say({ reason: "capacity", running: 8, slots: 8 }), "Waiting for a free slot: all 8 are busy");
  assert.equal(say({ reason: "capacity" }, { running: 1, slots: 1 }), "Waiting for a free slot: the only one is busy");
  assert.equal(say({ reason: "backoff", until: "2026-01-01T12:00:12Z", attempt: 2 }), "Retries in 12 s (attempt 2 of 3 failed)");
  assert.equal(say({ reason: "backoff", until: "2026-01-01T11:59:59Z", attempt: 2 }), "Waiting for a free slot: all 8 are busy");
  assert.equal(say({ reason: "run_at", until: "2026-01-01T13:00:00Z" }), "Starts in 1 h 00 min");
  assert.equal(say({ reason: "capacity" }, { ...busy, draining: true }), "Waiting: the server is stopping and starts no tasks");
  assert.equal(say({ reason: "queue_paused" }), "Waiting: its queue is paused");
  assert.equal(say({ reason: "worker" }), "Waiting for a worker to connect");
  assert.equal(say({ reason: "turn", ahead: 1 }), "Waiting for its turn: 1 task comes first");
  assert.equal(say({ reason: "turn", ahead: 1200, ahead_relation: "gte" }), "Waiting for its turn: at least 1,200 tasks come first");
  assert.equal(say({ reason: "rate_limit", until: "2026-01-01T12:00:12Z" }), "Waiting: the rate limit of its queue lets the next task start in 12 s");
  const depends = (/** @type {string[]} */ names, open = names.length) => say({ reason: "dependencies", waiting_on: names.map(() => "01M8"), names, open }).replace(/[\u2068\u2069]/g, "");
  assert.equal(depends(["make"]), "Waiting: make must end first");
  assert.equal(depends(["make", "check"]), "Waiting: make and check must end first");
  assert.equal(depends(["a", "b", "c"]), "Waiting: a, b and c must end first");
  assert.equal(depends(["a", "b", "c", "d"], 12), "Waiting: a, b, c and 9 more must end first");
  assert.equal(say({ reason: "dependencies", waiting_on: ["01M8"], open: 1 }).replace(/[\u2068\u2069]/g, ""), "Waiting: 01M8 must end first");
  const also = (/** @type {any[] | undefined} */ list) => alsoSentence({ ...row, waiting_for: { reason: "queue_paused", also: list } });
  assert.equal(also(undefined), "");
  assert.equal(also([{ reason: "capacity", running: 8, slots: 8 }, { reason: "rate_limit", key: "k" }, { reason: "turn", ahead: 2 }]), "Also: all slots are busy; the rate limit of its concurrency key lets no task start yet; 2 tasks come first");
  const idle = { running: 0, slots: 8 };
  const since = (/** @type {number} */ ms) => waitingSentence({ ...row, ready_at: new Date(NOW - ms).toISOString() }, /** @type {any} */ (idle), NOW);
  assert.equal(since(100), "Starts now");
  assert.equal(since(5000), "Waiting for a free worker"); // all workers of its type are busy
  assert.equal(waitingSentence({ ...row, status: "RUNNING" }, busy, NOW), "");
});

test("a pending task says why it waits before what it works on", () => {
  const row = /** @type {any} */ ({ status: "PENDING", subject: "a file", waiting_for: { reason: "queue_paused" } });
  const line = (/** @type {any} */ r) => listLine(r, null, NOW).replace(/[\u2068\u2069]/g, "");
  assert.equal(line(row), "Waiting: its queue is paused · a file");
  assert.equal(line({ ...row, status: "RUNNING", progress_message: "half" }), "a file · half");
});

test("a row whose time has passed does not know what its task waits for now", () => {
  const row = (/** @type {number} */ ms, more = {}) => /** @type {any} */ ({ status: "PENDING", waiting_for: { reason: "run_at", until: new Date(NOW + ms).toISOString(), ...more } });
  const at = (/** @type {number} */ ms) => new Date(NOW + ms).toISOString();
  assert.equal(lateDue([row(1000), row(-1000), row(-9000, { reason: "sleep" }), /** @type {any} */ ({ status: "PENDING", waiting_for: null })], NOW), "");
  assert.equal(lateDue([row(-9000), row(-3000), row(-5000, { reason: "backoff" })], NOW), at(-3000));
});

test("a duration runs with the clock until the task ends", () => {
  const row = /** @type {any} */ ({ status: "RUNNING", started_at: "2026-01-01T11:59:50Z", completed_at: null });
  assert.equal(duration(row, NOW), 10_000);
  assert.equal(duration({ ...row, status: "SUCCESS", completed_at: "2026-01-01T11:59:51Z" }, NOW), 1000);
  assert.equal(duration({ ...row, status: "PENDING" }, NOW), null);
});

/** @returns {any} */
const happened = (/** @type {number} */ seq, /** @type {string} */ type, data = {}, version = seq, payload = undefined) => ({ seq, version, type: `task.${type}`, data, payload, at: "2026-01-01T12:00:00Z", actor: "system:scheduler" });

test("the history says what became of an attempt of a worker", () => {
  const tell = (/** @type {any[]} */ ...events) => timelineOf(events.map((e, i) => happened(i + 1, ...e))).map((entry) => eventWords(entry.event, entry.worker).text);
  const remote = tell(["started", { attempt: 1, worker: "w1", lease_seconds: 30 }], ["lease_expired", { attempt: 1 }]);
  assert.match(remote[0], /^By worker .?w1.?, with a lease of 30 s\.$/);
  assert.match(remote[1], /^Worker .?w1.? stopped responding while it ran it\. This used an attempt\.$/);
  assert.match(tell(["started", { worker: "w1" }], ["lease_expired", { suspicion: 1 }])[1], /this and other tasks\. This did not use an attempt\.$/);
  assert.match(tell(["started", { worker: "w1" }], ["released"])[1], /^Worker .?w1.? did not start it\. This did not use an attempt\.$/);
  assert.equal(tell(["started", {}], ["released"])[1], "The server was stopped. This did not use an attempt.");
  assert.equal(tell(["started", { worker: "w1" }], ["started", {}], ["lease_expired", { attempt: 2 }])[2], "The server died while it ran. This used an attempt.");
});

test("a report of progress stands in the timeline for those of its attempt before it", () => {
  const e = happened;
  const entries = timelineOf([e(1, "submitted"), e(2, "started"), e(40, "progressed", { progress: 5000 }, 4), e(50, "attempt_failed", { attempt: 1 }, 5), e(60, "started", {}, 6), e(90, "reprioritised", {}, 9), e(91, "progressed", { progress: 1 }, 10)]);
  assert.deepEqual(entries.map((x) => [x.key, x.event.seq, x.count]), [["1", 1, 1], ["2", 2, 1], ["progress of 2", 40, 2], ["50", 50, 1], ["60", 60, 1], ["90", 90, 1], ["progress of 60", 91, 3]]);
  assert.equal(eventWords(entries[2].event).title, "50 %");
  const failed = eventWords(e(5, "attempt_failed", { attempt: 1, code: "timeout", retry_at: NOW * 1000 + 2_000_000 }, 5, /** @type {any} */ ({ error: "too slow" })));
  assert.deepEqual(failed, { title: "Attempt 1 failed", text: "too slow\nIt ran longer than its time limit.\nNext attempt after 2.0 s.", tone: "warn" });
  assert.equal(eventWords(e(9, "from_the_future")).title, "task.from_the_future");
});

test("a history goes on with what came later, and keeps of each attempt the latest report", () => {
  const e = happened;
  const known = [e(1, "submitted"), e(2, "started"), e(3, "progressed")];
  const seqs = (/** @type {any[]} */ events) => events.map((x) => x.seq);
  assert.deepEqual(seqs(joined(known, [e(4, "reprioritised"), e(5, "progressed")])), [1, 2, 4, 5]);
  assert.deepEqual(seqs(joined(known, [e(4, "attempt_failed"), e(5, "started"), e(6, "progressed")])), [1, 2, 3, 4, 5, 6]);
  const texts = joined([{ ...e(1, "failed"), payload: { error: "secret" } }], [{ ...e(2, "erased"), payload: { reason: "case 1" } }]);
  assert.deepEqual(texts.map((one) => one.payload), [undefined, { reason: "case 1" }]);
  assert.equal(turns(known), 2);
});

test("a row tells the latest report of progress, as long as nothing else happened", () => {
  const known = [happened(1, "submitted"), happened(2, "started"), happened(3, "progressed")];
  const row = /** @type {any} */ ({ version: 9, progress_reports: 7, last_seq: 30, progress: 33.12, progress_message: "row 3" });
  const report = reportOf(known, row);
  assert.deepEqual([report?.seq, report?.version, report?.data.progress, report?.payload], [30, 9, 3312, { message: "row 3" }]);
  assert.equal(reportOf(known, { ...row, progress_reports: 6 }), null, "something else happened");
  assert.equal(reportOf(known, { ...row, version: 3, progress_reports: 1, last_seq: 3 }), null, "nothing happened");
});

test("a task waits from when it is ready to its start", () => {
  const row = /** @type {any} */ ({ created_at: "2026-01-01T11:00:00Z", ready_at: "2026-01-01T11:59:59Z", started_at: "2026-01-01T11:59:59.011Z" });
  assert.equal(waited(row), 11);
  assert.equal(waited({ ...row, started_at: null }), null);
  assert.equal(waited({ ...row, started_at: "2026-01-01T11:00:00Z" }), null, "the start was of the attempt before");
});

test("a retry by a person allows all attempts again", () => {
  const row = /** @type {any} */ ({ attempt: 4, max_attempts: 2, attempts_before_retry: 3 });
  assert.equal(attemptSentence(row), "1 of 2 since the retry, 4 in all");
  assert.equal(attemptWords(row), "1/2");
  assert.equal(attemptSentence({ ...row, attempt: 1, attempts_before_retry: 0 }), "1 of 2");
});

test("the rate is what the log moved by, second by second", () => {
  const r = new Rate();
  r.add(100, 10_000);
  r.add(150, 10_500);
  r.add(160, 11_200);
  const series = r.series(12_000);
  assert.deepEqual(series.slice(-2), [50, 10]);
  assert.equal(r.now(12_000), 30);
  assert.equal(r.now(80_000), 0);
  r.continueAt(5000);
  r.add(5001, 80_500);
  assert.deepEqual(r.series(81_000).slice(-1), [1]);
});

test("a window of a long list draws what is in view and a little more", () => {
  assert.deepEqual(windowOf(0, 400, 40, 10_000, 8), { start: 0, end: 19, before: 0, after: 399_240 });
  const w = windowOf(200_000, 400, 40, 10_000, 8);
  assert.deepEqual([w.start, w.end], [4992, 5019]);
  assert.equal(w.before + (w.end - w.start) * 40 + w.after, 400_000);
  assert.deepEqual(windowOf(9_999_999, 400, 40, 3, 8), { start: 3, end: 3, before: 120, after: 0 });
  assert.deepEqual(windowOf(0, 400, 40, 0, 8), { start: 0, end: 0, before: 0, after: 0 });
});

test("rows that come and go above a reader are made up for", () => {
  assert.equal(shiftOf(["c", "b", "a"], ["e", "d", "c", "b", "a"], 1), 2);
  assert.equal(shiftOf(["d", "c", "b", "a"], ["b", "a"], 2), -2);
  assert.equal(shiftOf(["d", "c", "b", "a"], ["d", "c", "a"], 2), -1); // the row in view left itself: hold on to the next
  assert.equal(shiftOf(["a"], ["x", "y"], 0), 0);
});

const SCHEMA = {
  type: "object",
  required: ["url"],
  properties: {
    url: { type: "string" },
    rows: { type: "integer", minimum: 1, maximum: 10, default: 5 },
    rate: { type: ["number", "null"], exclusiveMinimum: 0 },
    mode: { enum: ["a", "b"], default: "a" },
    tick: { type: "boolean", default: false },
    to: { type: "array", items: { type: "string" }, maxItems: 2 },
    file: { type: "string", format: "daybook-file" },
    files: { type: "array", items: { $ref: "#/$defs/f" } },
    any: {},
    body: { type: "string", maxLength: 65536 },
  },
  $defs: { f: { type: "string", format: "daybook-file" } },
};

test("a form's fields are those of the schema", () => {
  const fields = fieldsOf(SCHEMA);
  assert.deepEqual(
    fields.map((f) => [f.name, f.kind]),
    [["url", "string"], ["rows", "integer"], ["rate", "number"], ["mode", "enum"], ["tick", "boolean"], ["to", "lines"], ["file", "file"], ["files", "files"], ["any", "json"], ["body", "text"], ["", "json"]],
  );
  assert.equal(fields[0].required, true);
  assert.deepEqual([fields[1].min, fields[1].max, fields[1].placeholder], [1, 10, "5"]);
  const lines = { properties: { to: { type: "array", items: { type: "string" }, examples: [["a@example.com", "b@example.com"]] } } };
  assert.equal(fieldsOf(lines)[0].placeholder, "a@example.com\nb@example.com", "an example is shown as it is typed");
});

test("what was typed becomes parameters, and what is empty is left out", () => {
  const fields = fieldsOf(SCHEMA);
  const good = parametersOf(fields, { url: "x", rows: "7", rate: "", mode: "b", tick: true, to: " a \n\nb", file: ["f1"], files: ["f1", "f2"], any: '{"x":1}', body: "" });
  assert.deepEqual(good, { parameters: { url: "x", rows: 7, mode: "b", tick: true, to: ["a", "b"], file: "f1", files: ["f1", "f2"], any: { x: 1 } }, errors: [] });
  const bad = parametersOf(fields, { url: "", rows: "1.5", rate: "x", to: "a\nb\nc", any: "{" });
  assert.deepEqual(
    bad.errors.map((e) => [e.pointer, e.detail]),
    [["/parameters/url", "is needed"], ["/parameters/rows", "must be a whole number"], ["/parameters/rate", "must be a number"], ["/parameters/to", "must be at most 2 lines"], ["/parameters/any", "must be JSON"]],
  );
  assert.deepEqual(parametersOf(fields, { url: "x", tick: "false" }).parameters, { url: "x", tick: false });
  assert.deepEqual(parametersOf(fields, { url: "x", rows: "11", tick: false }).errors.map((e) => e.detail), ["must be at most 10"]);
});

test("parameters that a schema allows and does not name are one JSON object", () => {
  const [whole, ...none] = fieldsOf({ type: "object" });
  assert.deepEqual([whole.name, whole.kind, whole.label, none], ["", "json", "Parameters", []]);
  assert.deepEqual(parametersOf([whole], { "": '{"to": "Ada", "n": 12345678901234567890}' }).parameters.to, "Ada");
  assert.deepEqual(parametersOf([whole], { "": "" }), { parameters: {}, errors: [] });
  for (const wrong of ["{", "[1]", "7", "null", '"x"']) assert.deepEqual(parametersOf([whole], { "": wrong }).errors.map((e) => e.pointer), ["/parameters"], wrong);
  assert.deepEqual(fieldsOf({ properties: { a: {} }, additionalProperties: false }).map((f) => f.name), ["a"]);
  const fields = fieldsOf({ properties: { a: {} } });
  assert.equal(fields[1].label, "Other parameters");
  assert.deepEqual(parametersOf(fields, { a: "1", "": '{"b":2}' }).parameters, { a: 1, b: 2 });
});

test("an error finds its field by pointer", () => {
  const known = ["/parameters/file", "/parameters/files", "/priority"];
  assert.equal(fieldOf("/parameters/files/3", known), "/parameters/files");
  assert.equal(fieldOf("/parameters/file", known), "/parameters/file");
  assert.equal(fieldOf("/queue", known), null);
});

test("a dropped file finds the type that takes it", () => {
  const types = [
    { name: "OTHER", parameters_schema: { properties: { in: { type: "string", format: "daybook-file" } } } },
    { name: "DATA_PROCESSING", parameters_schema: { properties: { file: { type: "string", format: "daybook-file" } } } },
    { name: "IMAGE_PROCESSING", parameters_schema: { properties: { files: { type: "array", items: { format: "daybook-file" } } } } },
  ];
  assert.equal(typeForFile(types, { name: "a.CSV", type: "" })?.name, "DATA_PROCESSING");
  assert.equal(typeForFile(types, { name: "a.jpg", type: "" })?.name, "IMAGE_PROCESSING");
  assert.equal(typeForFile(types.slice(0, 1), { name: "a.bin", type: "" })?.name, "OTHER");
  assert.equal(typeForFile([], { name: "a.bin", type: "" }), null);
});

test("the next page is read from its link", () => {
  assert.equal(nextLink('</api/tasks/?cursor=a%2Cb&limit=2>; rel="next"'), "?cursor=a%2Cb&limit=2");
  assert.equal(nextLink('<http://h/first>; rel="first", <http://h/api/tasks?c=2>; rel="next"'), "?c=2");
  assert.equal(nextLink('<x>; rel="prev"'), null);
  assert.equal(nextLink(null), null);
});

test("one microsecond later carries over", () => {
  assert.equal(justAfter("2026-01-01T00:00:00.000009Z"), "2026-01-01T00:00:00.000010Z");
  assert.equal(justAfter("2026-01-01T00:00:59.999999Z"), "2026-01-01T00:01:00.000Z");
});

test("an answer that is no problem document is still a refusal", () => {
  assert.equal(problemFrom(502, null).message, "The server answered 502");
  const p = problemFrom(400, { title: "Bad Request", detail: "No.", errors: [{ pointer: "/x", detail: "wrong" }, 7] });
  assert.deepEqual([p.message, p.errors.length], ["No.", 1]);
});

/** A queue without limits. */
const QUEUE = { name: "mail", paused: false, paused_by: null, paused_at: null, reason: null, concurrency: null, rate_per_second: null, burst: null, max_depth: null, key_concurrency: null, key_rate_per_second: null, key_burst: null, fair_keys: false, weight: null, pending: 0, ready: 0, running: 0, oldest_ready_seconds: null };

test("each place has its address, and the way back to the tasks keeps the filters", () => {
  assert.deepEqual(parseRoute("#/queues"), { place: "queues", item: "", query: "", id: null, filters: parseFilters("") });
  assert.equal(parseRoute("#/workers/").place, "workers");
  assert.equal(parseRoute("#/").place, "");
  for (const nowhere of ["#/toString", "#/queuess", "#/queues/mail"]) {
    assert.equal(parseRoute(nowhere).place, "");
    assert.equal(parseRoute(nowhere).filters.wrong.length, 1, nowhere);
  }
  const filters = parseFilters("status=FAILED");
  assert.equal(formatRoute({ place: "workers", item: "", query: "", id: null, filters }), "#/workers");
  assert.equal(formatRoute({ place: "", item: "", query: "", id: null, filters }), "#/?status=FAILED");
  for (const hash of ["#/schedules", "#/schedules/nightly", "#/schedules/nightly/edit", "#/schedules/~new?task=01ABC"]) {
    assert.equal(formatRoute(parseRoute(hash)), hash);
  }
  assert.deepEqual([parseRoute("#/schedules/~new?task=01ABC").item, parseRoute("#/schedules/~new?task=01ABC").query], ["~new", "task=01ABC"]);
});

test("a list of pending tasks is narrowed by what they wait for", () => {
  const f = parseFilters("status=PENDING&waiting=scheduled&waiting=now");
  assert.deepEqual(f.waiting, ["scheduled"]);
  assert.match(wrongWords(f.wrong[0]), /no state of pending tasks “.now.”/);
  const row = (/** @type {string | null} */ reason, status = "PENDING") => /** @type {any} */ ({ status, tags: [], waiting_for: reason === null ? null : { reason } });
  const reasons = /** @type {[string | null, string][]} */ ([["run_at", "scheduled"], ["backoff", "backoff"], ["queue_paused", "blocked"], ["queue_limit", "blocked"], ["rate_limit", "blocked"], ["concurrency_key", "blocked"], ["unique", "blocked"], ["sleep", "suspended"], ["signal", "suspended"], ["approval", "suspended"], ["children", "suspended"], ["worker", "ready"], ["capacity", "ready"], [null, "ready"]]);
  for (const [reason, want] of reasons) assert.equal(waitOf(row(reason)), want);
  assert.equal(waitOf(row(null, "RUNNING")), "");
  const scheduled = withoutWrong(f);
  assert.equal(matches(scheduled, row("run_at")), true);
  assert.equal(matches(scheduled, row("backoff")), false);
  assert.equal(formatFilters(withStatus(scheduled, "FAILED")), "status=FAILED");
  assert.equal(isByDue(scheduled), true);
  assert.equal(isByDue({ ...scheduled, q: "x" }), false);
  assert.equal(isByDue({ ...scheduled, waiting: ["scheduled", "ready"] }), false);
  const waiting = { ready: 1, scheduled: 2, backoff: 3, blocked: 4, suspended: 6, next_due: null };
  assert.equal(waitSums({ filters: scheduled, waiting, waitingCounts: null })?.backoff, 3);
  const counts = [{ waiting: "ready", task_type: "A", queue: "mail", n: 5 }, { waiting: "ready", task_type: "A", queue: "other", n: 7 }];
  assert.deepEqual(waitSums({ filters: { ...scheduled, queue: ["mail"] }, waiting, waitingCounts: counts }), { ready: 5, scheduled: 0, backoff: 0, blocked: 0, suspended: 0 });
  assert.equal(waitSums({ filters: { ...scheduled, tag: ["x"] }, waiting, waitingCounts: counts }), null);
});

test("what became of a schedule's times is said in words", () => {
  const r = /** @type {any} */ ({ outcome: "skipped", why: "overlap", count: 1, more: false, late_seconds: 0.2, nominal: "2026-03-29T02:30:00" });
  assert.equal(outcomeWords(r), "Skipped: the task of the run before had not ended");
  assert.equal(outcomeWords({ ...r, count: 3, why: "paused" }), "Skipped 3 runs: the schedule was paused");
  assert.equal(outcomeWords({ ...r, outcome: "fired" }), "Fired");
  assert.equal(lateWords(r), "");
  assert.equal(lateWords({ ...r, late_seconds: 75 }), "1 min 15 s late");
  assert.equal(nominalWords("2026-03-29T02:30:00", false), "2026-03-29 02:30");
  assert.equal(nominalWords("2026-10-25T02:30:00+01:00", false), "2026-10-25 02:30+01:00");
  assert.equal(nominalWords("2026-03-29T02:30:00Z", true), "2026-03-29 02:30:00 UTC");
  assert.equal(haveSeconds(["2026-03-29T02:30:00", null, "2026-03-29T02:30:00+01:00", "2026-03-29T02:30:00.000000Z"]), false);
  assert.equal(haveSeconds(["2026-03-29T02:30:00Z", "2026-03-29T02:30:10Z"]), true);
  assert.equal(inZone("2026-07-01T00:30:00Z", "Europe/Berlin", false), "Wed 2026-07-01, 02:30");
  assert.equal(inZone("2026-07-01T00:30:00Z", "Europe/Berlin", true), "Wed 2026-07-01, 02:30:00");
  const paused = /** @type {any} */ ({ paused: true, paused_at: "2026-01-01T11:59:30Z", paused_by: "token:ada", paused_why: "request", paused_reason: "holidays", next_runs: [] });
  assert.match(pausedWords(paused, NOW), /^Paused 30 s ago by .token:ada.: .holidays.$/);
  assert.match(pausedWords({ ...paused, paused_why: "failures", failures_in_row: 3 }, NOW), /3 tasks in a row have failed$/);
  assert.equal(nextWords(paused, NOW), "Paused");
});

test("limits of a queue are read and changed", () => {
  assert.equal(limitWords(QUEUE), "");
  assert.equal(limitWords({ ...QUEUE, concurrency: 2, rate_per_second: 0.5, burst: 10, max_depth: 5000 }), "2 at a time · 30 a minute, bursts of 10 · 5,000 pending at most");
  assert.equal(limitWords({ ...QUEUE, rate_per_second: 1 / 3600, burst: 1 }), "1 an hour");
  assert.equal(limitWords({ ...QUEUE, key_concurrency: 1, key_rate_per_second: 2, key_burst: 4, fair_keys: true, weight: 200 }), "1 of a key at a time · 2 a second of a key, bursts of 4 · keys take turns · weight 200");
  assert.deepEqual(changedLimits({ ...QUEUE, key_burst: 4, weight: 50 }, { key_rate_per_second: "2", key_burst: "4", weight: "", fair_keys: "true" }), { key_rate_per_second: 2, weight: null, fair_keys: true });
  assert.deepEqual(changedLimits({ ...QUEUE, fair_keys: true }, { fair_keys: "true" }), {});
  assert.deepEqual(changedLimits({ ...QUEUE, concurrency: 2, burst: 3 }, { concurrency: "", rate_per_second: " 0.5 ", burst: "3", max_depth: "many" }), { concurrency: null, rate_per_second: 0.5, max_depth: "many" });
  const cases = /** @type {[string, any][]} */ ([["", null], ["5,000", 5000], ["0.5", 0.5], ["-1", -1], ["1,5", "1,5"], ["x", "x"]]);
  for (const [given, want] of cases) assert.equal(numberOrText(given), want);
});

test("a pause says since when, by whom and why", () => {
  assert.equal(pauseWords(QUEUE, NOW), "");
  const paused = { ...QUEUE, paused: true, paused_at: "2026-01-01T11:55:00Z" };
  assert.equal(pauseWords(paused, NOW), "Paused 5 min ago");
  assert.match(pauseWords({ ...paused, paused_by: "ann", reason: "down" }, NOW), /^Paused 5 min ago by .ann.: .down.$/);
});

test("only a task that waits for a time can be run now", () => {
  const row = /** @type {any} */ ({ status: "PENDING", waiting_for: { reason: "run_at", until: "2026-01-01T13:00:00Z" } });
  assert.equal(canRunNow(row, NOW), true);
  assert.equal(canRunNow(row, NOW + 3_600_000), false);
  assert.equal(canRunNow({ ...row, waiting_for: { reason: "rate_limit", until: row.waiting_for.until } }, NOW), false);
  assert.equal(canRunNow({ ...row, status: "RUNNING" }, NOW), false);
});

test("a suspended task is told apart from one that waits or runs", () => {
  const at = (/** @type {number} */ s) => new Date(Date.UTC(2026, 10, 24, 12, 0, s)).toISOString();
  const events = /** @type {any[]} */ ([["submitted", 0], ["started", 1], ["step_recorded", 2], ["suspended", 3], ["step_recorded", 10], ["started", 11], ["succeeded", 12]]).map(([type, s], i) => ({ seq: i + 1, at: at(s), type: `task.${type}`, data: {}, stream: "", version: i + 1, v: 1, actor: "" }));
  const words = (/** @type {any[]} */ list) => list.map((p) => `${p.kind} ${(p.to - p.from) / 1000}`);
  assert.deepEqual(words(phasesOf(events, 0)), ["waiting 1", "running 2", "suspended 7", "waiting 1", "running 1"]);
  assert.deepEqual(words(phasesOf(events.slice(0, 4), Date.parse(at(5)))), ["waiting 1", "running 2", "suspended 2"]);
  assert.deepEqual(phaseSums(phasesOf(events, 0)).map((s) => s.kind), ["waiting", "running", "suspended"]);
  const undone = [...events.slice(0, 4), { ...events[4], at: at(5), type: "task.cancelled" }, { ...events[5], at: at(8), type: "task.retried", data: { waits: true } }];
  assert.deepEqual(words(phasesOf(undone, Date.parse(at(9)))), ["waiting 1", "running 2", "suspended 2", "suspended 1"]);
});

test("an answer is what the form has, by the types of its fields", () => {
  const schema = { type: "object", required: ["amount"], properties: { amount: { type: "integer", title: "Amount" }, name: { type: "string" }, urgent: { type: "boolean" }, more: {} } };
  assert.deepEqual(answerFields(schema).map((f) => [f.name, f.label, f.numeric, f.tick]), [["answer/amount", "Amount", true, false], ["answer/name", "name (optional)", false, false], ["answer/urgent", "urgent (optional)", false, true], ["answer/more", "more (optional)", false, false]]);
  assert.deepEqual(answerOf(schema, { "answer/amount": "5", "answer/name": "7", "answer/urgent": "true", "answer/more": "" }), { amount: 5, name: "7", urgent: true });
  assert.deepEqual(answerOf(schema, { "answer/amount": "much" }), { amount: "much", urgent: false });
  assert.deepEqual(answerFields(null), []);
});

test("a bulk is said in words", () => {
  const f = parseFilters("status=FAILED&queue=mail&queue=post&tag=a&q=sales");
  assert.deepEqual(filterBody(f), { status: ["FAILED"], queue: ["mail", "post"], tag: ["a"], q: "sales" });
  assert.equal(filterWords(f, (t) => t).replace(/[\u2068\u2069]/g, ""), "Failed, queue mail or post, tag a, search sales");
  assert.equal(filterWords(parseFilters(""), (t) => t), "All tasks");
  assert.equal(fittingAction(f), "retry");
  assert.equal(fittingAction(parseFilters("status=FAILED&status=PENDING")), "cancel");
  assert.equal(fittingAction(parseFilters("")), "cancel");
  assert.equal(skippedWords({}), "");
  assert.equal(skippedWords({ already_ended: 1200, new_reason: 2 }), "Skipped: 1,200 already ended, 2 New reason");
  const b = { id: "A", action: "cancel", status: /** @type {const} */ ("DONE"), matched: 3, changed: 2, skipped: { changed_since: 1 }, undoable: true };
  assert.equal(endedWords(b), "Cancelled 2 tasks. Skipped: 1 changed since");
  assert.equal(endedWords({ ...b, action: "undo", status: "STOPPED", skipped: {} }), "Stopped. Undone: 2 tasks");
});

test("a bulk of the server is told in words", () => {
  const b = { id: "01", action: "reprioritise", status: /** @type {const} */ ("RUNNING"), matched: 10, changed: 3, skipped: { suspended: 2 }, undoable: true, priority: -7, filter: { status: ["FAILED"], queue: ["mail"], duration_min: 2 }, reason: null, actor: "a", started_at: "", ended_at: null, ended_by: null, undoes: null, undone_by: null };
  const words = (/** @type {any} */ filter) => bulkWords({ ...b, filter }, humanize).replace(/[\u2066-\u2069]/g, "");
  assert.equal(actionWords(b), "Set priority to −7");
  assert.equal(actionWords({ ...b, action: "run_now" }), "Run now");
  assert.equal(actionWords({ ...b, action: "move" }), "Move");
  assert.equal(doneCount(b), 5);
  assert.equal(words(b.filter), "Failed, queue mail, ran at least 2.0 s");
  assert.equal(words({}), "All tasks");
  assert.equal(words({ id_prefix: "01M8" }), "All tasks: id 01M8…");
  assert.equal(words(null), "");
  assert.equal(bulkWords({ ...b, undoes: "02" }, humanize), "What another bulk has changed");
});

test("a run leads to its task or workflow", () => {
  const run = { nominal: null, due: "", at: "", late_seconds: 0, outcome: "fired", why: null, detail: null, task_id: "01A", workflow_id: null, status: null, count: 1, more: false, last: null, backfill: false, seq: 1 };
  assert.equal(runHref(/** @type {any} */ (run)), "#/tasks/01A");
  assert.equal(runHref(/** @type {any} */ ({ ...run, workflow_id: "01A" })), "#/workflows/01A");
});
