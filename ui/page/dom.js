// Small helpers for the DOM. Text is always inserted as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * Makes an element. Keys that start with "on" are listeners, "class" is the class,
 * true and false set and leave out an attribute.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any> | null} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  if (props) assign(el, props);
  append(el, children);
  return el;
}

/**
 * The same for SVG.
 * @param {string} tag
 * @param {Record<string, any> | null} [props]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function s(tag, props, ...children) {
  const el = /** @type {SVGElement} */ (document.createElementNS(SVG, tag));
  if (props) assign(el, props);
  append(el, children);
  return el;
}

/**
 * @param {Element} el
 * @param {Record<string, any>} props
 */
function assign(el, props) {
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) el.addEventListener(key.slice(2), value);
    else el.setAttribute(key, value === true ? "" : String(value));
  }
}

/**
 * @param {Element} el
 * @param {Child[]} children
 */
function append(el, children) {
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) el.append(child);
  }
}

/**
 * An icon of the page's sprite. Screen readers skip it: put a word beside it or a label
 * around it.
 * @param {string} name
 * @param {string} [className]
 */
export function icon(name, className = "") {
  return s("svg", { class: `icon ${className}`.trim(), "aria-hidden": "true" }, s("use", { href: `#i-${name}` }));
}

/**
 * Points an icon at another symbol.
 * @param {Element} svg
 * @param {string} name
 */
export function setIcon(svg, name) {
  const use = svg.firstElementChild;
  if (use) attr(use, "href", `#i-${name}`);
}

/**
 * Sets text if it changed.
 * @param {Node} node
 * @param {string} value
 */
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

/**
 * Sets text if it changed, with a part of it as a link.
 * @param {Element} el
 * @param {string} words
 * @param {string} part "" = no link
 * @param {string} href
 */
export function linkIn(el, words, part, href) {
  const at = part === "" ? -1 : words.indexOf(part);
  if (at < 0) return text(el, words);
  const link = el.querySelector("a");
  if (link && el.textContent === words) return attr(link, "href", href);
  el.replaceChildren(words.slice(0, at), h("a", { class: "to-task", href }, part), words.slice(at + part.length));
}

/**
 * Sets or removes an attribute if it changed.
 * @param {Element} el
 * @param {string} name
 * @param {string | number | boolean | null} value
 */
export function attr(el, name, value) {
  if (value === null || value === false) {
    if (el.hasAttribute(name)) el.removeAttribute(name);
    return;
  }
  const next = value === true ? "" : String(value);
  if (el.getAttribute(name) !== next) el.setAttribute(name, next);
}

/**
 * Shows or hides.
 * @param {HTMLElement} el
 * @param {boolean} visible
 */
export function show(el, visible) {
  if (el.hidden === visible) el.hidden = !visible;
}

/**
 * Makes parent's children those of the items, in order, keeping an element as long as its
 * key stays.
 * @template T
 * @template {{ el: Element, update: (item: T) => void }} V
 * @param {Element} parent
 * @param {Map<string, V>} views of this parent, kept between calls
 * @param {T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => V} create
 * @param {Element | null} [after] the fixed child that the items follow
 */
export function keyed(parent, views, items, key, create, after = null) {
  const wanted = new Set(items.map(key));
  for (const [k, view] of views) {
    if (wanted.has(k)) continue;
    view.el.remove();
    views.delete(k);
  }
  let at = after ? after.nextElementSibling : parent.firstElementChild;
  for (const item of items) {
    const k = key(item);
    let view = views.get(k);
    if (!view) {
      view = create(item);
      views.set(k, view);
    }
    view.update(item);
    if (view.el === at) at = at.nextElementSibling;
    else parent.insertBefore(view.el, at);
  }
}

/**
 * The element with that id, which the page has.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  const el = document.getElementById(id);
  if (!el) throw new Error(`the page has no #${id}`);
  return /** @type {T} */ (el);
}

/**
 * Whether keys typed now belong to a field.
 * @param {EventTarget | null} target
 */
export function isField(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;
}

/** Draws in the next animation frame, once for all changes since the last. */
export class Frame {
  #requested = false;
  #draw;

  /** @param {() => void} draw */
  constructor(draw) {
    this.#draw = draw;
  }

  /** Draws in the next frame. */
  request = () => {
    if (this.#requested) return;
    this.#requested = true;
    requestAnimationFrame(() => {
      this.#requested = false;
      this.#draw();
    });
  };
}
