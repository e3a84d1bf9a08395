import assert from "node:assert/strict";
import test from "node:test";

Object.assign(globalThis, { document: { hidden: false, addEventListener() {}, documentElement: { dataset: {} } }, location: { href: "http://localhost/" } });
const { Pushed, byName } = await import("../page/pushed.js");

/** @typedef {{ name: string, n: number }} Item */

/** A list of a server, and what the page has of it. @param {import("node:test").TestContext} t */
function lists(t) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  t.mock.method(performance, "now", () => now);
  let now = 1000;
  const server = { /** @type {Item[]} */ rows: [], fetched: 0, /** @type {Promise<void> | null} */ slow: null };
  const list = new Pushed({
    view: "things",
    key: (/** @type {Item} */ row) => row.name,
    before: byName,
    fetch: async () => {
      server.fetched++;
      const rows = [...server.rows];
      await server.slow;
      return rows;
    },
    failed: assert.fail,
    changed() {},
    shows: (row) => row.n > 0,
    most: 3,
  });
  const pass = async (/** @type {number} */ ms) => {
    for (const end = now + ms; now < end; ) {
      now += 100;
      t.mock.timers.tick(100);
      for (let i = 0; i < 10; i++) await Promise.resolve();
    }
  };
  /** @param {any} [things] @param {any} [more] */
  const message = (things, more) => list.received({ seq: 1, pushes: "queues,things", ...(things && { views: { things: { rows: [], removed: [], truncated: false, ...things } } }), ...more });
  const names = () => list.rows?.map((r) => r.name + r.n).join(" ");
  return { list, server, pass, message, names };
}

test("a list is fetched when it is opened and when its stream starts, then kept by what is pushed", async (t) => {
  const { list, server, pass, message, names } = lists(t);
  server.rows = [{ name: "b", n: 1 }, { name: "c", n: 1 }];
  list.open();
  await pass(100);
  assert.equal(names(), "b1 c1");
  message();
  await pass(2000);
  assert.equal(server.fetched, 2);
  message({ rows: [{ name: "a", n: 2 }, { name: "b", n: 2 }], removed: ["c"] });
  assert.equal(names(), "a2 b2");
  message({ rows: [{ name: "a", n: 0 }] });
  assert.equal(names(), "b2", "it is shown no more");
  message({ rows: ["c", "d", "e"].map((name) => ({ name, n: 3 })) });
  assert.equal(names(), "b2 c3 d3", "there are at most three");
  await pass(2000);
  assert.equal(server.fetched, 2);
});

test("a list is fetched again when something may be missed", async (t) => {
  const { list, server, pass, message, names } = lists(t);
  list.open();
  await pass(100);
  message();
  await pass(2000);
  for (const [what, send] of /** @type {[string, () => void][]} */ ([
    ["too many rows changed", () => message({ truncated: true })],
    ["the stream does not have the view, or a tab missed messages", () => message(undefined, { pushes: "queues" })],
    ["the stream has it again", () => message()],
    ["it is asked to", () => list.soon()],
  ])) {
    const before = server.fetched;
    server.rows = [{ name: what, n: 1 }];
    send();
    await pass(2000);
    assert.equal(server.fetched, before + 1, what);
    assert.equal(names(), `${what}1`);
  }
  const before = server.fetched;
  message({}, { rows: [{ id: "x" }], truncated: true });
  await pass(2000);
  assert.equal(server.fetched, before);
});

test("a list that is opened again is fetched when its stream has begun", async (t) => {
  const { list, server, pass, message, names } = lists(t);
  for (const round of [1, 2]) {
    list.open();
    await pass(2000);
    server.rows = [{ name: "between the fetch and the stream", n: round }];
    message({ rows: [] });
    await pass(2000);
    assert.equal(names(), `between the fetch and the stream${round}`);
    list.close();
  }
});

test("what is pushed while the list is fetched is not lost, nor replaced by an older list", async (t) => {
  const { list, server, pass, message, names } = lists(t);
  list.open();
  await pass(100);
  message();
  await pass(2000);
  let answer = () => {};
  server.slow = new Promise((done) => (answer = done));
  list.soon();
  await pass(2000);
  server.rows = [{ name: "new", n: 1 }];
  message({ rows: server.rows });
  server.slow = null;
  answer();
  await pass(3000);
  assert.equal(names(), "new1");
});

test("a list of something else is forgotten, and its answer too", async (t) => {
  const { list, server, pass, names } = lists(t);
  server.rows = [{ name: "old", n: 1 }];
  let answer = () => {};
  server.slow = new Promise((done) => (answer = done));
  list.open();
  await pass(100);
  list.restart();
  server.rows = [{ name: "other", n: 1 }];
  server.slow = null;
  answer();
  await pass(100);
  assert.equal(names(), undefined);
  await pass(2000);
  assert.equal(names(), "other1");
});
