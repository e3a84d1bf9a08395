// JSON whose numbers keep their digits. JavaScript's numbers are doubles: 9007199254740993
// becomes …992, 1.0 becomes 1, 1e400 becomes Infinity. A number that would not be written
// as it was read is an Exact here, which knows its text; all others are plain numbers. Pure.

export class Exact {
  /** @param {string} text a number as JSON has it */
  constructor(text) {
    this.text = text;
    Object.freeze(this);
  }

  toString() {
    return this.text;
  }

  /** The nearest double: for charts, never for what is shown or sent. */
  valueOf() {
    return Number(this.text);
  }
}

/** @param {unknown} value @returns {value is number | Exact} */
export function isNumber(value) {
  return typeof value === "number" || value instanceof Exact;
}

/**
 * A number that keeps its digits.
 * @param {string} text a number as JSON has it
 */
export function exact(text) {
  const n = Number(text);
  return String(n) === text ? n : new Exact(text);
}

/** What a text must hold for one of its numbers to lose digits; strings may hold it too. */
const RISKY = /\d{16}|[\d.]{17}|\d[eE]|\.\d*0(?!\d)|\.0{6}|-0(?![\d.])/;

/**
 * Reads JSON. Errors are those of JSON.parse.
 * @param {string} text
 * @returns {any}
 */
export function parse(text) {
  const plain = JSON.parse(text);
  return RISKY.test(text) ? new Reader(text).value() : plain;
}

/** Reads a text that is known to be JSON. */
class Reader {
  #text;
  #at = 0;

  /** @param {string} text */
  constructor(text) {
    this.#text = text;
  }

  /** @returns {any} */
  value() {
    switch (this.#next()) {
      case "{":
        return this.#object();
      case "[":
        return this.#array();
      case '"':
        return this.#string();
      case "t":
        return this.#word(4, true);
      case "f":
        return this.#word(5, false);
      case "n":
        return this.#word(4, null);
      default:
        return this.#number();
    }
  }

  /** The next character that is no space. */
  #next() {
    while (" \t\n\r".includes(this.#text[this.#at])) this.#at++;
    return this.#text[this.#at];
  }

  /** @param {number} length @param {boolean | null} value */
  #word(length, value) {
    this.#at += length;
    return value;
  }

  #number() {
    const start = this.#at;
    while (this.#at < this.#text.length && "+-.0123456789eE".includes(this.#text[this.#at])) this.#at++;
    return exact(this.#text.slice(start, this.#at));
  }

  #string() {
    const start = this.#at++;
    while (this.#text[this.#at] !== '"') this.#at += this.#text[this.#at] === "\\" ? 2 : 1;
    return JSON.parse(this.#text.slice(start, ++this.#at));
  }

  #array() {
    /** @type {any[]} */
    const list = [];
    this.#at++;
    while (this.#next() !== "]") {
      list.push(this.value());
      if (this.#next() === ",") this.#at++;
    }
    this.#at++;
    return list;
  }

  #object() {
    /** @type {Record<string, any>} */
    const object = {};
    this.#at++;
    while (this.#next() !== "}") {
      const key = this.#string();
      this.#next();
      this.#at++; // the colon
      const value = this.value();
      if (key === "__proto__") Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      else object[key] = value;
      if (this.#next() === ",") this.#at++;
    }
    this.#at++;
    return object;
  }
}

/**
 * Writes JSON as JSON.stringify does, numbers with the digits they were read with.
 * @param {any} value what parse gives
 * @param {number} [indent] spaces a level; 0 = all in one line
 */
export function stringify(value, indent = 0) {
  return write(value, indent, "\n");
}

/**
 * @param {any} value
 * @param {number} indent
 * @param {string} line the end of a line and the spaces of the one that follows
 * @returns {string}
 */
function write(value, indent, line) {
  if (value instanceof Exact) return value.text;
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  const list = Array.isArray(value);
  const deeper = line + " ".repeat(indent);
  const parts = list
    ? value.map((v) => write(v, indent, deeper))
    : Object.entries(value)
        .filter(([, v]) => v !== undefined)
        .map(([k, v]) => `${JSON.stringify(k)}:${indent > 0 ? " " : ""}${write(v, indent, deeper)}`);
  const [open, close] = list ? "[]" : "{}";
  if (parts.length === 0) return open + close;
  return indent > 0 ? `${open}${deeper}${parts.join(`,${deeper}`)}${line}${close}` : `${open}${parts.join(",")}${close}`;
}

/**
 * A number as a person types it, as JSON has it: "+5" is 5, ".5" is 0.5. "" when it is none.
 * @param {string} typed
 */
export function numberText(typed) {
  const m = /^([+-]?)(\d*)(?:\.(\d*))?([eE][+-]?\d+)?$/.exec(typed.trim());
  if (!m || (m[2] === "" && !m[3])) return "";
  const [, sign, whole, fraction, power = ""] = m;
  return (sign === "-" ? "-" : "") + (whole.replace(/^0+(?=\d)/, "") || "0") + (fraction ? `.${fraction}` : "") + power;
}

/**
 * The digits of a number without zeros around them, and the place of its point: 0.digits
 * times ten to the point.
 * @param {string} text
 */
function digitsOf(text) {
  const [, sign, whole, fraction = "", power = "0"] = /** @type {RegExpExecArray} */ (/^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text));
  const all = whole + fraction;
  const digits = all.replace(/^0+/, "").replace(/0+$/, "");
  const leading = all.length - all.replace(/^0+/, "").length;
  return { negative: sign === "-" && digits !== "", digits, point: digits === "" ? 0 : whole.length - leading + Number(power) };
}

/** @param {string} text a number as JSON has it */
export function isWhole(text) {
  const { digits, point } = digitsOf(text);
  return digits.length <= point || digits === "";
}

/**
 * Compares numbers by all of their digits: below 0, 0 or above 0.
 * @param {string} a
 * @param {string} b
 */
export function compare(a, b) {
  const x = digitsOf(a);
  const y = digitsOf(b);
  if (x.negative !== y.negative) return x.negative ? -1 : 1;
  if (x.digits === y.digits && x.point === y.point) return 0;
  const smaller = x.digits === "" || y.digits === "" ? x.digits === "" : x.point === y.point ? x.digits < y.digits : x.point < y.point;
  return smaller === x.negative ? 1 : -1;
}
