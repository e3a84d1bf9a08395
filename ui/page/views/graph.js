// The graph of a workflow. It is a picture: the list beside it says the same to keyboard and screen reader.

import { attr, s, text } from "../dom.js";
import { BOX, layOut } from "../graph.js";
import { STATUS_WORDS } from "../task.js";

/** @import { Status } from "../types.js" */

/** A task of the graph: the names of those that it depends on, of those among them that let it start, and what is said of it below its name. @typedef {{ name: string, after: string[], met: Set<string>, status: Status, note: string, href: string }} GraphNode */

/** Larger graphs are not drawn: nobody could read them. */
export const MOST_DRAWN = 400;

/** Letters of a note that a box has room for. */
const LETTERS = 17;

/** The room of a name, in pixels. */
const NAME_ROOM = BOX.width - 34 - 10;

export class GraphView {
  #svg = s("svg", { class: "graph", "aria-hidden": "true" });
  el = this.#svg;
  #drawn = "";
  /** @type {Map<string, ReturnType<typeof boxView>>} */
  #boxes = new Map();
  /** @type {{ from: string, to: string, el: SVGElement }[]} */
  #lines = [];

  /** @param {GraphNode[]} nodes at most MOST_DRAWN */
  update(nodes) {
    const shape = JSON.stringify(nodes.map((n) => [n.name, n.after]));
    if (shape !== this.#drawn) {
      this.#drawn = shape;
      this.#draw(nodes);
    }
    for (const n of nodes) this.#boxes.get(n.name)?.update(n);
    const met = new Map(nodes.map((n) => [n.name, n.met]));
    for (const { from, to, el } of this.#lines) attr(el, "data-met", met.get(to)?.has(from) ?? false);
  }

  /** @param {GraphNode[]} nodes */
  #draw(nodes) {
    const g = layOut(nodes);
    const edge = 6; // room for the outline of a focused or running box
    attr(this.#svg, "viewBox", `${-edge} ${-edge} ${g.width + 2 * edge} ${g.height + 2 * edge}`);
    attr(this.#svg, "width", g.width + 2 * edge);
    attr(this.#svg, "height", g.height + 2 * edge);
    this.#lines = g.lines.map(({ from, to, path }) => ({ from, to, el: s("path", { class: "graph-line", d: path }) }));
    this.#boxes = new Map(g.boxes.map((b) => [b.name, boxView(b.name, b.x, b.y)]));
    this.#svg.replaceChildren(...this.#lines.map((l) => l.el), ...[...this.#boxes.values()].map((b) => b.el));
    const kept = [...this.#boxes].map(([name, b]) => fitting(b.name, name)); // all are measured before one is changed: one layout
    [...this.#boxes].forEach(([name, b], i) => text(b.name, kept[i] === name.length ? name : `${name.slice(0, kept[i])}…`));
  }
}

/** @param {string} name @param {number} x @param {number} y */
function boxView(name, x, y) {
  const use = s("use", { href: "#i-PENDING", width: 16, height: 16 });
  const note = s("text", { class: "graph-note", x: 34, y: 33 });
  const title = s("title", null);
  const label = s("text", { class: "graph-name", x: 34, y: 18 }, name);
  const el = s(
    "a",
    { class: "graph-box", tabindex: -1, transform: `translate(${x} ${y})`, "data-node": name },
    title,
    s("rect", { width: BOX.width, height: BOX.height, rx: 8 }),
    s("svg", { class: "graph-icon", x: 11, y: 14, width: 16, height: 16, viewBox: "0 0 16 16" }, use),
    label,
    note,
  );
  return {
    el,
    name: /** @type {SVGTextElement} */ (label),
    /** @param {GraphNode} n */
    update(n) {
      attr(el, "data-status", n.status);
      attr(el, "href", n.href);
      attr(use, "href", `#i-${n.status}`);
      text(title, `${name}: ${STATUS_WORDS[n.status] ?? n.status}${n.note === "" ? "" : `, ${n.note}`}`);
      text(note, cut(n.note === "" ? (STATUS_WORDS[n.status] ?? n.status) : n.note));
    },
  };
}

/**
 * How many UTF-16 units of a name fit into its box, with the sign that there are more. Letters differ in width, so they are measured.
 * @param {SVGTextElement} label shows the whole name
 * @param {string} name
 */
function fitting(label, name) {
  if (label.getComputedTextLength() <= NAME_ROOM) return name.length;
  const ellipsis = 13; // as wide as the font is high
  let n = 0;
  for (const letter of name) {
    if (label.getSubStringLength(0, n + letter.length) > NAME_ROOM - ellipsis) break;
    n += letter.length;
  }
  return n;
}

/** @param {string} words */
function cut(words) {
  const letters = [...words];
  return letters.length <= LETTERS ? words : `${letters.slice(0, LETTERS - 1).join("")}…`;
}
