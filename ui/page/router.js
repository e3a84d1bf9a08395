// Where the page is: a hash that can be shared. "#/?status=FAILED" is a list,
// "#/tasks/ID?status=FAILED" the same list with a task open.

import { formatFilters, parseFilters } from "./filters.js";

/** @import { Filters } from "./types.js" */

/** @typedef {{ id: string | null, filters: Filters }} Route */

/**
 * @param {string} hash
 * @returns {Route}
 */
export function parseRoute(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const m = /^\/tasks\/([^/]+)\/?$/.exec(path);
  return { id: m ? decode(m[1]) : null, filters: parseFilters(query) };
}

/**
 * @param {string} part
 */
function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** @param {Route} route */
export function formatRoute(route) {
  const query = formatFilters(route.filters);
  const path = route.id ? `#/tasks/${encodeURIComponent(route.id)}` : "#/";
  return query ? `${path}?${query}` : path;
}

export class Router {
  /** @type {Route} */
  route;
  #changed;

  /** @param {(route: Route) => void} changed is called when the place changes, not at the start */
  constructor(changed) {
    this.#changed = changed;
    this.route = parseRoute(location.hash);
    addEventListener("hashchange", () => this.#take());
    addEventListener("popstate", () => this.#take());
  }

  #take() {
    const route = parseRoute(location.hash);
    if (formatRoute(route) === formatRoute(this.route)) return;
    this.route = route;
    this.#changed(route);
  }

  /**
   * Goes somewhere. With replace, the way back does not lead through here.
   * @param {Partial<Route>} to
   * @param {{ replace?: boolean }} [how]
   */
  go(to, how = {}) {
    const hash = formatRoute({ ...this.route, ...to });
    if (hash === formatRoute(this.route)) return;
    if (how.replace) history.replaceState(null, "", hash);
    else history.pushState(null, "", hash);
    this.#take();
  }
}
