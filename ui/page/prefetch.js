// Loads, while the browser has nothing else to do, what may be opened next. It then opens at once, and opens after the
// server was updated, too.

import { loadStyle } from "./later.js";

/**
 * @param {{ prefetch: () => Promise<unknown> }[]} views
 * @param {(files: File[]) => void} dropped is called with files that are dropped on the page
 */
export async function prefetch(views, dropped) {
  const [{ acceptDrops }] = await Promise.all([import("./views/drop.js"), loadStyle("form")]);
  acceptDrops(dropped);
  await views[0].prefetch();
  const { prefetchResults } = await import("./views/results/index.js");
  await Promise.all([...views.map((view) => view.prefetch()), prefetchResults(), import("./views/children.js"), import("./views/keyhelp.js")]);
}
