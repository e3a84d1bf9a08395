// The line below the last row.

import { byId, show, text } from "../dom.js";
import { integer, plural } from "../format.js";

/** @import { Store } from "../store.js" */

/** @param {Store} s */
export function drawFoot(s) {
  const foot = byId("list-foot");
  const count = s.order.length;
  const visible = count > 0 && s.newCount === 0 && !s.manyNew && (s.hasMore || count > 20);
  show(foot, visible);
  if (!visible) return;
  const about = `${s.totalExact ? "" : "at least "}${integer(s.total)}`;
  const cut = s.searchTruncated ? " · the search stopped after a second; older tasks were not searched" : "";
  text(foot, s.hasMore ? `${integer(count)} of ${about}` : `${plural(count, "task")}, that is all${cut}`);
}
