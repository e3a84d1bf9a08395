// The places beside the tasks, and the navigation. Each place is a view that is loaded when it is opened.

import { attr, byId, h, show, text } from "./dom.js";
import { integer } from "./format.js";
import { Later, loadStyle } from "./later.js";

/** @import { Message, SchedulerState } from "./types.js" */
/** @import { Route } from "./router.js" */

/**
 * A view of a place. It may fetch between open and close, while the page is visible. One with items is told which to show
 * after open and whenever that changes; its title is then that of the item. The stream has changed rows of its views, with commas
 * between them.
 * @typedef {{
 *   el: HTMLElement,
 *   views?: string,
 *   open: () => void,
 *   close: () => void,
 *   show?: (at: { item: string, query: string }) => void,
 *   title?: string,
 *   received: (m: Message) => void,
 *   draw: (c: PlaceContext) => void,
 * }} Place
 */

/** @typedef {{ now: number, live: boolean, state: SchedulerState | null, title: (type: string) => string, cluster: boolean }} PlaceContext */

/**
 * The places by their names in the address, in the order of the navigation. A line here is all that a new one needs.
 * The navigation has one with "when" only if that says so, and shows a "count" that is not 0.
 * @type {Record<string, { title: string, items?: boolean, count?: (s: SchedulerState) => number, bad?: boolean, when?: (c: PlaceContext) => boolean, load: (dirty: () => void) => Promise<Place> }>}
 */
export const PLACES = {
  workflows: { title: "Workflows", items: true, load: (dirty) => import("./views/workflows.js").then((m) => new m.WorkflowsView(dirty)) },
  queues: { title: "Queues", load: (dirty) => import("./views/queues.js").then((m) => new m.QueuesView(dirty)) },
  approvals: { title: "Approvals", count: (s) => s.approvals ?? 0, load: (dirty) => import("./views/approvals.js").then((m) => new m.ApprovalsView(dirty)) },
  alerts: { title: "Alerts", count: (s) => s.alerts_firing ?? 0, bad: true, load: (dirty) => import("./views/alerts.js").then((m) => new m.AlertsView(dirty)) },
  schedules: { title: "Schedules", items: true, load: (dirty) => import("./views/schedules.js").then((m) => new m.SchedulesView(dirty)) },
  workers: { title: "Workers", load: (dirty) => import("./views/workers.js").then((m) => new m.WorkersView(dirty)) },
  bulks: { title: "Bulks", count: (s) => s.bulks_running ?? 0, when: (c) => bulksRun(c) || location.hash === "#/bulks", load: (dirty) => import("./views/bulks.js").then((m) => new m.BulksView(dirty)) },
  cluster: { title: "Cluster", when: (c) => c.cluster, load: (dirty) => import("./views/cluster.js").then((m) => new m.ClusterView(dirty)) },
};

/** @param {PlaceContext} c */
const bulksRun = (c) => (c.state?.bulks_running ?? 0) > 0;

export class Places {
  #root = byId("place");
  #main = byId("main");
  #tasks = h("a", { "data-place": "" }, "Tasks");
  #links = [this.#tasks, ...Object.entries(PLACES).map(([name, { title, when, count, bad }]) => h("a", { href: `#/${name}`, "data-place": name, hidden: when !== undefined }, title, count && h("span", { class: bad ? "place-count bad" : "place-count", hidden: true })))];
  /** @type {Map<string, Later<Place, Place>>} */
  #views = new Map();
  /** @type {Place | null} */
  #open = null;
  /** The place of the route; "" for the tasks. */
  name = "";
  /** What of the place is shown. */
  #at = { item: "", query: "" };
  #follow;
  /** What the stream is asked for. */
  #view = "";
  /** The bulks that run, at the list of tasks. */
  #strip;

  /** @param {{ dirty: () => void, incomplete: () => void, follow: (view: string) => void }} page */
  constructor({ dirty, incomplete, follow }) {
    this.#follow = follow;
    this.#strip = new Later(() => Promise.all([import("./views/bulkstrip.js"), loadStyle("places")]), ([m]) => new m.BulkStrip(dirty), () => {});
    byId("places").append(...this.#links);
    for (const [name, { load }] of Object.entries(PLACES)) {
      const view = () => Promise.all([load(dirty), loadStyle("places"), loadStyle("form")]);
      this.#views.set(name, new Later(() => view().then(([place]) => place), (place) => place, incomplete));
    }
  }

  /** Loads all views. */
  prefetch() {
    return Promise.all([this.#strip, ...this.#views.values()].map((later) => later.prefetch()));
  }

  /**
   * Shows the place of the route.
   * @param {Route} route
   * @param {string} tasks the address of the list
   */
  async go(route, tasks) {
    attr(this.#tasks, "href", tasks);
    for (const link of this.#links) attr(link, "aria-current", link.dataset.place === route.place ? "page" : null);
    const { item, query } = route;
    const moved = item !== this.#at.item || query !== this.#at.query;
    this.#at = { item, query };
    if (route.place === this.name) return moved && this.#show();
    this.name = route.place;
    this.#open?.close();
    this.#open = null;
    this.#root.replaceChildren();
    this.#root.scrollTop = 0;
    show(this.#root, this.name !== "");
    attr(this.#main, "data-place", this.name || null);
    if (this.name === "") text(byId("say"), "Tasks");
    const place = await this.#views.get(this.name)?.get();
    if (!place || this.name !== route.place || this.#open === place) return;
    this.#open = place;
    this.#root.replaceChildren(place.el);
    place.open();
    this.#show();
  }

  /** Shows what the route asks for. */
  #show() {
    this.#open?.show?.(this.#at);
    this.#root.scrollTop = 0;
    text(byId("say"), this.title);
  }

  /** The name of the open place in words; "" for the tasks. */
  get title() {
    return this.#open?.title ?? PLACES[this.name]?.title ?? "";
  }

  /** @param {Message} m */
  received(m) {
    this.#open?.received(m);
    this.#strip.view?.received(m);
  }

  /** Puts the focus on the heading of the open place. */
  focus() {
    this.#root.querySelector("h1")?.focus();
  }

  /** @param {PlaceContext} c */
  draw(c) {
    for (const link of this.#links) {
      const { place = "" } = link.dataset;
      show(link, PLACES[place]?.when?.(c) ?? true);
      const badge = link.querySelector("span");
      if (badge === null) continue;
      const count = c.state === null ? 0 : (PLACES[place]?.count?.(c.state) ?? 0);
      show(badge, count > 0);
      text(badge, count > 0 ? ` ${integer(count)}` : "");
    }
    this.#open?.draw(c);
    const strip = this.name === "" && bulksRun(c);
    if (this.#strip.view) this.#strip.view.draw(c, strip);
    else if (strip) void this.#strip.get();
    const view = strip ? "bulks" : (this.#open?.views ?? "");
    if (c.state && view !== this.#view) this.#follow((this.#view = view));
  }
}
