// The workers: programs that run tasks over HTTP, what each holds, and quiet.

import { may } from "../access.js";
import { lead } from "../api.js";
import { attr, h, keyed, show, text } from "../dom.js";
import { absolute, ago, countdown, isolated, shortId, time } from "../format.js";
import { Pushed, byName } from "../pushed.js";
import { getWorkers, setQuiet } from "../queueapi.js";
import { headed, placeTable, run, unloaded } from "./place.js";

/** @import { Message, Worker } from "../types.js" */
/** @import { PlaceContext } from "../places.js" */

const COLUMNS = ["Worker", "Last seen", "Takes", "Holds", ""];
/** Most tasks that are listed of one worker. */
const MOST_HOLDS = 20;

const ALONE = "Programs in any language that run tasks over HTTP. The server's own handlers are not listed.";
const CLUSTER = "The nodes of the cluster, which run tasks as workers by their own names, and programs in any language that run tasks over HTTP.";

const EXAMPLE = (/** @type {string} */ server) => `curl -s ${server}api/leases -H 'Content-Type: application/json' \\
  -d '{"worker":"curl-1","task_types":["greet"],"max":1,"wait_seconds":30}'`;

export class WorkersView {
  views = "workers";
  #table = placeTable("Workers", COLUMNS);
  #wait = h("p", { class: "place-note" }, "Loading…");
  #none = none();
  el = headed("Workers", "", this.#wait, this.#none, this.#table.el);
  #about = /** @type {Element} */ (this.el.querySelector(".place-about"));
  /** @type {Map<string, WorkerRow>} */
  #rows = new Map();
  /** @type {Pushed<Worker>} */
  #workers;

  /** @param {() => void} dirty */
  constructor(dirty) {
    this.#workers = new Pushed({ view: "workers", key: (w) => w.name, before: byName, fetch: getWorkers, failed: unloaded(this.#wait, "workers"), changed: dirty });
  }

  open() {
    this.#workers.open();
  }

  close() {
    this.#workers.close();
  }

  /** @param {Message} m */
  received(m) {
    this.#workers.received(m);
  }

  /** @param {PlaceContext} c */
  draw(c) {
    const workers = this.#workers.rows;
    text(this.#about, lead.node === null ? ALONE : CLUSTER);
    show(this.#wait, workers === null);
    show(this.#none, workers?.length === 0);
    show(this.#table.el, workers !== null && workers.length > 0);
    if (workers === null) return;
    const again = () => this.#workers.again();
    keyed(this.#table.body, this.#rows, workers, (w) => w.name, () => new WorkerRow(again));
    for (const w of workers) this.#rows.get(w.name)?.age(c);
  }
}

/** What is shown without a worker: how to start one. */
function none() {
  const code = h("code", null, EXAMPLE(new URL("./", location.href).href.split("#")[0]));
  return h(
    "div",
    { class: "place-none", hidden: true },
    h("h2", null, "No worker is connected"),
    h("p", null, "A worker asks the server for tasks of the types that it runs, and reports how they end. This asks for one task of the type “greet”, and the worker appears here:"),
    h("pre", { tabindex: 0, "aria-label": "Example" }, code),
    h("p", null, "How to write a worker is in ", h("code", null, "docs/worker-protocol.md"), "; ", h("code", null, "examples/worker.py"), " and ", h("code", null, "examples/worker.mjs"), " are complete ones. All calls are in ", h("a", { class: "to-task", href: "docs" }, "the API"), "."),
  );
}

class WorkerRow {
  #name = h("span", { class: "place-name", dir: "auto" });
  #quietTag = h("span", { class: "tag" }, h("span", null, "Quiet"));
  #about = h("p", { class: "place-why", dir: "auto" });
  #seen = h("span", null);
  #takes = h("span", null);
  #queues = h("p", { class: "place-why" });
  #nothing = h("span", { class: "dim" }, "Nothing");
  #holds = h("ul", { class: "place-holds" });
  #rest = h("p", { class: "place-why" });
  #quiet = h("button", { type: "button", class: "button small operator", onclick: () => void this.#setQuiet() });
  el = h(
    "tr",
    { role: "row" },
    h("th", { role: "rowheader", scope: "row", class: "c-name" }, h("div", { class: "place-line" }, this.#name, this.#quietTag), this.#about),
    h("td", { role: "cell", "data-label": "Last seen" }, this.#seen),
    h("td", { role: "cell", "data-label": "Takes" }, this.#takes, this.#queues),
    h("td", { role: "cell", "data-label": "Holds", class: "c-holds" }, this.#nothing, this.#holds, this.#rest),
    h("td", { role: "cell", class: "c-act" }, this.#quiet),
  );
  /** @type {Map<string, HoldItem>} */
  #items = new Map();
  #again;
  /** @type {Worker} */
  #worker = /** @type {any} */ (null);

  /** @param {() => void} again fetches the workers */
  constructor(again) {
    this.#again = again;
  }

  /** @param {Worker} w */
  update(w) {
    this.#worker = w;
    attr(this.el, "data-worker", w.name);
    text(this.#name, w.name);
    show(this.#quietTag, w.quiet);
    text(this.#takes, w.task_types.map(isolated).join(", "));
    show(this.#queues, w.queues !== null);
    text(this.#queues, w.queues === null ? "" : `Only from ${w.queues.map(isolated).join(", ")}`);
    show(this.#nothing, w.holds.length === 0);
    show(this.#holds, w.holds.length > 0);
    keyed(this.#holds, this.#items, w.holds.slice(0, MOST_HOLDS), (held) => held.task_id, () => new HoldItem());
    const more = w.holds.length - MOST_HOLDS;
    show(this.#rest, more > 0);
    text(this.#rest, `and ${more} more`);
    show(this.#quiet, may("operator"));
    text(this.#quiet, w.quiet ? "Resume" : "Quiet");
    attr(this.#quiet, "class", w.quiet ? "button small primary" : "button small");
    attr(this.#quiet, "title", w.quiet ? "Give it tasks again" : "Give it no more tasks. It finishes what it holds");
    attr(this.#quiet, "aria-label", `${w.quiet ? "Resume" : "Quiet"} ${w.name}`);
  }

  /** Updates the times. @param {PlaceContext} c */
  age(c) {
    const w = this.#worker;
    text(this.#seen, ago(w.last_seen, c.now));
    attr(this.#seen, "title", absolute(w.last_seen));
    const build = w.build ? `Build ${isolated(w.build)}` : "";
    text(this.#about, [build, addressOf(w), `connected ${ago(w.since, c.now)}`].filter(Boolean).join(" · "));
    attr(this.#about, "title", `Since ${absolute(w.since)}`);
    for (const item of this.#items.values()) item.age(c);
  }

  #setQuiet() {
    const { name, quiet } = this.#worker;
    return run(() => setQuiet(name, !quiet), quiet ? `${isolated(name)} gets tasks again` : `${isolated(name)} gets no more tasks`, this.#again);
  }
}

/** A node of the cluster works without a connection: its port is 0. @param {Worker} w */
function addressOf({ address }) {
  return address === null || address.endsWith(":0") ? "" : address;
}

class HoldItem {
  #link = h("a", { class: "to-task" });
  #until = h("span", { class: "dim num" });
  el = h("li", null, this.#link, " ", this.#until);
  /** @type {Worker["holds"][number]} */
  #held = /** @type {any} */ (null);

  /** @param {Worker["holds"][number]} held */
  update(held) {
    this.#held = held;
    attr(this.#link, "href", `#/tasks/${held.task_id}`);
    attr(this.#link, "title", held.task_id);
  }

  /** @param {PlaceContext} c */
  age(c) {
    const { task_type, task_id, until } = this.#held;
    const left = (time(until) ?? c.now) - c.now;
    text(this.#link, `${isolated(task_type ? c.title(task_type) : "Task")} ${shortId(task_id)}`);
    text(this.#until, left > 0 ? `for ${countdown(left)}` : "lease has run out");
    attr(this.#until, "title", `Until ${absolute(until)}, and longer with each beat`);
  }
}
