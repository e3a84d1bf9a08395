// Small bars.

import { s } from "../../dom.js";
import { isNumber } from "../../exact.js";
import { integer, number } from "../../format.js";

/** @typedef {{ label: string, n: number }} Bin */

const WIDTH = 96;
const HEIGHT = 24;

/**
 * The bins of a column's histogram, whatever way they are written: counts with their edges,
 * or one object a bin.
 * @param {any} c
 * @returns {Bin[]}
 */
export function histogramBins(c) {
  const hist = c.histogram;
  if (!hist) return [];
  if (Array.isArray(hist)) {
    return hist.map((b) =>
      typeof b === "number" ? { label: "", n: b } : { label: range(b.from ?? b.min ?? b.low ?? b.lo ?? b.start, b.to ?? b.max ?? b.high ?? b.hi ?? b.end), n: b.count ?? b.n ?? 0 },
    );
  }
  const counts = Array.isArray(hist.counts) ? hist.counts : Array.isArray(hist.bins) ? hist.bins : [];
  const edges = Array.isArray(hist.edges) ? hist.edges : spread(hist.min ?? c.min, hist.max ?? c.max, counts.length);
  return counts.map((/** @type {number} */ n, /** @type {number} */ i) => ({ label: range(edges[i], edges[i + 1]), n }));
}

/** @param {any} from @param {any} to @param {number} n */
function spread(from, to, n) {
  const a = Number(from);
  const b = Number(to);
  if (!Number.isFinite(a) || !Number.isFinite(b)) return [];
  return Array.from({ length: n + 1 }, (_, i) => a + ((b - a) * i) / n);
}

/** @param {any} from @param {any} to */
function range(from, to) {
  if (from === undefined) return "";
  const words = (/** @type {any} */ v) => (isNumber(v) ? number(v) : String(v));
  return to === undefined ? words(from) : `${words(from)} to ${words(to)}`;
}

/**
 * @param {Bin[]} bins
 * @param {string} label for those who cannot see it
 * @param {boolean} [apart] values of their own, not neighbours
 */
export function histogram(bins, label, apart = false) {
  const most = Math.max(1, ...bins.map((b) => b.n));
  const slot = WIDTH / Math.max(bins.length, apart ? 6 : 1);
  const gap = slot > 5 ? 1.5 : slot > 2.5 ? 0.75 : 0;
  const bars = bins.map((b, i) => {
    const height = b.n === 0 ? 0 : Math.max(1.5, (b.n / most) * HEIGHT);
    return s(
      "g",
      null,
      s("title", null, `${b.label ? `${b.label}: ` : ""}${integer(b.n)}`),
      s("rect", { class: "hit", x: (i * slot).toFixed(2), y: 0, width: slot.toFixed(2), height: HEIGHT }),
      s("rect", { class: "bin", x: (i * slot).toFixed(2), y: (HEIGHT - height).toFixed(2), width: Math.max(0.5, slot - gap).toFixed(2), height: height.toFixed(2), rx: slot > 6 ? 1 : 0 }),
    );
  });
  return s("svg", { class: apart ? "hist apart" : "hist", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label }, ...bars);
}
