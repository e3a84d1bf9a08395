// The wiring: what comes in goes to the store, one frame draws it.

import * as api from "./api.js";
import { Detail } from "./detail.js";
import { byId, isField } from "./dom.js";
import { noFilters, toggled } from "./filters.js";
import { humanize } from "./format.js";
import { Frame } from "./frame.js";
import { Feed } from "./live.js";
import { Rate } from "./rate.js";
import { Router, formatRoute } from "./router.js";
import { Store, newestFirst } from "./store.js";
import { canCancel, canRetry } from "./task.js";
import { DetailView } from "./views/detail.js";
import { acceptDrops } from "./views/drop.js";
import { FormView } from "./views/form.js";
import { HeaderView } from "./views/header.js";
import { ListView } from "./views/list.js";
import { ask, showKeys, toast } from "./views/notices.js";
import { ToolbarView } from "./views/toolbar.js";

/** @import { Filters, Message, Row, TaskType } from "./types.js" */

const PAGE = 100;
const LARGEST_PAGE = 1000;
/** Least time between two fetches of the list that the stream asks for, in milliseconds. */
const REFETCH = 1000;

const store = new Store();
const rate = new Rate();
const frame = new Frame(draw);
const router = new Router(() => routed());
const detail = new Detail(frame.ask);
const feed = new Feed({ message: pushed, reset: startAnew, changed: connectionChanged });

/** @type {Map<string, TaskType>} */
const types = new Map();
let typesAsked = false;
let listAbort = new AbortController();
let loadingMore = false;
/** The last fetch of more got no answer; it is tried again when the connection changes. */
let moreFailed = false;
let refetchAt = 0;
let refetchTimer = 0;
/** Which refetch is the latest: only that one is taken. */
let refetchTurn = 0;
/** Where the page was when the connection dropped: its clock stands still there. */
let frozenAt = 0;

const title = (/** @type {string} */ type) => types.get(type)?.title || humanize(type);

// Views.

const list = new ListView(store, {
  open: openTask,
  act: (kind, row) => void act(kind, row),
  tag: (tag) => setFilters(toggled(store.filters, "tag", tag)),
  more: () => void more(),
  reveal,
  example: (type) => void submitExample(type),
  create: () => void openForm(),
  clear: () => setFilters(noFilters()),
  reload: () => void begin(),
  dirty: frame.ask,
});
const toolbar = new ToolbarView(store, { setFilters, reload: () => void reload() });
const header = new HeaderView(feed, rate, store);
const detailView = new DetailView({
  close: closeTask,
  act: (kind, row) => void act(kind, row),
  again: (task) => void openForm({ type: task.task_type, task }),
  move,
  retryLoad: () => detail.refresh(),
});
const form = new FormView({
  submitted: (task) => openTask(task.id),
  queues: () => [...new Set((store.counts ?? []).map((c) => c.queue))],
  href: (id) => formatRoute({ id, filters: store.filters }),
});

function draw() {
  const real = Date.now();
  const now = feed.state === "live" || frozenAt === 0 ? api.serverNow() : frozenAt;
  const seq = store.seq;
  header.draw(real);
  toolbar.draw(title);
  list.draw({
    now,
    state: store.state,
    title,
    href: (id) => formatRoute({ id, filters: store.filters }),
    openId: detail.id,
    cursorId: list.cursor,
  });
  detailView.draw(detail, { now, state: store.state, title, live: feed.state === "live" });
  document.documentElement.dataset.seq = String(seq);
  document.title = titleWords();
}

function titleWords() {
  if (detail.row) return `${title(detail.row.task_type)} · Daybook`;
  return store.state && store.state.running > 0 ? `(${store.state.running}) Daybook` : "Daybook";
}

// The stream.

/** @param {Message} m */
function pushed(m) {
  rate.saw(m.seq, Date.now());
  store.apply(m, { hold: list.reading });
  detail.take(m);
  if (m.truncated) refetchSoon();
  frame.ask();
}

/** The server has another log than the one the page shows. */
function startAnew() {
  detail.reload();
  void begin();
}

function connectionChanged() {
  moreFailed = false;
  if (feed.state === "live") {
    if (frozenAt !== 0 || store.phase === "failed") frozenAt = 0;
    if (store.phase === "failed") void begin();
    if (!typesAsked) void loadTypes();
  } else if (frozenAt === 0 && feed.everLive) {
    frozenAt = api.serverNow();
  }
  frame.ask();
}

/** More changed than the stream tells: fetch the list, at most once a second. */
function refetchSoon() {
  if (refetchTimer !== 0) return;
  const wait = Math.max(0, refetchAt + REFETCH - performance.now());
  refetchTimer = setTimeout(async () => {
    await refetch();
    refetchAt = performance.now();
    refetchTimer = 0;
  }, wait);
}

/** Fetches as much of the list as is shown, in place of what is there. */
async function refetch() {
  if (store.phase !== "ready") return;
  const signal = listAbort.signal;
  const turn = ++refetchTurn;
  const hold = list.reading && store.order.length > 0;
  const needed = hold ? list.lastVisible + PAGE : PAGE;
  store.beginFetch();
  try {
    let page = await api.listTasks(store.filters, Math.min(LARGEST_PAGE, needed), signal);
    const newest = hold ? store.rows.get(store.order[0]) : undefined;
    const many = newest !== undefined && page.next !== null && !page.rows.some((r) => newestFirst(r, newest) >= 0);
    if (newest && many) {
      // All of the page is new: what the reader sees lies further down.
      const { total, totalExact } = page;
      page = { ...(await api.listOlder(store.filters, Math.min(LARGEST_PAGE, needed), newest.created_at, signal)), total, totalExact };
    }
    while (page.next !== null && page.rows.length < needed) {
      const next = await api.page(page.next, signal);
      page.rows.push(...next.rows);
      page.next = next.next;
    }
    if (!signal.aborted && turn === refetchTurn) store.replace(page, { hold, many });
  } catch {
    // The next message asks again, or the connection says that it is down.
  } finally {
    store.endFetch();
    frame.ask();
  }
}

// The list.

/** Fetches the list from its head. @param {AbortSignal} signal */
async function fetchList(signal) {
  store.beginFetch();
  try {
    const page = await api.listTasks(store.filters, PAGE, signal);
    if (signal.aborted) return null;
    store.replace(page);
    return page;
  } catch (err) {
    if (signal.aborted) return null;
    store.phase = "failed";
    if (err instanceof api.Problem && err.status >= 400 && err.status < 500) toast(err.message, { bad: true });
    return null;
  } finally {
    store.endFetch();
    frame.ask();
  }
}

/** Starts, or starts again on another log: list first, then the stream from its seq. */
async function begin() {
  listAbort.abort();
  listAbort = new AbortController();
  const signal = listAbort.signal;
  feed.stop();
  store.seq = 0;
  store.setFilters(router.route.filters);
  frame.ask();
  const [page, logId] = await Promise.all([fetchList(signal), loadStats(), loadTypes()]);
  if (signal.aborted) return;
  const seq = page?.seq ?? 0;
  rate.jump(seq);
  feed.start(seq, logId);
}

/** Fetches the list anew, with the filters as they are. */
async function reload() {
  listAbort.abort();
  listAbort = new AbortController();
  store.setFilters(router.route.filters);
  list.toTop();
  frame.ask();
  await fetchList(listAbort.signal);
}

/** Fetches what follows the last row. Not while the connection is down: a list that cannot grow must not ask at each frame. */
async function more() {
  if (loadingMore || moreFailed || store.phase !== "ready" || feed.state !== "live") return;
  loadingMore = true;
  const signal = listAbort.signal;
  store.beginFetch();
  try {
    const last = store.rows.get(store.order[store.order.length - 1]);
    const page = store.next !== null ? await api.page(store.next, signal) : last ? await api.listOlder(store.filters, LARGEST_PAGE, last.created_at) : null;
    if (page && !signal.aborted) store.append(page);
  } catch (err) {
    if (signal.aborted) return;
    if (err instanceof api.Problem && err.status >= 400) void reload();
    else moreFailed = true;
  } finally {
    store.endFetch();
    loadingMore = false;
    frame.ask();
  }
}

function reveal() {
  if (!store.showHeld()) void refetch();
  frame.ask();
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
    form.setTypes(all);
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
    void reload();
  }
  if (id !== null) list.stand(id);
  detail.open(id, id ? store.rows.get(id) : undefined);
  frame.ask();
}

/** @param {Filters} filters @param {{ replace?: boolean }} [how] */
function setFilters(filters, how) {
  router.go({ filters }, how);
}

/** @param {string} id */
function openTask(id) {
  router.go({ id }, { replace: router.route.id !== null });
}

function closeTask() {
  const was = detail.id;
  router.go({ id: null });
  list.cursor = was;
  list.move(0);
}

/** @param {number} by */
function move(by) {
  if (list.cursor === null && detail.id !== null) list.cursor = detail.id;
  const id = list.move(by);
  if (id !== null && detailView.isOpen) openTask(id);
}

// What people do.

/** @param {string} kind @param {Row} row */
async function act(kind, row) {
  try {
    if (kind === "cancel") await cancelTask(row);
    if (kind === "retry") {
      await api.retry(row.id);
      toast("Sent round again");
    }
  } catch (err) {
    if (!(err instanceof api.Problem)) throw err;
    toast(err.message, { bad: true });
  }
}

/** @param {Row} row */
async function cancelTask(row) {
  const sure =
    row.status !== "RUNNING" ||
    (await ask({
      title: `Cancel this ${title(row.task_type).toLowerCase()} task?`,
      text: "It is running. What this attempt has done so far is lost; a retry starts from the beginning.",
      yes: "Cancel task",
      no: "Keep running",
    }));
  if (!sure) return;
  const answer = await api.cancel(row.id);
  toast(answer.status === "CANCELLED" ? "Cancelled" : "Cancel requested");
}

/** @param {Parameters<FormView["open"]>[0]} [how] */
async function openForm(how) {
  if (types.size === 0) await loadTypes();
  if (types.size === 0) return toast("The server did not answer. Is it running?", { bad: true });
  form.open(how);
}

/** @param {string} type */
async function submitExample(type) {
  try {
    const task = await api.submit({ task_type: type, parameters: type === "DATA_PROCESSING" ? { rows: 1000, processing_time: 3 } : {} });
    openTask(task.id);
  } catch (err) {
    toast(err instanceof api.Problem ? err.message : String(err), { bad: true });
  }
}

// Keys.

/** @type {Record<string, (e: KeyboardEvent) => void>} */
const KEYS = {
  j: () => move(1),
  ArrowDown: () => move(1),
  k: () => move(-1),
  ArrowUp: () => move(-1),
  "/": () => toolbar.focusSearch(),
  n: () => void openForm(),
  "?": () => showKeys(),
  t: () => {
    list.toTop();
    reveal();
  },
  r: () => detail.row && canRetry(detail.row) && void act("retry", detail.row),
  c: () => detail.row && canCancel(detail.row) && void act("cancel", detail.row),
};

addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || isField(e.target) || document.querySelector("dialog[open]")) return;
  if (e.key === "Escape" && detailView.isOpen) {
    e.preventDefault();
    return closeTask();
  }
  if (e.key === "Enter" && list.cursor !== null && (e.target === document.body || e.target === byId("scroller"))) {
    e.preventDefault();
    return openTask(list.cursor);
  }
  const arrow = e.key.startsWith("Arrow");
  if (arrow && e.target instanceof Element && e.target.closest(".detail")) return;
  const key = KEYS[e.key];
  if (!key) return;
  e.preventDefault();
  key(e);
});

byId("new-task").addEventListener("click", () => void openForm());
byId("skip").addEventListener("click", () => list.focus());
acceptDrops((files) => void openForm({ files }));
// The clock: relative times move, and a silent connection is noticed. It fetches nothing.
setInterval(() => {
  feed.tick();
  frame.ask();
}, 1000);

toolbar.take(router.route.filters);
detail.open(router.route.id, undefined);
void begin();
