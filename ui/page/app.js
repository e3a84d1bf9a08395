// The wiring: what comes in goes to the store, one frame draws it.

import { Acts } from "./acts.js";
import * as api from "./api.js";
import { Detail } from "./detail.js";
import { byId } from "./dom.js";
import { STATUSES, noFilters, toggled, withStatus, withoutWrong } from "./filters.js";
import { humanize } from "./format.js";
import { Frame } from "./frame.js";
import { listenToKeys } from "./keys.js";
import { Later } from "./later.js";
import { ListLoader } from "./loader.js";
import { Feed } from "./live.js";
import { refuseUnaimed } from "./press.js";
import { Rate } from "./rate.js";
import { Router, formatRoute } from "./router.js";
import { Store } from "./store.js";
import { canCancel, canRetry } from "./task.js";
import { acceptDrops } from "./views/drop.js";
import { HeaderView } from "./views/header.js";
import { ListView } from "./views/list.js";
import { showKeys, toast } from "./views/notices.js";
import { ToolbarView } from "./views/toolbar.js";

/** @import { Filters, Message, TaskType } from "./types.js" */
/** @import { FormView } from "./views/form.js" */

const store = new Store();
const rate = new Rate();
const frame = new Frame(draw);
const router = new Router(() => routed());
const detail = new Detail(frame.ask);
const feed = new Feed({ message: pushed, reset: startAnew, changed: connectionChanged });

/** @type {Map<string, TaskType>} */
const types = new Map();
let typesAsked = false;
/** Where the page was when the connection dropped: its clock stands still there. */
let frozenAt = 0;

const title = (/** @type {string} */ type) => types.get(type)?.title || humanize(type);
const acts = new Acts(title);

// Views.

const list = new ListView(store, {
  open: openTask,
  act: (kind, row, how) => void acts.act(kind, row, how),
  tag: (tag) => setFilters(toggled(store.filters, "tag", tag)),
  more: (how) => void loader.more(how),
  reveal: () => loader.reveal(),
  example: (type) => void submitExample(type),
  create: () => void openForm(),
  clear: () => setFilters(noFilters()),
  clearWrong: () => setFilters(withoutWrong(store.filters)),
  types: () => [...types.keys()],
  reload: () => void begin(),
  dirty: frame.ask,
});
const loader = new ListLoader(store, list, { filters: () => router.route.filters, live: () => feed.state === "live", dirty: frame.ask });
const toolbar = new ToolbarView(store, { setFilters, reload: () => void loader.reload(), toList: () => list.focus() });
const header = new HeaderView(feed, rate, store);
const incomplete = () => toast("Part of the page could not be loaded. Reload the page: the server may have been updated.", { bad: true });
const panel = new Later(async () => {
  const { DetailView } = await import("./views/detail.js");
  return new DetailView({
    close: closeTask,
    act: (kind, row) => void acts.act(kind, row),
    again: (task) => void openForm({ type: task.task_type, task }),
    change: (task) => void openForm({ type: task.task_type, task, retry: true }),
    move,
    retryLoad: () => detail.refresh(),
  });
}, incomplete);
/** The panel is to have focus as soon as it is there. */
let focusPanel = false;
/** The panel was asked for since the task was opened. */
let panelAsked = false;
const form = new Later(async () => {
  const { FormView } = await import("./views/form.js");
  return new FormView({
    submitted: (task) => submitted(task.id, { focus: true }),
    queues: () => [...new Set((store.counts ?? []).map((c) => c.queue))].filter((name) => name !== ""),
    href: (id) => formatRoute({ id, filters: store.filters }),
  });
}, incomplete);

function draw() {
  const real = Date.now();
  const now = feed.state === "live" || frozenAt === 0 ? api.serverNow() : frozenAt;
  const seq = store.seq;
  header.draw(real);
  toolbar.draw(title);
  drawPanel(now); // before the list, which it may cover
  list.draw({
    now,
    state: store.state,
    title,
    href: (id) => formatRoute({ id, filters: store.filters }),
    openId: detail.id,
  });
  document.documentElement.dataset.seq = String(seq);
  retitle();
}

/** @param {number} now */
function drawPanel(now) {
  if (!panel.view) {
    if (detail.id !== null && !panelAsked) {
      panelAsked = true;
      void panel.get().then((view) => view && frame.ask());
    }
    return;
  }
  if (focusPanel) panel.view.focus();
  focusPanel = false;
  panel.view.draw(detail, { now, state: store.state, title, href: (id) => formatRoute({ id, filters: store.filters }), live: feed.state === "live" });
}

/** The tab's title. It says how many tasks run only while that is known. */
function retitle() {
  const running = feed.state === "live" && !feed.paused && !detail.row ? (store.state?.running ?? 0) : 0;
  const words = detail.row ? `${title(detail.row.task_type)} · Daybook` : running > 0 ? `(${running}) Daybook` : "Daybook";
  if (document.title !== words) document.title = words;
}

// The stream.

/** @param {Message} m */
function pushed(m) {
  rate.saw(m.seq, Date.now());
  store.apply(m, list.hold);
  detail.take(m);
  acts.saw(m.rows ?? []);
  if (m.truncated) loader.refetchSoon();
  changedSomething();
}

/** Draws in the next frame. A hidden page has no frames, but its title is seen. */
function changedSomething() {
  if (document.hidden) retitle();
  frame.ask();
}

/** The server has another log than the one the page shows. */
function startAnew() {
  detail.reload();
  void begin();
}

function connectionChanged() {
  loader.connectionChanged();
  if (feed.state === "live") {
    if (frozenAt !== 0 || store.phase === "failed") frozenAt = 0;
    if (store.phase === "failed") void begin();
    if (!typesAsked) void loadTypes();
  } else if (frozenAt === 0 && feed.everLive) {
    frozenAt = api.serverNow();
  }
  changedSomething();
}

/** Starts, or starts again on another log: list first, then the stream from its seq. */
async function begin() {
  const signal = loader.anew();
  feed.stop();
  store.seq = 0;
  store.setFilters(router.route.filters);
  frame.ask();
  const [page, logId] = await Promise.all([loader.fetch(signal), loadStats(), loadTypes()]);
  if (signal.aborted) return;
  const seq = page?.seq ?? 0;
  rate.jump(seq);
  feed.start(seq, logId);
}

/** Counts and state until the stream tells them. Returns the id of the log. */
async function loadStats() {
  try {
    const stats = await api.getStats();
    store.counts ??= stats.counts;
    store.state ??= stats.state;
    return stats.log ? `${stats.log.id}@${stats.log.epoch}` : "";
  } catch {
    return ""; // the stream's first message says all of it
  }
}

async function loadTypes() {
  try {
    typesAsked = true;
    const all = await api.getTaskTypes();
    types.clear();
    for (const t of all) types.set(t.name, t);
    form.view?.setTypes(all);
    frame.ask();
  } catch {
    typesAsked = false;
  }
}

// The place.

function routed() {
  const { id, filters } = router.route;
  if (JSON.stringify(filters) !== JSON.stringify(store.filters)) {
    toolbar.take(filters);
    void loader.reload();
  }
  if (id !== null) list.stand(id);
  store.pinned = id;
  detail.open(id, id ? store.rows.get(id) : undefined);
  frame.ask();
}

/** @param {Filters} filters @param {{ replace?: boolean }} [how] */
function setFilters(filters, how) {
  router.go({ filters }, how);
}

/** @param {string} id @param {{ focus?: boolean }} [how] with focus, the keyboard goes to it */
function openTask(id, how = {}) {
  router.go({ id }, { replace: router.route.id !== null });
  focusPanel = how.focus ?? false;
  panelAsked = false;
  frame.ask();
}

/** Closes the task; focus that was in it goes back to the row that it came from. */
function closeTask() {
  const was = detail.id;
  const focus = !list.hasFocus;
  router.go({ id: null });
  if (was !== null && focus) list.focusOn(was);
  else if (was !== null) list.cursor = was;
}

/** Goes to another row, with the task that is open. @param {(how: { focus: boolean }) => string | null} go */
function goTo(go) {
  if (list.cursor === null && detail.id !== null) list.cursor = detail.id;
  const inDetail = panel.view?.hasFocus ?? false;
  const id = go({ focus: !inDetail });
  if (id !== null && detail.id !== null) openTask(id, { focus: inDetail });
}

/** @param {number} by */
function move(by) {
  goTo((how) => list.move(by, how));
}

/** A task was made here: its row is shown, whatever else waits. @param {string} id @param {{ focus?: boolean }} [how] */
function submitted(id, how) {
  store.admit(id);
  openTask(id, how);
}

// What people do.

/** @param {Parameters<FormView["open"]>[0]} [how] */
async function openForm(how) {
  if (types.size === 0) await loadTypes();
  if (types.size === 0) return toast("The server did not answer. Is it running?", { bad: true });
  const known = form.view !== null;
  const view = await form.get();
  if (!known) view?.setTypes([...types.values()]);
  view?.open(how);
}

/** @param {string} type */
async function submitExample(type) {
  try {
    const task = await api.submit({ task_type: type, parameters: type === "DATA_PROCESSING" ? { rows: 1000, processing_time: 3 } : {} });
    submitted(task.id);
  } catch (err) {
    toast(err instanceof api.Problem ? err.message : String(err), { bad: true });
  }
}

// Keys.

listenToKeys({
  move,
  movePage: (by) => goTo((how) => list.movePage(by, how)),
  moveTo: (index) => goTo((how) => list.moveTo(index, how)),
  enter: () => list.cursor !== null && openTask(list.cursor, { focus: true }),
  back: () => {
    if (detail.id === null) return false;
    closeTask();
    return true;
  },
  status: (n) => setFilters(withStatus(store.filters, ["", ...STATUSES][n])),
  search: () => toolbar.focusSearch(),
  create: () => void openForm(),
  help: showKeys,
  newest: () => list.toNewest(),
  theme: () => byId("theme").click(),
  act: (kind) => {
    const row = list.focusedRow ?? detail.row;
    if (row && (kind === "retry" ? canRetry(row) : canCancel(row))) void acts.act(kind, row);
  },
});

refuseUnaimed();
document.addEventListener("visibilitychange", changedSomething);
byId("new-task").addEventListener("click", () => void openForm());
byId("skip").addEventListener("click", () => list.focus());
acceptDrops((files) => void openForm({ files }));
// The clock: relative times move, and a silent connection is noticed. It fetches nothing.
setInterval(() => {
  feed.tick();
  frame.ask();
}, 1000);

toolbar.take(router.route.filters);
store.pinned = router.route.id;
detail.open(router.route.id, undefined);
void begin();
