// Connects the parts of the page. Messages go into the store; one animation frame draws
// what changed.

import { loadAccess, lookBack, may } from "./access.js";
import * as api from "./api.js";
import { Frame, byId } from "./dom.js";
import { STATUSES, noFilters, toggled, withStatus, withoutWrong } from "./filters.js";
import { humanize } from "./format.js";
import { listenToKeys } from "./keys.js";
import { Later, loadStyle, reloadIfUpdated, wasUpdated } from "./later.js";
import { ListLoader } from "./loader.js";
import { Feed } from "./live.js";
import { Places } from "./places.js";
import { ignoreAccidentalClicks } from "./press.js";
import { Rate } from "./rate.js";
import { Router, formatRoute } from "./router.js";
import { Store } from "./store.js";
import { canCancel, canRetry } from "./task.js";
import { HeaderView } from "./views/header.js";
import { ListView } from "./views/list.js";
import { toast } from "./views/toast.js";
import { ToolbarView } from "./views/toolbar.js";

/** @import { Filters, Message, Row, TaskType } from "./types.js" */
/** @import { FormView } from "./views/form.js" */

const store = new Store();
const rate = new Rate();
const frame = new Frame(draw);
const router = new Router(() => routed());
const feed = new Feed({ message: received, reset: restart, changed: connectionChanged });

/** Titles of task types, by name. @type {Map<string, string>} */
const titles = new Map();
/** The task types as JSON; "" until the server has sent them. */
let types = "";
let typesAsked = false;
/** The server's time when the connection was lost, in milliseconds; the page shows times as of then. 0 = connected. */
let frozenAt = 0;
/** The first screen has been drawn. */
let drawn = false;

const title = (/** @type {string} */ type) => titles.get(type) || humanize(type);

// Views.

const list = new ListView(store, {
  open: openTask,
  act,
  tag: (tag) => setFilters(toggled(store.filters, "tag", tag)),
  more: (how) => void loader.more(how),
  reveal: () => loader.reveal(),
  example: (type) => void submitExample(type),
  create: () => void openForm(),
  clear: () => setFilters(noFilters(store.filters.at)),
  clearWrong: () => setFilters(withoutWrong(store.filters)),
  types: () => [...titles.keys()],
  reload: () => void begin(),
  now: () => lookAt(""),
  changeAll: () => void toolbar.changeAll(),
  dirty: frame.request,
  incomplete,
});
const loader = new ListLoader(store, list, { filters: () => router.route.filters, live: () => feed.state === "live", dirty: frame.request, past: () => past.get() });
const toolbar = new ToolbarView(store, { setFilters, reload: () => void loader.reload(), toList: () => list.focus(), lookBack: () => void past.get().then((view) => view?.ask()), dirty: frame.request, incomplete });
const header = new HeaderView(feed, rate, store);
const places = new Places({ dirty: frame.request, incomplete, follow: (view) => feed.follow(view) });
/** The address of the list, with a task or without. @param {string | null} id */
const href = (id) => formatRoute({ place: "", item: "", query: "", id, filters: store.filters });

// Views that are loaded when they are opened.

/** The page is to be reloaded when the server is back: some of its modules could not be loaded. */
let lacking = false;

/** Modules could not be loaded. A browser does not try again before the page is reloaded. */
async function incomplete() {
  if (await reloadIfUpdated()) return;
  toast("Part of the page could not be loaded. Reload the page when the server can be reached.", { bad: true });
  lacking = feed.everLive;
}

const actions = new Later(
  () => import("./actions.js"),
  ({ TaskActions }) => new TaskActions(title),
  incomplete,
);
const panel = new Later(
  () => Promise.all([import("./detail.js"), import("./views/detail.js"), loadStyle("detail"), loadStyle("results")]),
  ([{ Detail }, { DetailView }]) => {
    const detail = new Detail(frame.request);
    const view = new DetailView({
      close: closeTask,
      act,
      again: (task) => void openForm({ type: task.task_type, task }),
      change: (task) => void openForm({ type: task.task_type, task, retry: true }),
      now: () => lookAt(""),
      move,
      retryLoad: () => detail.refresh(),
      incomplete,
    });
    return { detail, view };
  },
  incomplete,
);
/** The panel gets the focus when it is next drawn. */
let focusPanel = false;
const form = new Later(
  () => Promise.all([import("./views/form.js"), loadStyle("form")]),
  ([{ FormView }]) => {
    const view = new FormView({
      submitted: (task) => submitted(task.id, { focus: true }),
      queues: () => [...new Set((store.counts ?? []).map((c) => c.queue))].filter((name) => name !== ""),
      href,
    });
    view.setTypes(types);
    return view;
  },
  incomplete,
);
const past = new Later(
  () => Promise.all([import("./views/past.js"), loadStyle("past"), loadStyle("form")]),
  ([{ PastView }]) => new PastView(store, { go: lookAt, dirty: frame.request }),
  incomplete,
);

/** Loads what may be opened next. What cannot be loaded now is when it is needed. */
function prefetch() {
  const views = [panel, actions, form, past, list, header, toolbar, places];
  import("./prefetch.js").then((m) => m.prefetch(views, (files) => void openForm({ files }))).catch(() => {});
}

function draw() {
  const real = Date.now();
  const now = feed.state === "live" || frozenAt === 0 ? api.serverNow() : frozenAt;
  const seq = store.seq;
  header.draw(real);
  toolbar.draw(title);
  drawPanel(now); // before the list, which it may cover
  past.view?.draw();
  list.draw({ now: store.past?.now ?? now, state: store.past ? null : store.state, title, href, openId: router.route.id });
  places.draw({ now, live: feed.state === "live", state: store.state, title, cluster: api.lead.node !== null });
  document.documentElement.dataset.seq = String(seq);
  retitle();
  if (!drawn && store.phase !== "loading") firstDrawn();
}

/** The first screen is complete. */
function firstDrawn() {
  drawn = true;
  performance.mark("daybook: list drawn");
  if (typeof requestIdleCallback === "function") requestIdleCallback(prefetch);
  else setTimeout(prefetch, 500);
}

/** @param {number} now */
function drawPanel(now) {
  if (panel.view === null) return;
  const { detail, view } = panel.view;
  if (focusPanel) view.focus();
  focusPanel = false;
  view.draw(detail, { now: store.past?.now ?? now, state: store.past ? null : store.state, title, href, live: feed.state === "live", when: past.view?.when ?? "" });
}

/** Updates the tab's title. It has the number of running tasks only while that is known. */
function retitle() {
  const row = openRow();
  const running = feed.state === "live" && !feed.paused && !row && !store.past ? store.running(api.lead.node !== null) : 0;
  const where = row ? title(row.task_type) : places.title || (store.past ? "As it was" : "");
  const words = where ? `${where} · Daybook` : running > 0 ? `(${running}) Daybook` : "Daybook";
  if (document.title !== words) document.title = words;
}

// The stream.

/** @param {Message} m */
function received(m) {
  rate.add(m.seq, Date.now());
  const { waiting } = store;
  store.apply(m, list.hold);
  panel.view?.detail.apply(m);
  actions.view?.rowsChanged(m.rows ?? []);
  places.received(m);
  loader.received(m, waiting);
  if (api.lead.node === "") void api.askWhoLeads(); // one may lead now
  redraw();
}

/** Draws in the next frame. A hidden page has no frames, but its title is visible. */
function redraw() {
  if (document.hidden) retitle();
  frame.request();
}

/** The server has another log than the page. */
function restart() {
  panel.view?.detail.reload();
  void begin();
}

function connectionChanged() {
  loader.connectionChanged();
  if (feed.state === "live") {
    if (lacking && document.querySelector("dialog[open]") === null) location.reload();
    if (frozenAt !== 0 || store.phase === "failed") frozenAt = 0;
    if (store.phase === "failed") void begin();
    if (!typesAsked) void loadTypes();
  } else if (frozenAt === 0 && feed.everLive) {
    frozenAt = api.serverNow();
  }
  if (feed.nextTry > 0) void loadAccess(); // the stream was refused: the token may have been revoked
  redraw();
}

/** Fetches the list, then opens the stream from its seq. */
async function begin() {
  const signal = loader.abort();
  feed.stop();
  store.seq = 0;
  store.setFilters(router.route.filters);
  frame.request();
  await loadAccess();
  const page = loader.fetch(signal);
  const [now, stats] = await Promise.all([store.past ? null : page, loadStats(), loadTypes()]); // the past may take long
  if (signal.aborted) return;
  const seq = (store.past ? stats : now)?.seq ?? 0;
  rate.continueAt(seq);
  feed.start(seq, stats?.log ? `${stats.log.id}@${stats.log.epoch}` : "");
}

/** Fetches counts and state, until the stream sends them. */
async function loadStats() {
  const stats = await api.getStats().catch(() => null); // then the first message of the stream has all of it
  store.live.counts ??= stats?.counts ?? null;
  store.live.waiting ??= stats?.waiting ?? null;
  store.state ??= stats?.state ?? null;
  return stats;
}

async function loadTypes() {
  try {
    typesAsked = true;
    types = await api.getTaskTypes();
    titles.clear();
    for (const t of /** @type {TaskType[]} */ (JSON.parse(types))) titles.set(t.name, t.title);
    form.view?.setTypes(types);
    frame.request();
  } catch {
    typesAsked = false;
  }
}

// The route.

/** In the past nothing can be done. */
const look = () => lookBack(router.route.place === "" && router.route.filters.at !== "");

function routed() {
  const { id, filters } = router.route;
  look();
  if (JSON.stringify(filters) !== JSON.stringify(store.filters)) {
    toolbar.showFilters(filters);
    void loader.reload();
  }
  void places.go(router.route, href(null));
  if (id !== null) list.setCursor(id);
  store.pinned = id;
  void showTask();
  frame.request();
}

/** Shows the task of the route in the panel, or closes the panel. */
async function showTask() {
  if (panel.view === null && router.route.id === null) return;
  const loaded = panel.view ?? (await panel.get());
  const { id } = router.route; // it may have changed while the panel was loaded
  loaded?.detail.open(id, id ? store.rows.get(id) : undefined, router.route.filters.at);
  frame.request();
}

/** The row of the open task, if it is known. @returns {Row | null} */
function openRow() {
  return panel.view?.detail.row ?? null;
}

/** Shows an earlier moment. @param {string} at "" = now */
function lookAt(at) {
  setFilters({ ...store.filters, at });
}

/** @param {Filters} filters @param {{ replace?: boolean }} [how] */
function setFilters(filters, how) {
  router.go({ filters }, how);
}

/** @param {string} id @param {{ focus?: boolean }} [how] with focus, the panel gets the focus */
function openTask(id, how = {}) {
  router.go({ id }, { replace: router.route.id !== null });
  focusPanel = how.focus ?? false;
  frame.request();
}

/** Closes the task. Focus in the panel goes back to the task's row. */
function closeTask() {
  const was = router.route.id;
  const focus = !list.hasFocus;
  router.go({ id: null });
  if (was !== null && focus) list.focusOn(was);
  else if (was !== null) list.cursor = was;
}

/** Moves the cursor. If a task is open, the task at the cursor is opened. @param {(how: { focus: boolean }) => string | null} go */
function goTo(go) {
  list.cursor ??= router.route.id;
  const inDetail = panel.view?.view.hasFocus ?? false;
  const id = go({ focus: !inDetail });
  if (id !== null && router.route.id !== null) openTask(id, { focus: inDetail });
}

/** @param {number} by */
function move(by) {
  goTo((how) => list.move(by, how));
}

/** Shows and opens a task that was submitted in this tab. @param {string} id @param {{ focus?: boolean }} [how] */
function submitted(id, how) {
  store.showNow(id);
  if (store.past) setFilters(noFilters());
  openTask(id, how);
}

// Actions.

/** @param {string} kind @param {Row} row @param {{ ask?: boolean }} [how] */
async function act(kind, row, how) {
  if (!may("viewer")) return; // the row is of the past
  await (await actions.get())?.act(kind, row, how);
}

/** @param {Parameters<FormView["open"]>[0]} [how] */
async function openForm(how) {
  if (store.past) return toast("This is the past. Go back to now to submit tasks.", { bad: true });
  if (!may("submitter")) return toast("Your role cannot submit tasks.", { bad: true });
  const fresh = loadTypes(); // a worker may have offered a type since
  if (titles.size === 0 || (how?.type !== undefined && !titles.has(how.type))) await fresh;
  if (titles.size === 0) return toast("The server did not answer. Is it running?", { bad: true });
  (await form.get())?.open(how);
}

/** @param {string} type */
async function submitExample(type) {
  const id = await (await actions.get())?.example(type);
  if (id) submitted(id);
}

// Keys.

listenToKeys({
  list: () => places.name === "",
  move,
  movePage: (by) => goTo((how) => list.movePage(by, how)),
  moveTo: (index) => goTo((how) => list.moveTo(index, how)),
  enter: () => list.cursor !== null && openTask(list.cursor, { focus: true }),
  back: () => {
    if (router.route.id === null) return false;
    closeTask();
    return true;
  },
  status: (n) => setFilters(withStatus(store.filters, ["", ...STATUSES][n])),
  search: () => toolbar.focusSearch(),
  create: () => void openForm(),
  incomplete,
  newest: () => list.toNewest(),
  theme: () => byId("theme").click(),
  changeAll: () => void toolbar.changeAll(),
  act: (kind) => {
    const row = list.focusedRow ?? openRow();
    if (row && (kind === "retry" ? canRetry(row) : canCancel(row))) void act(kind, row);
  },
});

api.lead.changed = (words) => {
  if (words !== "") toast(words);
  form.view?.leadChanged();
  frame.request();
};
ignoreAccidentalClicks();
document.addEventListener("visibilitychange", redraw);
byId("new-task").addEventListener("click", () => void openForm());
byId("skip").addEventListener("click", () => (places.name === "" ? list : places).focus());
// Once a second: update relative times, and notice a silent connection. This fetches nothing.
setInterval(() => {
  feed.tick();
  loader.tick();
  frame.request();
}, 1000);

look();
toolbar.showFilters(router.route.filters);
store.pinned = router.route.id;
if (wasUpdated()) toast("Daybook was updated, so the page was loaded again.");
void showTask();
void begin();
void places.go(router.route, href(null));
