// Where the tasks of a workflow are drawn: in layers from left to right, each task in a layer after all that it depends on. Pure.
//
// The way is that of Sugiyama, Tagawa and Toda (1981): layers by the longest path; an edge over several layers becomes a chain of
// places without a box; in each layer the order follows the average place of the neighbours, in sweeps to and fro; last come the heights.

/** @typedef {{ name: string, after: string[] }} Node a task, and the names of those that it depends on */

/** @typedef {{ name: string, x: number, y: number, layer: number }} Box the upper left corner of a task's box */

/** @typedef {{ from: string, to: string, path: string }} Line an edge, as the path of SVG */

/** @typedef {{ width: number, height: number, boxes: Box[], lines: Line[] }} Graph in pixels; boxes are sorted by layer, then from top to bottom */

/** Sizes in pixels: of a box, and the space between layers and between boxes of a layer. */
export const BOX = { width: 168, height: 44, across: 56, down: 16 };

const SWEEPS = 8;

/**
 * A place in a layer: of a box, or where an edge crosses the layer.
 * @typedef {{ name: string, layer: number, at: number, y: number, box: boolean, before: Place[], after: Place[] }} Place
 */

/**
 * Lays out tasks. Edges to names that are not there are left out, and so are those that would close a circle.
 * @param {Node[]} nodes
 * @returns {Graph}
 */
export function layOut(nodes) {
  const layers = layersOf(nodes);
  /** @type {Place[][]} */
  const columns = [];
  /** @type {Map<string, Place>} */
  const places = new Map();
  /** @param {string} name @param {number} layer @param {boolean} box */
  const put = (name, layer, box) => {
    const column = (columns[layer] ??= []);
    const place = { name, layer, at: column.length, y: 0, box, before: [], after: [] };
    column.push(place);
    return place;
  };
  for (let i = 0; i < Math.max(0, ...layers.values()) + 1; i++) columns[i] = [];
  for (const { name } of nodes) places.set(name, put(name, layers.get(name) ?? 0, true));
  /** @type {{ from: string, to: string, way: Place[] }[]} */
  const ways = [];
  for (const { name, after } of nodes) {
    for (const other of new Set(after)) {
      const from = places.get(other);
      const to = places.get(name);
      if (!from || !to || from.layer >= to.layer) continue;
      const way = [from];
      for (let layer = from.layer + 1; layer < to.layer; layer++) way.push(put("", layer, false));
      way.push(to);
      for (let i = 1; i < way.length; i++) {
        way[i - 1].after.push(way[i]);
        way[i].before.push(way[i - 1]);
      }
      ways.push({ from: other, to: name, way });
    }
  }
  sort(columns);
  setHeights(columns);
  return draw(columns, ways);
}

/**
 * The layer of each task: how many tasks are on the longest way to it.
 * @param {Node[]} nodes
 */
export function layersOf(nodes) {
  const byName = new Map(nodes.map((n) => [n.name, n]));
  /** @type {Map<string, number>} */
  const layers = new Map();
  /** @type {Set<string>} */
  const open = new Set();
  for (const first of nodes) {
    const stack = [first];
    while (stack.length > 0) {
      const n = stack[stack.length - 1];
      if (layers.has(n.name)) {
        stack.pop();
        continue;
      }
      open.add(n.name);
      const missing = n.after.map((name) => byName.get(name)).filter((o) => o !== undefined && !layers.has(o.name) && !open.has(o.name));
      if (missing.length > 0) {
        stack.push(/** @type {Node} */ (missing[0]));
        continue;
      }
      layers.set(n.name, Math.max(-1, ...n.after.map((name) => layers.get(name) ?? -1)) + 1);
      open.delete(n.name);
      stack.pop();
    }
  }
  return layers;
}

/**
 * Puts the places of each layer into an order in which few edges cross.
 * @param {Place[][]} columns
 */
function sort(columns) {
  let best = columns.map((c) => [...c]);
  let fewest = crossings(columns);
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep++) {
    const down = sweep % 2 === 0;
    for (const column of down ? columns : [...columns].reverse()) {
      const wish = new Map(column.map((p) => [p, average(down ? p.before : p.after, (o) => o.at) ?? p.at]));
      column.sort((a, b) => (wish.get(a) ?? 0) - (wish.get(b) ?? 0));
      number(column);
    }
    const now = crossings(columns);
    if (now < fewest) {
      fewest = now;
      best = columns.map((c) => [...c]);
    }
  }
  best.forEach((column, i) => {
    columns[i] = column;
    number(column);
  });
}

/** @param {Place[]} column */
function number(column) {
  column.forEach((p, i) => (p.at = i));
}

/**
 * How many pairs of edges cross.
 * @param {Place[][]} columns
 */
function crossings(columns) {
  let n = 0;
  for (const column of columns) {
    const ends = column.flatMap((p) => p.after.map((o) => o.at).sort((a, b) => a - b));
    // Each edge crosses those before it in the order of their starts that end after its end. A Fenwick tree counts these.
    const size = 1 + Math.max(0, ...ends);
    const tree = new Array(size + 1).fill(0);
    ends.forEach((end, seen) => {
      let upTo = 0;
      for (let i = end + 1; i > 0; i -= i & -i) upTo += tree[i];
      n += seen - upTo;
      for (let i = end + 1; i <= size; i += i & -i) tree[i]++;
    });
  }
  return n;
}

/**
 * Sets the height of each place: near those of its neighbours, and with room between it and the places beside it.
 * @param {Place[][]} columns
 */
function setHeights(columns) {
  for (const column of columns) column.forEach((p, i) => (p.y = i * (BOX.height + BOX.down)));
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const down = sweep % 2 === 0;
    for (const column of down ? columns : [...columns].reverse()) {
      for (const p of column) p.y = average(down ? p.before : p.after, (o) => o.y) ?? p.y;
      spread(column);
    }
  }
  const top = Math.min(...columns.flat().map((p) => p.y));
  for (const p of columns.flat()) p.y -= top;
}

/**
 * Moves places apart that are too near, up and down by the same.
 * @param {Place[]} column in order
 */
function spread(column) {
  const low = column.map((p) => p.y);
  const high = [...low];
  for (let i = 1; i < column.length; i++) low[i] = Math.max(low[i], low[i - 1] + room(column[i - 1], column[i]));
  for (let i = column.length - 2; i >= 0; i--) high[i] = Math.min(high[i], high[i + 1] - room(column[i], column[i + 1]));
  column.forEach((p, i) => (p.y = (low[i] + high[i]) / 2));
}

/** How far below one place the next may begin. @param {Place} a @param {Place} b */
function room(a, b) {
  return a.box || b.box ? BOX.height + BOX.down : BOX.down;
}

/**
 * @param {Place[]} places
 * @param {(p: Place) => number} of
 */
function average(places, of) {
  return places.length === 0 ? null : places.reduce((sum, p) => sum + of(p), 0) / places.length;
}

/**
 * @param {Place[][]} columns
 * @param {{ from: string, to: string, way: Place[] }[]} ways
 * @returns {Graph}
 */
function draw(columns, ways) {
  const x = (/** @type {Place} */ p) => p.layer * (BOX.width + BOX.across);
  const middle = (/** @type {Place} */ p) => round(p.y + BOX.height / 2);
  const boxes = columns.flatMap((column) => column.filter((p) => p.box).map((p) => ({ name: p.name, x: x(p), y: round(p.y), layer: p.layer })));
  const lines = ways.map(({ from, to, way }) => {
    let path = `M${x(way[0]) + BOX.width} ${middle(way[0])}`;
    for (let i = 1; i < way.length; i++) {
      const left = x(way[i]);
      const half = left - BOX.across / 2;
      path += `C${half} ${middle(way[i - 1])} ${half} ${middle(way[i])} ${left} ${middle(way[i])}`;
      if (i < way.length - 1) path += `H${left + BOX.width}`;
    }
    return { from, to, path };
  });
  return {
    width: columns.length * (BOX.width + BOX.across) - BOX.across,
    height: round(Math.max(0, ...columns.flat().map((p) => p.y)) + BOX.height),
    boxes,
    lines,
  };
}

/** @param {number} n */
function round(n) {
  return Math.round(n * 10) / 10;
}
