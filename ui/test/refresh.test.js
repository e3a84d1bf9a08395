import assert from "node:assert/strict";
import test from "node:test";

/** The page, as far as Refresh needs it. */
const page = { hidden: false, listener: () => {}, addEventListener: (/** @type {string} */ _, /** @type {() => void} */ f) => (page.listener = f) };
Object.assign(globalThis, { document: page });
const { Refresh } = await import("../page/refresh.js");

/** @param {import("node:test").TestContext} t @param {number} [every] */
function refreshes(t, every) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let now = 1000;
  t.mock.method(performance, "now", () => now);
  page.hidden = false;
  const seen = { n: 0 };
  const r = new Refresh(async () => void seen.n++, every);
  /** @param {number} ms */
  const pass = async (ms) => {
    for (const end = now + ms; now < end; ) {
      now += 100;
      t.mock.timers.tick(100);
      for (let i = 0; i < 5; i++) await Promise.resolve();
    }
  };
  return { r, seen, pass };
}

test("many changes are fetched once a second, and nothing when it is closed", async (t) => {
  const { r, seen, pass } = refreshes(t);
  r.soon();
  await pass(2000);
  assert.equal(seen.n, 0);
  r.open();
  await pass(100);
  assert.equal(seen.n, 1);
  for (let i = 0; i < 20; i++) {
    r.soon();
    await pass(100);
  }
  assert.equal(seen.n, 3);
  await pass(5000);
  assert.ok(seen.n <= 4);
  const { n } = seen;
  r.soon();
  r.close();
  await pass(5000);
  assert.equal(seen.n, n);
});

test("a hidden page fetches nothing, and once when it is shown again", async (t) => {
  const { r, seen, pass } = refreshes(t, 2000);
  r.open();
  await pass(100);
  await pass(4200);
  assert.equal(seen.n, 3);
  page.hidden = true;
  page.listener();
  r.soon();
  await pass(60_000);
  assert.equal(seen.n, 3);
  page.hidden = false;
  page.listener();
  await pass(200);
  assert.equal(seen.n, 4);
});
