// Filters, with what choosing each would show.

import { may } from "../access.js";
import { attr, byId, h, icon, keyed, show, text } from "../dom.js";
import { LONGEST_SEARCH, STATUSES, facet, isFiltered, isPending, noFilters, toggled, withStatus } from "../filters.js";
import { brief, humanize, integer, isolated, plural, short } from "../format.js";
import { Later, loadStyle } from "../later.js";
import { formatRoute } from "../router.js";
import { STATUS_WORDS } from "../task.js";

/** @import { Store } from "../store.js" */
/** @import { Filters } from "../types.js" */

const DEBOUNCE = 220;

/** @typedef {{ setFilters: (f: Filters, how?: { replace?: boolean }) => void, reload: () => void, toList: () => void, lookBack: () => void, dirty: () => void, incomplete: () => void }} ToolbarActions */

export class ToolbarView {
  #store;
  #actions;
  #tabs = byId("tabs");
  /** @type {Map<string, ReturnType<typeof tabView>>} */
  #tabViews = new Map();
  #waits;
  #search = /** @type {HTMLInputElement} */ (byId("search"));
  #chosen = byId("chosen");
  #chosenText = h("span", { class: "chosen-text" });
  #chosenKey = "";
  #menus;
  #all = h("button", { type: "button", class: "button change-all", hidden: true, "aria-keyshortcuts": "b" }, "Change all…");
  #past = h("button", { type: "button", class: "button", "aria-haspopup": "dialog", id: "as-it-was" }, "As it was…");
  #bulk;
  #timer = 0;
  /** @type {(type: string) => string} */
  #title = humanize;

  /**
   * @param {Store} store
   * @param {ToolbarActions} actions
   */
  constructor(store, actions) {
    this.#store = store;
    this.#actions = actions;
    this.#waits = new Later(
      () => import("./waits.js"),
      ({ WaitsView }) => new WaitsView(store),
      actions.incomplete,
    );
    this.#bulk = new Later(
      () => Promise.all([import("./bulk.js"), loadStyle("form"), loadStyle("places")]),
      ([{ changeAll }]) => changeAll,
      actions.incomplete,
    );
    this.#all.addEventListener("click", () => void this.changeAll());
    const pick = (/** @type {"task_type" | "queue"} */ key) => (/** @type {string} */ value) =>
      actions.setFilters(toggled(store.filters, key, value));
    this.#menus = { task_type: menuView("Type", pick("task_type")), queue: menuView("Queue", pick("queue")) };
    this.#search.maxLength = LONGEST_SEARCH;
    this.#past.addEventListener("click", actions.lookBack);
    byId("menus").append(this.#menus.task_type.el, this.#menus.queue.el, this.#past, this.#all);
    this.#search.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#typed(), DEBOUNCE);
    });
    this.#search.addEventListener("keydown", (e) => {
      if (e.key === "Enter") this.#typed();
      if (e.key === "Escape") this.#escaped(e);
      if (e.key === "ArrowDown") this.#toList(e);
    });
  }

  /** Loads what only a list of pending tasks shows, and what changes all tasks of a list. */
  prefetch() {
    return Promise.all([this.#waits.prefetch(), this.#bulk.prefetch()]);
  }

  /** Asks what to do with all tasks that match. */
  async changeAll() {
    if (this.#all.hidden || !may("operator")) return;
    const { filters } = this.#store;
    (await this.#bulk.get())?.(filters, this.#title);
  }

  focusSearch() {
    this.#search.focus();
    this.#search.select();
  }

  #typed() {
    clearTimeout(this.#timer);
    const q = this.#search.value.trim();
    if (q !== this.#store.filters.q) this.#actions.setFilters({ ...this.#store.filters, q }, { replace: true });
  }

  /** @param {KeyboardEvent} e */
  #escaped(e) {
    e.stopPropagation();
    if (this.#search.value === "") this.#search.blur();
    this.#search.value = "";
    this.#typed();
  }

  /** @param {KeyboardEvent} e */
  #toList(e) {
    e.preventDefault();
    this.#typed();
    this.#actions.toList();
  }

  /** Shows the search text of a route. @param {Filters} f */
  showFilters(f) {
    if (this.#search.value.trim() !== f.q) this.#search.value = f.q;
  }

  /** @param {(type: string) => string} title */
  draw(title) {
    this.#title = title;
    this.#drawTabs();
    if (this.#waits.view) this.#waits.view.draw();
    else if (isPending(this.#store.filters)) void this.#waits.get().then(() => this.#actions.dirty());
    this.#drawMenu("task_type", (v) => title(v));
    this.#drawMenu("queue", (v) => v);
    this.#drawChosen();
    const { filters, order } = this.#store;
    show(this.#all, may("operator") && order.length > 0 && filters.wrong.length === 0);
  }

  #drawTabs() {
    const { filters, counts } = this.#store;
    const sums = counts ? facet(counts, filters, "status") : null;
    const told = sums !== null && filters.q === "" && filters.tag.length === 0;
    const all = sums ? [...sums.values()].reduce((a, b) => a + b, 0) : 0;
    const items = [
      { key: "", word: "All", n: all },
      ...STATUSES.map((s) => ({ key: /** @type {string} */ (s), word: STATUS_WORDS[s], n: sums?.get(s) ?? 0 })),
    ].map((t) => ({
      ...t,
      count: told ? brief(t.n) : "",
      on: t.key === "" ? filters.status.length === 0 : filters.status.includes(t.key),
      href: formatRoute({ place: "", item: "", query: "", id: null, filters: withStatus(filters, t.key) }),
    }));
    keyed(this.#tabs, this.#tabViews, items, (t) => t.key, tabView);
  }

  /**
   * @param {"task_type" | "queue"} key
   * @param {(value: string) => string} label
   */
  #drawMenu(key, label) {
    const { counts, filters } = this.#store;
    const sums = counts ? facet(counts, filters, key) : new Map();
    const known = new Set([...(counts ?? []).map((c) => c[key]), ...filters[key]]);
    known.delete(""); // queues that are counted together
    const menu = this.#menus[key];
    show(menu.el, key === "task_type" ? known.size > 0 : known.size > 1 || filters.queue.length > 0);
    menu.update([...known].sort().map((value) => ({ value, label: label(value), n: sums.get(value) ?? 0, on: filters[key].includes(value) })));
  }

  #drawChosen() {
    const f = this.#store.filters;
    const visible = f.wrong.length === 0 && (f.q !== "" || f.tag.length > 0 || f.task_type.length > 0 || f.queue.length > 0 || f.status.length > 1 || f.waiting.length > 1);
    show(this.#chosen, visible && isFiltered(f));
    if (!visible) return;
    text(this.#chosenText, this.#resultWords());
    const key = JSON.stringify([f, this.#store.unmatched > 0]);
    if (key === this.#chosenKey) return;
    this.#chosenKey = key;
    const chips = [
      ...f.status.filter(() => f.status.length > 1).map((v) => this.#chip("status", v, STATUS_WORDS[v] ?? v)),
      ...f.waiting.filter(() => f.waiting.length > 1).map((v) => this.#chip("waiting", v, humanize(v))),
      ...f.task_type.map((v) => this.#chip("task_type", v, this.#title(v))),
      ...f.queue.map((v) => this.#chip("queue", v, `Queue ${isolated(v)}`)),
      ...f.tag.map((v) => this.#chip("tag", v, `Tag ${isolated(v)}`)),
    ];
    const again = h("button", { type: "button", class: "link", onclick: () => this.#actions.reload() }, "Search again");
    const clear = h("button", { type: "button", class: "link", onclick: () => this.#actions.setFilters(noFilters(this.#store.filters.at)) }, "Clear all");
    this.#chosen.replaceChildren(this.#chosenText, ...chips, ...(this.#store.unmatched > 0 ? [again] : []), clear);
  }

  #resultWords() {
    const s = this.#store;
    if (s.phase === "loading") return s.filters.q === "" ? "Loading…" : "Searching…";
    const about = s.totalExact ? "" : "at least ";
    const since = s.unmatched > 0 ? `, as of this search; ${plural(s.unmatched, "task")} changed since` : "";
    return `${about}${integer(s.total)} ${s.total === 1 ? "match" : "matches"}${since}`;
  }

  /**
   * @param {"status" | "waiting" | "task_type" | "queue" | "tag"} key
   * @param {string} value
   * @param {string} label
   */
  #chip(key, value, label) {
    const onclick = () => this.#actions.setFilters(toggled(this.#store.filters, key, value));
    return h("button", { type: "button", class: "chosen-chip", onclick, "aria-label": `Remove filter ${label}` }, h("span", { dir: "auto" }, label), h("i", null, icon("x")));
  }
}

/** @param {{ key: string, word: string, about?: string, count: string, on: boolean, href: string, n: number }} first */
export function tabView(first) {
  const n = h("span", { class: "n" });
  const el = h("a", { class: "tab", "data-status": first.key || null, title: first.about ?? null }, first.word, n);
  return {
    el,
    /** @param {typeof first} t */
    update(t) {
      attr(el, "href", t.href);
      attr(el, "aria-current", t.on ? "true" : null);
      attr(el, "data-some", t.n > 0);
      text(n, t.count);
    },
  };
}

/**
 * A button that opens a list of ticks.
 * @param {string} name
 * @param {(value: string) => void} pick
 */
function menuView(name, pick) {
  const label = h("span", { class: "menu-name", dir: "auto" }, name);
  const summary = h("summary", { class: "button" }, label, icon("chevron"));
  const panel = h("div", { class: "menu-panel", role: "group", "aria-label": `${name} filter` });
  const el = h("details", { class: "menu" }, summary, panel);
  /** @type {Map<string, ReturnType<typeof itemView>>} */
  const views = new Map();
  document.addEventListener("pointerdown", (e) => {
    if (el.open && e.target instanceof Node && !el.contains(e.target)) el.open = false;
  });
  el.addEventListener("keydown", (e) => {
    if (e.key !== "Escape" || !el.open) return;
    e.stopPropagation();
    el.open = false;
    summary.focus();
  });
  return {
    el,
    /** @param {{ value: string, label: string, n: number, on: boolean }[]} items */
    update(items) {
      const on = items.filter((i) => i.on);
      attr(el, "data-on", on.length > 0);
      text(label, on.length === 0 ? name : on.length === 1 ? on[0].label : `${name} · ${on.length}`);
      if (el.open || views.size === 0) keyed(panel, views, items, (i) => i.value, (i) => itemView(i.value, pick));
    },
  };
}

/**
 * @param {string} value
 * @param {(value: string) => void} pick
 */
function itemView(value, pick) {
  const box = h("input", { type: "checkbox", onchange: () => pick(value) });
  const label = h("span", { class: "label", dir: "auto" });
  const n = h("span", { class: "n" });
  const el = h("label", { class: "menu-item" }, box, label, n);
  return {
    el,
    /** @param {{ label: string, n: number, on: boolean }} item */
    update(item) {
      box.checked = item.on;
      text(label, item.label);
      text(n, short(item.n));
    },
  };
}
