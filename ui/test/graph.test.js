import assert from "node:assert/strict";
import test from "node:test";
import { BOX, layOut } from "../page/graph.js";

/** @param {Record<string, string[]>} after */
const graph = (after) => layOut(Object.entries(after).map(([name, others]) => ({ name, after: others })));

/** @param {ReturnType<typeof layOut>} g @param {string} name */
const box = (g, name) => /** @type {import("../page/graph.js").Box} */ (g.boxes.find((b) => b.name === name));

test("a task is in the layer after all that it depends on", () => {
  const g = graph({ mail: ["resize", "check"], fetch: [], resize: ["fetch"], check: [], report: ["mail", "fetch"] });
  assert.deepEqual(Object.fromEntries(g.boxes.map((b) => [b.name, b.layer])), { fetch: 0, check: 0, resize: 1, mail: 2, report: 3 });
  assert.equal(g.lines.length, 5);
  assert.equal(g.width, 4 * BOX.width + 3 * BOX.across);
});

test("boxes do not overlap, and no line runs through a box", () => {
  let seed = 7;
  const random = (/** @type {number} */ n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  for (let round = 0; round < 60; round++) {
    /** @type {Record<string, string[]>} */
    const after = {};
    const n = 1 + random(40);
    for (let i = 0; i < n; i++) after[`t${i}`] = Array.from({ length: i === 0 ? 0 : random(4) }, () => `t${random(i)}`);
    const g = graph(after);
    assert.equal(g.boxes.length, n);
    for (const a of g.boxes) {
      assert.ok(a.x >= 0 && a.y >= 0 && a.x + BOX.width <= g.width && a.y + BOX.height <= g.height + 0.2, `${a.name} lies outside`);
      for (const b of g.boxes) assert.ok(a === b || a.layer !== b.layer || Math.abs(a.y - b.y) >= BOX.height, `${a.name} and ${b.name} overlap`);
    }
    for (const { from, to, path } of g.lines) {
      // Where the line crosses a layer it runs level: "… x y H…".
      for (const [, x, y] of path.matchAll(/ ([\d.]+) ([\d.]+)H/g)) {
        const hit = g.boxes.find((b) => b.x === Number(x) && Number(y) > b.y && Number(y) < b.y + BOX.height);
        assert.equal(hit, undefined, `${from} to ${to} runs through ${hit?.name}`);
      }
    }
  }
});

test("edges that need not cross do not", () => {
  const g = graph({ a: [], b: [], c: [], x: ["c"], y: ["b"], z: ["a"] });
  const order = (/** @type {string[]} */ names) => names.sort((m, n) => box(g, m).y - box(g, n).y);
  const first = order(["a", "b", "c"]);
  assert.deepEqual(order(["x", "y", "z"]), first.map((name) => ({ a: "z", b: "y", c: "x" })[name]));
});

test("a chain is a straight line, and a task alone is a graph", () => {
  const g = graph({ a: [], b: ["a"], c: ["b"] });
  assert.deepEqual(new Set(g.boxes.map((b) => b.y)), new Set([0]));
  assert.deepEqual(layOut([{ name: "a", after: [] }]), { width: BOX.width, height: BOX.height, boxes: [{ name: "a", x: 0, y: 0, layer: 0 }], lines: [] });
  assert.deepEqual(layOut([]).boxes, []);
});

test("edges to nothing and circles are left out", () => {
  const g = graph({ a: ["c", "nothing"], b: ["a"], c: ["b"], d: ["d"] });
  assert.equal(g.boxes.length, 4);
  assert.equal(g.lines.length, 2);
});

test("a thousand tasks in a row of ten layers are laid out", () => {
  /** @type {Record<string, string[]>} */
  const after = {};
  for (let i = 0; i < 1000; i++) after[`t${i}`] = i < 100 ? [] : [`t${i - 100}`, `t${i - 1 - ((i * 7) % 90) < 0 ? 0 : Math.max(0, i - 100 - ((i * 7) % 90))}`];
  assert.equal(graph(after).boxes.length, 1000);
});
