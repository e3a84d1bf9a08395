// The route is in the hash of the address, so that it can be shared: "#/?status=FAILED" is a
// list, "#/tasks/ID?status=FAILED" the same list with a task open, "#/tasks?at=1200" the list as it was, "#/queues"
// another place, "#/schedules/nightly" one thing there.

import { formatFilters, noFilters, parseFilters, withoutWrong } from "./filters.js";
import { PLACES } from "./places.js";

/** @import { Filters } from "./types.js" */

/**
 * Where the page is. The place is "" for the tasks. Another place has an item, "" for all of it, and a query; it keeps the
 * filters, though its address does not have them: the way back to the tasks leads to the same list.
 * @typedef {{ place: string, item: string, query: string, id: string | null, filters: Filters }} Route
 */

/**
 * @param {string} hash
 * @returns {Route}
 */
export function parseRoute(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const [place, ...rest] = path.replace(/^\/|\/$/g, "").split("/").map(decode);
  const item = rest.join("/");
  if (Object.hasOwn(PLACES, place) && (item === "" || PLACES[place].items)) return { place, item, query, id: null, filters: noFilters() };
  const m = /^\/tasks(?:\/([^/]+))?\/?$/.exec(path);
  const filters = parseFilters(query);
  if (!m && path !== "" && path !== "/") filters.wrong.unshift({ key: "#", value: path });
  return { place: "", item: "", query: "", id: m?.[1] ? decode(m[1]) : null, filters };
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
  if (route.place !== "") {
    const path = [route.place, ...route.item.split("/")].filter(Boolean).map(encodeURIComponent).join("/");
    return `#/${path}${route.query ? `?${route.query}` : ""}`;
  }
  const query = formatFilters(route.filters);
  const nowhere = route.filters.wrong.find((w) => w.key === "#");
  const path = route.id ? `#/tasks/${encodeURIComponent(route.id)}` : `#${nowhere?.value ?? (route.filters.at ? "/tasks" : "/")}`;
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
    if (route.place !== "") route.filters = withoutWrong(this.route.filters);
    this.route = route;
    this.#changed(route);
  }

  /**
   * Changes the route. From another place it goes to the tasks. With replace, the Back button skips the present one.
   * @param {Partial<Route>} to
   * @param {{ replace?: boolean }} [how]
   */
  go(to, how = {}) {
    const hash = formatRoute({ ...this.route, place: "", ...to });
    if (hash === formatRoute(this.route)) return;
    if (how.replace) history.replaceState(null, "", hash);
    else history.pushState(null, "", hash);
    this.#update();
  }
}
