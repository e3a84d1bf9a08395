import assert from "node:assert/strict";
import { test } from "node:test";
import { ChannelLeader } from "../page/leader.js";

/** Tabs of one browser that want to lead, and which of them do. */
function tabs(/** @type {string} */ name, /** @type {number} */ n) {
  /** @type {Set<number>} */
  const leading = new Set();
  /** @type {(() => void)[]} */
  let changed = [];
  const say = () => changed.splice(0).forEach((f) => f());
  const all = Array.from({ length: n }, (_, i) => new ChannelLeader(name, {
    lead: () => (leading.add(i), say()),
    lost: () => (leading.delete(i), say()),
  }));
  const one = async () => {
    while (leading.size !== 1) await new Promise((done) => changed.push(() => done(undefined)));
    return [...leading][0];
  };
  return { all, leading, one };
}

test("of many tabs that want to lead at the same time one does, and when it gives up another", async () => {
  const { all, leading, one } = tabs("many", 8);
  for (const t of all) t.want();
  for (let left = 8; left > 0; left--) {
    const first = await one();
    leading.delete(first);
    all[first].release();
  }
  assert.equal(leading.size, 0);
  for (const t of all) t.close();
});

test("a tab that comes later waits, and one that takes the lead by force gets it", async () => {
  const { all, leading, one } = tabs("later", 2);
  all[0].want();
  assert.equal(await one(), 0);
  all[1].want();
  all[0].close(); // silent: it says that it is free, and no more
  leading.delete(0);
  assert.equal(await one(), 1);
  all[1].close();
});
