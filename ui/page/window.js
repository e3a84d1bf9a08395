// Which rows of a long list are drawn. Pure.

/**
 * @param {number} top how far the rows are scrolled past the upper edge, in pixels
 * @param {number} height of what is visible
 * @param {number} rowHeight
 * @param {number} count of rows
 * @param {number} [spare] rows drawn beyond each edge
 * @returns {{ start: number, end: number, before: number, after: number }} the rows from start up
 *   to end, and the height in pixels of the rows before and after them
 */
export function windowOf(top, height, rowHeight, count, spare = 8) {
  const first = Math.floor(Math.max(0, top) / rowHeight);
  const visible = Math.ceil(height / rowHeight) + 1;
  const start = Math.min(count, Math.max(0, first - spare));
  const end = Math.min(count, first + visible + spare);
  return {
    start: Math.min(start, end),
    end,
    before: Math.min(start, end) * rowHeight,
    after: (count - end) * rowHeight,
  };
}

/**
 * By how many rows the content moved: the change of place of the first row in view that is
 * still in the list.
 * @param {string[]} before the order that was drawn
 * @param {string[]} now the order to draw
 * @param {number} first index in before of the first row in view
 * @returns {number}
 */
export function shiftOf(before, now, first) {
  const seen = before.slice(first, first + 200);
  /** @type {Map<string, number>} */
  const wanted = new Map(seen.map((id, i) => [id, first + i]));
  let best = -1;
  let shift = 0;
  for (let i = 0; i < now.length; i++) {
    const was = wanted.get(now[i]);
    if (was === undefined) continue;
    if (best === -1 || was < best) {
      best = was;
      shift = i - was;
    }
    if (best === first) break;
  }
  return shift;
}

/**
 * @param {number} n
 * @param {number} least
 * @param {number} most
 */
export function clamp(n, least, most) {
  return Math.max(least, Math.min(most, n));
}
