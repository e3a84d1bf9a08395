// Formats numbers, sizes and times. Pure: the time is a parameter.

const nf = new Intl.NumberFormat("en-US");
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** @param {number} n */
export function integer(n) {
  return nf.format(Math.round(n));
}

/**
 * Short from 10,000 up: "12.3K".
 * @param {number} n
 */
export function short(n) {
  return Math.abs(n) < 10_000 ? nf.format(n) : compact.format(n);
}

const three = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });

/**
 * At most five characters up to a billion: "9,999", "12.3K", "123K".
 * @param {number} n
 */
export function brief(n) {
  return Math.abs(n) < 10_000 ? nf.format(n) : three.format(n);
}

/**
 * A measured value: at most four significant digits. Whole numbers have all of theirs: a
 * number that is an id must not look like another one.
 * @param {unknown} value
 */
export function number(value) {
  const n = Number(value);
  if (value === null || value === undefined || value === "" || Number.isNaN(n)) return "–";
  const whole = /^(-?)(\d+)(?:\.0+)?$/.exec(String(value));
  if (whole && whole[2].length >= 7) return whole[1] + whole[2].replace(/\B(?=(\d{3})+$)/g, ",");
  if (!Number.isFinite(n)) return String(value);
  const abs = Math.abs(n);
  if (Number.isInteger(n) && abs < 1e7) return nf.format(n);
  if (abs >= 1e7) return compact.format(n);
  if (abs !== 0 && abs < 1e-4) return n.toExponential(2);
  return new Intl.NumberFormat("en-US", { maximumSignificantDigits: abs >= 1000 ? 6 : 4 }).format(n);
}

/** @param {number} n */
export function bytes(n) {
  if (!Number.isFinite(n) || n < 0) return "–";
  if (n < 1000) return `${n} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = n;
  let i = -1;
  do {
    value /= 1000;
    i++;
  } while (value >= 999.5 && i < units.length - 1);
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[i]}`;
}

/**
 * A span of milliseconds: "340 ms", "4.2 s", "3 min 04 s", "2 h 05 min", "3 d 4 h".
 * @param {number} ms
 */
export function span(ms) {
  if (!Number.isFinite(ms)) return "–";
  if (ms < 0) ms = 0;
  if (ms < 1) return ms === 0 ? "0 ms" : "<1 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 9.95) return `${s.toFixed(1)} s`;
  if (s < 59.5) return `${Math.round(s)} s`;
  const whole = Math.round(s);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** @param {number} n */
function pad(n) {
  return String(n).padStart(2, "0");
}

/**
 * A span to come, in whole seconds: a countdown does not show tenths.
 * @param {number} ms
 */
export function countdown(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  return s < 60 ? `${s} s` : span(s * 1000);
}

/**
 * How long ago, coarse: "now", "12 s ago", "5 min ago", "3 h ago", "2 d ago", then a date.
 * @param {string | null | undefined} at RFC 3339
 * @param {number} now milliseconds
 */
export function ago(at, now) {
  const t = time(at);
  if (t === null) return "–";
  const s = Math.floor((now - t) / 1000);
  if (s < -1) return `in ${countdown(t - now)}`;
  if (s < 2) return "now";
  if (s < 60) return `${s} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ago`;
  if (s < 86_400 * 30) return `${Math.floor(s / 86_400)} d ago`;
  return new Date(t).toISOString().slice(0, 10);
}

/**
 * Milliseconds of a time: RFC 3339, or microseconds as the log's data has them.
 * @param {unknown} at
 * @returns {number | null}
 */
export function time(at) {
  if (at === null || at === undefined || at === "" || at === 0) return null;
  if (typeof at === "number") return at / 1000;
  const t = Date.parse(String(at));
  return Number.isNaN(t) ? null : t;
}

/**
 * Date and time of day, local, to the millisecond.
 * @param {unknown} at
 */
export function absolute(at) {
  const t = time(at);
  if (t === null) return "–";
  const d = new Date(t);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${clock(t)}.${String(d.getMilliseconds()).padStart(3, "0")}`;
}

/**
 * Time of day, local: "12:03:04".
 * @param {number} ms
 */
export function clock(ms) {
  const d = new Date(ms);
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

/**
 * A ULID in ten characters.
 * @param {string} id
 */
export function shortId(id) {
  return id.length > 14 ? `${id.slice(0, 6)}…${id.slice(-4)}` : id;
}

/**
 * A percentage without noise: "42 %", "0.4 %".
 * @param {number} p
 */
export function percent(p) {
  if (p > 0 && p < 1) return `${p.toFixed(1)} %`;
  if (p > 99 && p < 100) return `${(Math.floor(p * 10) / 10).toFixed(1)} %`;
  return `${Math.round(p)} %`;
}

/**
 * "DATA_PROCESSING" → "Data processing".
 * @param {string} name
 */
export function humanize(name) {
  const words = name.replace(/[_.-]+/g, " ").trim();
  if (words === "") return name;
  const lower = words === words.toUpperCase() ? words.toLowerCase() : words;
  return lower.charAt(0).toUpperCase() + lower.slice(1);
}

/**
 * @param {number} n
 * @param {string} one
 * @param {string} [many]
 */
export function plural(n, one, many) {
  return `${integer(n)} ${n === 1 ? one : (many ?? `${one}s`)}`;
}

/**
 * Text of a user's inside a sentence: its direction does not reach its neighbours.
 * @param {string} value
 */
export function isolated(value) {
  return `\u2068${value.replace(/[\u202a-\u202e\u2066-\u2069]/g, "")}\u2069`;
}

/** @param {string} value */
export function quoted(value) {
  return `“${isolated(value)}”`;
}
