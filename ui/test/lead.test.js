import assert from "node:assert/strict";
import { test } from "node:test";
import { problemFrom } from "../page/api.js";
import { Lead } from "../page/lead.js";

const read = (now) => ({ kind: "", wrote: false, now });
const refused = (kind, now) => ({ kind, wrote: true, now });

function listening() {
  const lead = new Lead();
  const told = [];
  lead.changed = (words) => told.push(words.replace(/[\u2068\u2069]/g, ""));
  return { lead, told };
}

test("a server that is alone has no leader and says nothing", () => {
  const { lead, told } = listening();
  lead.learn(null, read(1));
  assert.deepEqual([lead.node, told], [null, []]);
});

test("another leader is told once, the first one not", () => {
  const { lead, told } = listening();
  for (const node of ["a", "a", "b", "b"]) lead.learn(node, read(1));
  assert.deepEqual(told, ["", "Node b leads now"]);
});

test("the time since no node leads is kept until one does", () => {
  const { lead, told } = listening();
  lead.learn("a", read(1));
  lead.learn("", read(50));
  lead.learn("", read(60));
  assert.deepEqual([lead.node, lead.lostAt], ["", 50]);
  lead.learn("a", read(70));
  assert.deepEqual([lead.node, lead.lostAt, told.at(-1)], ["a", 0, "Node a leads again"]);
});

test("a refused write counts more than the name of the node that led before", () => {
  const { lead, told } = listening();
  lead.learn("a", read(1));
  lead.learn("a", refused("no-majority", 100));
  assert.deepEqual([lead.node, lead.minority], ["", true]);
  lead.learn("a", read(200));
  assert.equal(lead.node, "", "the node has not noticed yet");
  lead.learn("a", refused("invalid", 300));
  assert.equal(lead.node, "", "another refusal wrote nothing");
  lead.learn("a", { kind: "", wrote: true, now: 400 });
  assert.deepEqual([lead.node, lead.minority, told.at(-1)], ["a", false, "Node a leads again"]);
  lead.learn("a", refused("not-leader", 500));
  lead.learn("b", read(600));
  assert.equal(lead.node, "b", "another node leads");
  lead.learn("b", refused("not-leader", 700));
  lead.learn("b", read(20_000));
  assert.equal(lead.node, "b", "it leads again");
});

test("a problem has its kind", () => {
  assert.equal(problemFrom(503, { type: "/docs#not-leader", title: "Service Unavailable" }).kind, "not-leader");
  for (const type of [undefined, 7, "about:blank"]) assert.equal(problemFrom(503, { type }).kind, "");
});
