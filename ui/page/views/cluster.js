// The cluster: how each node is, who leads and since when, and the copies of the log.

import { Problem } from "../api.js";
import { attr, h, icon, keyed, setIcon, show, text } from "../dom.js";
import { absolute, ago, bytes, clock, integer, isolated, plural, span } from "../format.js";
import { getCluster } from "../queueapi.js";
import { Refresh } from "../refresh.js";
import { headed, placeTable, since } from "./place.js";

/** @import { Cluster, ClusterNode, ClusterStream } from "../types.js" */
/** @import { PlaceContext } from "../places.js" */

const COLUMNS = ["Node", "State", "Latest event", "Lag", "Clock", "Free disk", "Version", "Running since"];
/** How other nodes are is not in the log: no message says so. */
const EVERY = 2000;
/** A clock that differs by more is marked, in seconds. */
const MOST_SKEW = 1;

/** Words, tone and icon of each state. @type {Record<string, [string, string, string]>} */
const STATES = {
  leads: ["Leads", "active", "SUCCESS"],
  follows: ["Follows", "good", "SUCCESS"],
  behind: ["Behind", "warn", "PARTIAL"],
  cut_off: ["Cut off", "bad", "FAILED"],
  halted: ["Halted", "bad", "FAILED"],
  silent: ["Silent", "bad", "FAILED"],
  stopped: ["Stopped", "quiet", "CANCELLED"],
};

const ALONE = "This server belongs to no cluster: it keeps its log on this machine alone. To run one queue on several machines, start each node with --cluster.";

export class ClusterView {
  #table = placeTable("Nodes", COLUMNS);
  #wait = h("p", { class: "place-note" }, "Loading…");
  #alone = h("p", { class: "place-note", hidden: true }, ALONE);
  #stale = h("p", { class: "place-note place-warn", role: "status", hidden: true });
  #lead = h("p", { class: "place-lead" });
  #majority = h("p", { class: "place-about" });
  #missing = h("ul", { class: "place-warn", "aria-label": "What is missing", hidden: true });
  /** @type {Map<string, { el: Element, update: (m: { text: string }) => void }>} */
  #faults = new Map();
  #stream = new StreamPart();
  #some = h("div", { class: "place-cluster", hidden: true }, this.#lead, this.#majority, this.#missing, this.#table.el, this.#stream.el);
  el = headed("Cluster", "The machines that share this queue, as the node that answers you sees them.", this.#wait, this.#alone, this.#stale, this.#some);
  /** @type {Map<string, NodeRow>} */
  #rows = new Map();
  /** @type {Cluster | null} */
  #cluster = null;
  /** When that was fetched, in milliseconds of this machine. */
  #at = 0;
  /** Why the last fetch failed; "" = it did not. */
  #problem = "";
  #dirty;
  #refresh = new Refresh(() => this.#fetch(), EVERY);

  /** @param {() => void} dirty */
  constructor(dirty) {
    this.#dirty = dirty;
  }

  open() {
    this.#refresh.open();
  }

  close() {
    this.#refresh.close();
  }

  received() {}

  async #fetch() {
    try {
      this.#cluster = await getCluster();
      this.#at = Date.now();
      this.#problem = "";
    } catch (err) {
      this.#problem = err instanceof Problem ? err.message : String(err);
    }
    this.#dirty();
  }

  /** @param {PlaceContext} c */
  draw(c) {
    const cluster = this.#cluster;
    const failed = this.#problem !== "";
    show(this.#wait, cluster === null);
    if (cluster === null && failed) text(this.#wait, `The cluster could not be loaded. ${this.#problem}`);
    if (cluster === null) return;
    const alone = cluster.nodes.length === 0;
    show(this.#alone, alone);
    show(this.#some, !alone);
    show(this.#stale, failed);
    text(this.#stale, failed ? `This is as of ${clock(this.#at)}; trying again. ${this.#problem}` : "");
    attr(this.#some, "data-stale", failed);
    if (alone) return;
    text(this.#lead, leadWords(cluster, c.now));
    attr(this.#lead, "data-unled", !cluster.leading);
    text(this.#majority, majorityWords(cluster));
    show(this.#missing, cluster.missing.length > 0);
    keyed(this.#missing, this.#faults, cluster.missing.map((one) => ({ text: one })), (m) => m.text, missingItem);
    keyed(this.#table.body, this.#rows, cluster.nodes, (n) => n.name, () => new NodeRow());
    show(this.#table.el, true);
    for (const n of cluster.nodes) this.#rows.get(n.name)?.age(c, cluster.node);
    this.#stream.update(cluster.stream);
  }
}

/** @param {Cluster} cluster @param {number} now */
function leadWords({ leader, leading }, now) {
  if (leader === null) return "No node has led yet.";
  const { node, term } = leader;
  const led = `${isolated(node)} since ${since(leader.since, now)}, term ${term}`;
  return leading ? `Led by ${led}` : `No node leads at the moment. The last was ${led}`;
}

/** @param {Cluster} cluster */
function majorityWords({ name, nodes, leading }) {
  const runs = (/** @type {ClusterNode} */ n) => n.state !== "silent" && n.state !== "stopped";
  const up = nodes.filter(runs).length;
  const keep = nodes.filter((n) => n.keeps_log);
  const needed = Math.floor(keep.length / 2) + 1;
  if (keep.length === 0) return `Cluster ${isolated(name ?? "")}: ${up} of ${plural(nodes.length, "node", "nodes")} ${up === 1 ? "answers" : "answer"}.`; // NATS keeps the log
  const what = leading && keep.filter(runs).length >= needed ? `changes need ${needed}` : `nothing can be changed until ${needed} do and one leads`;
  return `Cluster ${isolated(name ?? "")}: ${up} of ${plural(nodes.length, "node", "nodes")} ${up === 1 ? "answers" : "answer"}; ${what}.`;
}

/** One line of what is missing. */
function missingItem() {
  const el = h("li", null);
  return { el, update: (/** @type {{ text: string }} */ m) => text(el, m.text) };
}

class NodeRow {
  #name = h("span", { class: "place-name", dir: "auto" });
  #here = h("span", { class: "tag" }, h("span", null, "Answers you"));
  #link = h("a", { class: "to-task" });
  #addr = h("span", null);
  #icon = icon("SUCCESS");
  #word = h("span", null);
  #label = h("span", { class: "place-state" }, this.#icon, this.#word);
  #heard = h("p", { class: "place-why" });
  #problem = h("p", { class: "place-why place-warn", dir: "auto" });
  #seq = h("span", null);
  #lag = h("span", null);
  #skew = h("span", null);
  #version = h("span", null);
  #started = h("span", null);
  #free = h("span", null);
  el = h(
    "tr",
    { role: "row" },
    h("th", { role: "rowheader", scope: "row", class: "c-name" }, h("div", { class: "place-line" }, this.#name, this.#here), h("p", { class: "place-why" }, this.#addr, this.#link)),
    h("td", { role: "cell", "data-label": "State" }, this.#label, this.#heard, this.#problem),
    h("td", { role: "cell", "data-label": "Latest event", class: "num" }, this.#seq),
    h("td", { role: "cell", "data-label": "Lag", class: "num" }, this.#lag),
    h("td", { role: "cell", "data-label": "Clock", class: "num" }, this.#skew),
    h("td", { role: "cell", "data-label": "Free disk", class: "num" }, this.#free),
    h("td", { role: "cell", "data-label": "Version", class: "num" }, this.#version),
    h("td", { role: "cell", "data-label": "Running since", class: "num c-since" }, this.#started),
  );
  /** @type {ClusterNode} */
  #node = /** @type {any} */ (null);

  /** @param {ClusterNode} n */
  update(n) {
    this.#node = n;
    const [word, tone, symbol] = STATES[n.state] ?? [n.state, "quiet", "PENDING"];
    const heard = n.heard_at !== null;
    const present = heard && n.state !== "silent" && n.state !== "stopped";
    attr(this.el, "data-node", n.name);
    text(this.#name, n.name);
    text(this.#addr, n.url === null ? n.addr : `${n.addr} · `);
    show(this.#link, n.url !== null);
    attr(this.#link, "href", n.url);
    text(this.#link, n.url ?? "");
    text(this.#word, word);
    setIcon(this.#icon, symbol);
    attr(this.#label, "data-tone", tone);
    show(this.#problem, n.problem !== null);
    text(this.#problem, sentence(n.problem ?? ""));
    text(this.#seq, !heard ? "–" : n.state === "behind" ? `${integer(n.seq)} of ${integer(n.seq + n.lag_events)}` : integer(n.seq));
    text(this.#lag, present ? lagWords(n) : "–");
    text(this.#skew, present ? skewWords(n.clock_skew_seconds) : "–");
    attr(this.#skew, "class", present && isSkewed(n) ? "place-warn" : null);
    text(this.#version, n.version || "–");
    text(this.#free, present ? bytes(n.disk_free_bytes) : "–");
  }

  /** Updates what changes with the time. @param {PlaceContext} c @param {string | null} here the node that answers */
  age(c, here) {
    const n = this.#node;
    const absent = n.state === "silent" || n.state === "stopped";
    show(this.#here, n.name === here);
    show(this.#heard, absent);
    text(this.#heard, n.heard_at === null ? "Not heard of yet" : `Last heard of ${ago(n.heard_at, c.now)}`);
    attr(this.#heard, "title", n.heard_at === null ? null : absolute(n.heard_at));
    const running = n.started_at !== null && !absent;
    text(this.#started, running ? since(n.started_at, c.now) : "–");
    attr(this.#started, "title", running ? absolute(n.started_at) : null);
  }
}

/** @param {ClusterNode} n */
function lagWords({ lag_events, lag_seconds }) {
  if (lag_events <= 0 || lag_seconds <= 0) return "None"; // newer events than its last word lack no time
  return `${plural(lag_events, "event", "events")}, ${span(lag_seconds * 1000).replaceAll(" ", "\u00a0")}`; // no line ends within a time
}

/** A problem begins as an error does. @param {string} problem */
function sentence(problem) {
  return problem.charAt(0).toUpperCase() + problem.slice(1);
}

/** @param {ClusterNode} n */
function isSkewed(n) {
  return Math.abs(n.clock_skew_seconds) > MOST_SKEW;
}

/** @param {number} seconds */
function skewWords(seconds) {
  const ms = Math.abs(seconds) * 1000;
  if (ms < 10) return "Same";
  return `${span(ms)} ${seconds > 0 ? "ahead" : "behind"}`;
}

/** The log as the NATS servers keep it. */
class StreamPart {
  #about = h("p", { class: "place-about" });
  #list = h("ul", { class: "place-copies", "aria-label": "Copies of the log" });
  el = h("section", null, h("h2", null, "Log of the cluster"), this.#about, this.#list);
  /** @type {Map<string, { el: Element, update: (r: ClusterStream["replicas"][number]) => void }>} */
  #items = new Map();

  /** @param {ClusterStream | null} stream null = it cannot be reached */
  update(stream) {
    attr(this.#about, "class", stream === null ? "place-about place-warn" : "place-about");
    text(this.#about, stream === null ? "The log cannot be reached from the node that answers you: more than half of the nodes must run and reach each other." : streamWords(stream));
    show(this.#list, stream !== null);
    keyed(this.#list, this.#items, copiesOf(stream), (r) => r.node, copyItem);
  }
}

/** The copies by name, without the one that leads when none does. @param {ClusterStream | null} stream */
function copiesOf(stream) {
  return (stream?.replicas ?? []).filter((r) => r.node !== "").sort((a, b) => (a.node < b.node ? -1 : 1));
}

/** @param {ClusterStream} s */
function streamWords(s) {
  const copies = copiesOf(s);
  const current = copies.filter((r) => r.current && !r.offline).length;
  const which = copies.length === 0 ? "One copy" : `${current} of ${plural(copies.length, "copy", "copies")} current`;
  const order = s.leader === "" ? "no NATS server orders the messages at the moment" : `the NATS server of ${isolated(s.leader)} orders the messages`;
  return `${plural(s.messages, "message", "messages")}, ${bytes(s.bytes)}. ${which}; ${order}.`;
}

function copyItem() {
  const name = h("span", { class: "place-name", dir: "auto" });
  const symbol = icon("SUCCESS");
  const word = h("span", null);
  const label = h("span", { class: "place-state" }, symbol, word);
  return {
    el: h("li", { class: "place-line" }, name, label),
    /** @param {ClusterStream["replicas"][number]} r */
    update(r) {
      const [words, tone, use] = copyState(r);
      text(name, r.node.startsWith("Server name unknown") ? "Another node" : r.node); // NATS has not heard of it since it started
      text(word, words);
      setIcon(symbol, use);
      attr(label, "data-tone", tone);
    },
  };
}

/** @param {ClusterStream["replicas"][number]} r @returns {[string, string, string]} */
function copyState(r) {
  if (r.offline) return ["Offline", "bad", "FAILED"];
  if (r.current) return ["Current", "good", "SUCCESS"];
  return [r.lag_messages > 0 ? `${plural(r.lag_messages, "message", "messages")} behind` : "Not current", "warn", "PARTIAL"];
}
