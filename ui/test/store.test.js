import assert from "node:assert/strict";
import test from "node:test";
import { MAX_ROWS, Store } from "../page/store.js";
import { mergeCounts, parseFilters } from "../page/filters.js";

/**
 * @param {number} n its place in time
 * @param {object} [more]
 */
function row(n, more = {}) {
  const id = `T${String(n).padStart(8, "0")}`;
  return { id, task_type: "SLEEP", status: "PENDING", created_at: `2026-01-01T00:00:00.${String(n).padStart(6, "0")}Z`, queue: "default", tags: [], version: 1, progress: 0, last_seq: n, ...more };
}

/** @param {any[]} rows */
function page(rows, more = {}) {
  return { rows, seq: 100, total: rows.length, totalExact: true, searchTruncated: false, next: null, ...more };
}

const ids = (/** @type {Store} */ s) => s.order.map((id) => Number(id.slice(1)));

test("a list is in the order of creation, newest first, whichever way rows come", () => {
  const s = new Store();
  s.replace(page([row(5), row(3), row(1)]));
  s.apply({ seq: 101, rows: [row(4), row(7), row(2), row(6)] });
  assert.deepEqual(ids(s), [7, 6, 5, 4, 3, 2, 1]);
});

test("an older version of a row changes nothing", () => {
  const s = new Store();
  s.replace(page([row(1, { version: 5, status: "SUCCESS" })]));
  s.apply({ seq: 101, rows: [row(1, { version: 4, status: "RUNNING" })] });
  assert.equal(s.rows.get("T00000001")?.status, "SUCCESS");
});

test("a fetched list does not take back what the stream told while it was under way", () => {
  const s = new Store();
  s.replace(page([row(1)]));
  s.beginFetch();
  s.apply({ seq: 105, rows: [row(1, { version: 3, status: "SUCCESS" }), row(2)] });
  s.replace(page([row(1, { version: 2, status: "RUNNING" })], { seq: 102 }));
  s.endFetch();
  assert.deepEqual(ids(s), [2, 1]);
  assert.equal(s.rows.get("T00000001")?.status, "SUCCESS");
  assert.equal(s.seq, 105);
});

test("a row that no longer matches the filter leaves the list", () => {
  const s = new Store();
  s.setFilters(parseFilters("status=RUNNING"));
  s.replace(page([row(2, { status: "RUNNING" }), row(1, { status: "RUNNING" })]));
  s.apply({ seq: 101, rows: [row(2, { status: "SUCCESS", version: 2 })] });
  assert.deepEqual(ids(s), [1]);
  s.apply({ seq: 102, rows: [row(3, { status: "PENDING" })] });
  assert.deepEqual(ids(s), [1]);
});

test("a row older than the last one loaded waits for its page", () => {
  const s = new Store();
  s.replace(page([row(9), row(8)], { next: "/api/tasks/?cursor=x" }));
  s.apply({ seq: 101, rows: [row(3, { version: 2 })] });
  assert.deepEqual(ids(s), [9, 8]);
  s.append(page([row(7), row(3)]));
  assert.deepEqual(ids(s), [9, 8, 7, 3]);
  assert.equal(s.hasMore, false);
});

test("while someone reads further down, new tasks wait until they are asked for", () => {
  const s = new Store();
  s.replace(page([row(2), row(1)]));
  s.apply({ seq: 101, rows: [row(4), row(3), row(1, { version: 2, status: "RUNNING" })] }, { hold: true });
  assert.deepEqual(ids(s), [2, 1]);
  assert.equal(s.newCount, 2);
  assert.equal(s.rows.get("T00000001")?.status, "RUNNING");
  s.apply({ seq: 102, rows: [row(4, { version: 2, status: "SUCCESS" })] }, { hold: true });
  assert.equal(s.newCount, 2);
  assert.equal(s.showHeld(), true);
  assert.deepEqual(ids(s), [4, 3, 2, 1]);
  assert.equal(s.rows.get("T00000004")?.status, "SUCCESS");
});

test("too many held tasks are counted, not kept", () => {
  const s = new Store();
  s.replace(page([row(1)]));
  for (let n = 2; n < 1502; n++) s.apply({ seq: 100 + n, rows: [row(n)] }, { hold: true });
  s.apply({ seq: 2000, rows: [row(1400, { version: 2 })] }, { hold: true });
  assert.equal(s.newCount, 1500);
  assert.ok(s.rows.size < 600);
  assert.equal(s.showHeld(), false);
});

test("a refetch under a reader keeps new tasks held", () => {
  const s = new Store();
  s.replace(page([row(2), row(1)]));
  s.replace(page([row(4), row(3), row(2), row(1)]), { hold: true });
  assert.deepEqual(ids(s), [2, 1]);
  assert.equal(s.newCount, 2);
});

test("when more new tasks came than are fetched, the reader keeps the list and is told so", () => {
  const s = new Store();
  s.replace(page([row(2), row(1)]));
  s.replace(page([row(2, { version: 2, status: "RUNNING" }), row(1)]), { hold: true, many: true });
  assert.deepEqual(ids(s), [2, 1]);
  assert.equal(s.manyNew, true);
  assert.equal(s.showHeld(), false);
  s.replace(page([row(900), row(2), row(1)]));
  assert.deepEqual([ids(s), s.manyNew], [[900, 2, 1], false]);
});

test("with a text search, unknown tasks are counted and not guessed at", () => {
  const s = new Store();
  s.setFilters(parseFilters("q=abc"));
  s.replace(page([row(1)]));
  s.apply({ seq: 101, rows: [row(2), row(1, { version: 2, status: "RUNNING" })] });
  s.apply({ seq: 102, rows: [row(2, { version: 9, status: "RUNNING" }), row(3, { version: 9, status: "RUNNING" })] });
  s.apply({ seq: 103, rows: [row(2, { version: 10, status: "SUCCESS" })] });
  assert.deepEqual(ids(s), [1]);
  assert.equal(s.unmatched, 1);
  assert.equal(s.rows.get("T00000001")?.status, "RUNNING");
});

test("a list that grows for ever at the top lets its tail go, and says that there is more", () => {
  const s = new Store();
  s.replace(page([row(1)]));
  let n = 2;
  for (let i = 0; i < MAX_ROWS / 200 + 1; i++) {
    const rows = [];
    for (let k = 0; k < 200; k++) rows.push(row(n++));
    s.apply({ seq: 100 + n, rows });
  }
  assert.ok(s.order.length <= MAX_ROWS);
  assert.equal(s.rows.size, s.order.length);
  assert.equal(s.hasMore, true);
});

test("the total is that of the counts as long as they can tell it", () => {
  const s = new Store();
  s.setFilters(parseFilters("status=FAILED"));
  s.replace(page([row(1, { status: "FAILED" })], { total: 7 }));
  assert.equal(s.total, 7);
  s.apply({ seq: 101, counts: [{ status: "FAILED", task_type: "SLEEP", queue: "default", n: 9 }, { status: "SUCCESS", task_type: "SLEEP", queue: "default", n: 50 }] });
  assert.equal(s.total, 9);
});

test("random messages give the list that a fresh fetch gives", () => {
  let seed = 7;
  const random = (/** @type {number} */ n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  const statuses = ["PENDING", "RUNNING", "SUCCESS", "FAILED"];
  /** @type {Map<number, any>} */
  const truth = new Map();
  const s = new Store();
  s.setFilters(parseFilters("status=RUNNING&status=PENDING"));
  s.replace(page([]));
  for (let seq = 1; seq < 3000; seq++) {
    const n = random(300) + 1;
    const was = truth.get(n);
    const next = row(n, { version: (was?.version ?? 0) + 1, status: statuses[random(4)] });
    truth.set(n, next);
    s.apply({ seq, rows: [next] }, { hold: random(3) === 0 });
    if (random(40) === 0) assert.equal(s.showHeld(), true);
  }
  s.showHeld();
  const want = [...truth.values()].filter((r) => r.status === "RUNNING" || r.status === "PENDING").map((r) => Number(r.id.slice(1)));
  assert.deepEqual(ids(s), want.sort((a, b) => b - a));
});

test("no row moves while someone is at the list: new ones wait, and what no longer matches stays", () => {
  const s = new Store();
  s.setFilters(parseFilters("status=RUNNING"));
  s.replace(page([row(7, { status: "RUNNING" }), row(5, { status: "RUNNING" }), row(3, { status: "RUNNING" })]));
  const still = { hold: true, still: true };
  s.apply({ seq: 101, rows: [row(9, { status: "RUNNING" }), row(6, { status: "RUNNING" }), row(5, { status: "FAILED", version: 2 })] }, still);
  assert.deepEqual(ids(s), [7, 5, 3]);
  assert.equal(s.rows.get("T00000005")?.status, "FAILED", "it stays, and says what it is now");
  assert.equal(s.newCount, 2);
  s.apply({ seq: 102, rows: [row(9, { status: "SUCCESS", version: 2 })] }, still);
  assert.equal(s.newCount, 1, "one that waits and no longer matches does not wait on");
  s.apply({ seq: 103, rows: [row(1, { status: "RUNNING" })] }, still);
  assert.deepEqual(ids(s), [7, 5, 3, 1], "below the last there is room");
  assert.equal(s.removeLeaving(), true);
  assert.deepEqual(ids(s), [7, 3, 1]);
  assert.equal(s.showHeld(), true);
  assert.deepEqual(ids(s), [7, 6, 3, 1]);
});

test("a row that matches again does not leave", () => {
  const s = new Store();
  s.setFilters(parseFilters("status=FAILED"));
  s.replace(page([row(2, { status: "FAILED" })]));
  s.apply({ seq: 101, rows: [row(2, { status: "PENDING", version: 2 })] }, { still: true });
  s.apply({ seq: 102, rows: [row(2, { status: "FAILED", version: 3 })] });
  assert.equal(s.removeLeaving(), false);
  assert.deepEqual(ids(s), [2]);
});

test("the open task's row stays, whoever is at the list, and leaves when the task is closed", () => {
  const s = new Store();
  s.setFilters(parseFilters("status=FAILED"));
  s.replace(page([row(4, { status: "FAILED" }), row(2, { status: "FAILED" })]));
  s.pinned = "T00000002";
  s.apply({ seq: 101, rows: [row(2, { status: "PENDING", version: 2 }), row(4, { status: "PENDING", version: 2 })] });
  assert.deepEqual(ids(s), [2]);
  s.replace(page([row(8, { status: "FAILED" })], { seq: 102 }));
  assert.deepEqual(ids(s), [8, 2], "a fetched list does not take it away");
  s.removeLeaving();
  assert.deepEqual(ids(s), [8, 2]);
  s.pinned = null;
  s.removeLeaving();
  assert.deepEqual(ids(s), [8]);
});

test("a fetched list moves no row while someone is at it", () => {
  const s = new Store();
  s.setFilters(parseFilters("status=RUNNING"));
  const run = { status: "RUNNING" };
  s.replace(page([row(8, run), row(6, run), row(4, run), row(2, run)]));
  const fetched = page([row(9, run), row(8, { ...run, version: 2, progress: 50 }), row(7, run), row(4, run)], { seq: 105, next: "/api/tasks/?cursor=x" });
  s.replace(fetched, { hold: true, still: true });
  assert.deepEqual(ids(s), [8, 6, 4], "as far as the page reaches");
  assert.equal(s.rows.get("T00000008")?.progress, 50);
  assert.equal(s.newCount, 2);
  assert.deepEqual(s.stale, ["T00000006"], "what became of it is not known");
  s.apply({ seq: 105, rows: [row(6, { status: "SUCCESS", version: 5 })] }, { hold: true, still: true });
  assert.deepEqual(s.stale, []);
  s.append(page([row(2, run), row(1, run)], { seq: 106 }));
  assert.deepEqual(ids(s), [8, 6, 4, 2, 1]);
  s.removeLeaving();
  assert.deepEqual(ids(s), [8, 4, 2, 1]);
});

test("a task that was submitted here is shown when it comes", () => {
  const s = new Store();
  s.replace(page([row(1)]));
  const still = { hold: true, still: true };
  s.showNow("T00000003");
  s.apply({ seq: 101, rows: [row(2), row(3)] }, still);
  assert.deepEqual(ids(s), [3, 1]);
  s.showNow("T00000002");
  assert.deepEqual(ids(s), [3, 2, 1]);
  assert.equal(s.newCount, 0);
});

test("a later page never makes the total smaller", () => {
  const s = new Store();
  s.setFilters(parseFilters("q=x"));
  s.replace(page([row(9)], { total: 100, totalExact: false, next: "/api/tasks/?cursor=x" }));
  s.append(page([row(8)], { total: 196, next: null }));
  assert.deepEqual([s.total, s.totalExact], [196, true]);
  s.append(page([row(7)], { total: 4 }));
  assert.deepEqual([s.total, s.totalExact], [196, true]);
});

test("counts that changed take the place of those known, and zeros go", () => {
  const of = (/** @type {any} */ status, /** @type {string} */ queue, /** @type {number} */ n) => ({ status, task_type: "SLEEP", queue, n });
  const known = [of("PENDING", "a", 3), of("PENDING", "b", 1)];
  assert.deepEqual(mergeCounts(known, [of("PENDING", "b", 0), of("SUCCESS", "b", 1), of("PENDING", "a", 2)]), [of("PENDING", "a", 2), of("SUCCESS", "b", 1)]);
  const s = new Store();
  s.apply({ seq: 1, counts_changed: [of("PENDING", "a", 1)] });
  assert.equal(s.counts, null); // part of the counts is not all of them
  s.apply({ seq: 2, counts: known });
  s.apply({ seq: 3, counts_changed: [of("PENDING", "a", 4)] });
  assert.deepEqual(s.counts, [of("PENDING", "a", 4), of("PENDING", "b", 1)]);
});

test("tasks that wait for their time are listed by it, and move when it changes", () => {
  const s = new Store();
  s.setFilters(parseFilters("status=PENDING&waiting=scheduled"));
  const at = (/** @type {number} */ n, /** @type {number} */ due, version = 1) => row(n, { version, waiting_for: { reason: "run_at", until: `2026-01-01T00:00:${String(due).padStart(2, "0")}.000000Z` } });
  s.replace(page([at(3, 10), at(1, 20), at(2, 30)]));
  s.apply({ seq: 101, rows: [at(4, 25)] });
  assert.deepEqual(ids(s), [3, 1, 4, 2]);
  s.apply({ seq: 102, rows: [at(3, 40, 2)] });
  assert.deepEqual(ids(s), [1, 4, 2, 3]);
  s.apply({ seq: 103, rows: [row(1, { version: 2, status: "RUNNING", waiting_for: null })] });
  assert.deepEqual(ids(s), [4, 2, 3]);
});
