// The top of the page: connection, slots, rate, theme.

import { lead } from "../api.js";
import { attr, byId, h, setIcon, show, text } from "../dom.js";
import { clock, countdown, integer, number } from "../format.js";
import { Later } from "../later.js";

/** @import { Feed } from "../live.js" */
/** @import { Rate } from "../rate.js" */
/** @import { Store } from "../store.js" */

const THEMES = /** @type {const} */ (["auto", "light", "dark"]);
const MOST_PIPS = 16;

export class HeaderView {
  #feed;
  #rate;
  #store;
  #conn = /** @type {HTMLButtonElement} */ (byId("conn"));
  #connText = byId("conn-text");
  #connSince = byId("conn-since");
  #connAt = byId("conn-at");
  #slots = byId("slots");
  #slotsText = byId("slots-text");
  #pips = byId("pips");
  #rateText = byId("rate-text");
  #area;
  #line;
  #second = -1;
  #strip = new Later(
    () => import("./strip.js"),
    ({ StripView }) => new StripView(),
    () => {},
  );

  /**
   * @param {Feed} feed
   * @param {Rate} rate
   * @param {Store} store
   */
  constructor(feed, rate, store) {
    this.#feed = feed;
    this.#rate = rate;
    this.#store = store;
    const [area, line] = byId("rate").querySelectorAll("path");
    this.#area = area;
    this.#line = line;
    this.#conn.addEventListener("click", () => feed.retryNow());
    themeButton(byId("theme"));
  }

  /** Loads the view of warnings. */
  prefetch() {
    return this.#strip.prefetch();
  }

  /** @param {number} now of this machine */
  draw(now) {
    this.#drawConnection(now);
    this.#drawSlots();
    this.#drawStrip();
    const second = Math.floor(now / 1000);
    if (second !== this.#second) this.#drawRate(now);
    this.#second = second;
  }

  /** @param {number} now */
  #drawConnection(now) {
    const f = this.#feed;
    const root = document.documentElement;
    attr(root, "data-live", f.state);
    attr(root, "data-stale", f.state !== "live" && f.everLive);
    this.#conn.disabled = f.state === "live";
    attr(this.#conn, "title", f.state === "live" ? "Changes are pushed as they happen" : "Try now");
    show(this.#connSince, f.state !== "live" && f.heardAt > 0);
    if (f.heardAt > 0) text(this.#connAt, clock(f.heardAt));
    const word = { live: "Live", reconnecting: f.everLive ? "Reconnecting" : "Connecting", offline: "Offline" }[f.state];
    // The countdown is in the title, so that screen readers do not read it each second.
    const wait = f.state === "offline" && f.nextTry > now + 1000 ? `Next try in ${countdown(f.nextTry - now)}` : "";
    if (wait) attr(this.#conn, "title", `${wait}. Click to try now`);
    text(this.#connText, word);
  }

  #drawSlots() {
    const state = this.#store.state;
    show(this.#slots, state !== null);
    if (!state) return;
    const pips = Math.min(state.slots, MOST_PIPS);
    while (this.#pips.childElementCount < pips) this.#pips.append(h("i", null));
    while (this.#pips.childElementCount > pips) this.#pips.lastElementChild?.remove();
    const lit = state.slots === 0 ? 0 : Math.ceil((state.running / state.slots) * pips);
    for (let i = 0; i < pips; i++) attr(this.#pips.children[i], "class", i < lit ? "on" : null);
    const word = state.draining ? "stopping" : state.damaged ? "log damaged" : state.full ? "disk full" : "running";
    const damage = state.damaged_payloads && word === "running" ? ", log has damage" : "";
    const views = state.views === "rebuilding" ? ", lists are being rebuilt" : state.views === "texts" ? ", search is being rebuilt" : "";
    const running = lead.node === null ? `${state.running}/${state.slots}` : integer(this.#store.running(true));
    text(this.#slotsText, `${running} ${word}${damage}${views}`);
    attr(this.#slots, "title", damage ? `${state.damaged_payloads} texts of tasks in the log are damaged. Their tasks are marked; everything else works.` : lead.node === null ? "Running attempts, and the maximum that can run at the same time" : "Running attempts, on all nodes");
  }

  /** Most pages never show warnings: the view is loaded for the first one. */
  #drawStrip() {
    const state = this.#store.state;
    const some = lead.node === "" || state?.damaged_payloads || state?.clock?.last_step_seconds || (state?.clock?.behind_log_seconds ?? 0) >= 1;
    if (this.#strip.view) this.#strip.view.draw(state, lead);
    else if (some) void this.#strip.get();
  }

  /** @param {number} now */
  #drawRate(now) {
    const series = this.#rate.series(now);
    const most = Math.max(4, ...series);
    const points = series.map((n, i) => `${((i / (series.length - 1)) * 120).toFixed(1)} ${(19 - (n / most) * 17).toFixed(1)}`);
    this.#line.setAttribute("d", `M${points.join("L")}`);
    this.#area.setAttribute("d", `M0 20L${points.join("L")}L120 20Z`);
    const rate = this.#rate.now(now);
    text(this.#rateText, `${rate < 10 ? number(Math.round(rate * 10) / 10) : number(Math.round(rate))} events/s`);
  }
}

/** @param {HTMLElement} button */
function themeButton(button) {
  const root = document.documentElement;
  const draw = () => {
    const theme = root.dataset.theme ?? "auto";
    const svg = button.querySelector("svg");
    if (svg) setIcon(svg, theme);
    const label = `Theme: ${theme === "auto" ? "system" : theme}`;
    attr(button, "aria-label", label);
    attr(button, "title", label);
  };
  button.addEventListener("click", () => {
    const now = /** @type {(typeof THEMES)[number]} */ (root.dataset.theme ?? "auto");
    const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
    if (next === "auto") delete root.dataset.theme;
    else root.dataset.theme = next;
    try {
      localStorage.setItem("daybook-theme", next);
    } catch {
      // Then the theme lasts until the page is closed.
    }
    draw();
  });
  draw();
}
