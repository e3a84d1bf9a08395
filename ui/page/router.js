// The route is in the hash of the address, so that it can be shared: "#/?status=FAILED" is a
// list, "#/tasks/ID?status=FAILED" the same list with a task open.

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
  const filters = parseFilters(query);
  if (!m && path !== "" && path !== "/") filters.wrong.unshift({ key: "#", value: path });
  return { id: m ? decode(m[1]) : null, filters };
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
  const nowhere = route.filters.wrong.find((w) => w.key === "#");
  const path = route.id ? `#/tasks/${encodeURIComponent(route.id)}` : `#${nowhere?.value ?? "/"}`;
  return query ? `${path}?${query}` : path;
}

export class Router {
  /** @type {Route} */
  route;
  #changed;

  /** @param {(route: Route) => void} changed is called when the route changes, not at the start */
  constructor(changed) {
    this.#changed = changed;
    this.route = parseRoute(location.hash);
    addEventListener("hashchange", () => this.#update());
    addEventListener("popstate", () => this.#update());
  }

  #update() {
    const route = parseRoute(location.hash);
    if (formatRoute(route) === formatRoute(this.route)) return;
    this.route = route;
    this.#changed(route);
  }

  /**
   * Changes the route. With replace, the Back button skips the present one.
   * @param {Partial<Route>} to
   * @param {{ replace?: boolean }} [how]
   */
  go(to, how = {}) {
    const hash = formatRoute({ ...this.route, ...to });
    if (hash === formatRoute(this.route)) return;
    if (how.replace) history.replaceState(null, "", hash);
    else history.pushState(null, "", hash);
    this.#update();
  }
}
