// A list that the stream pushes: fetched when it is opened, then kept by the changed rows in the messages.

import { serverNow } from "./api.js";
import { Refresh } from "./refresh.js";

/** @import { Message } from "./types.js" */

/** @template T @typedef {T & { seenAt: number }} Seen a row, and the server's time when it came, in milliseconds */

/** @template T */
export class Pushed {
  /** In the order of the list; null until it was fetched. @type {Seen<T>[] | null} */
  rows = null;
  #o;
  /** The latest message came from a stream that has this view. */
  #had = false;
  #refresh = new Refresh(() => this.#fetch());
  #fetching = false;
  /** How often it was restarted. */
  #version = 0;

  /**
   * view is its name; before compares as for sort; shows says whether a row is in the list, by default all are; most is how
   * many rows it has at most.
   * @param {{
   *   view: string,
   *   key: (row: T) => string,
   *   before: (a: T, b: T) => number,
   *   fetch: () => Promise<T[]>,
   *   failed: (err: unknown) => void,
   *   changed: () => void,
   *   shows?: (row: T) => boolean,
   *   most?: number,
   * }} options
   */
  constructor(options) {
    this.#o = options;
  }

  open() {
    this.#refresh.open();
  }

  close() {
    this.#had = false;
    this.#refresh.close();
  }

  /** Fetches the list now. */
  again() {
    this.#refresh.now();
  }

  /** Forgets the list, for it shows others now, and fetches it. */
  restart() {
    this.rows = null;
    this.#version++;
    this.#refresh.now();
  }

  /** Fetches the list, at most once a second. */
  soon() {
    this.#refresh.soon();
  }

  /**
   * @param {Message} m
   * @returns {boolean} whether it concerns the list
   */
  received(m) {
    const { view } = this.#o;
    const had = this.#had;
    this.#had = m.pushes?.includes(view) ?? false;
    const changes = m.views?.[view];
    const behind = !had || !this.#had || changes?.truncated || (changes && this.#fetching);
    if (behind) this.#refresh.soon();
    else if (changes && this.rows) this.#take(this.rows, changes);
    return behind || changes !== undefined;
  }

  /**
   * @param {Seen<T>[]} now
   * @param {{ rows: T[], removed: string[] }} changes
   */
  #take(now, { rows, removed }) {
    const { key, shows = () => true, before, most = Infinity, changed } = this.#o;
    const gone = new Set([...removed, ...rows.map(key)]);
    const kept = now.filter((row) => !gone.has(key(row)));
    this.rows = [...kept, ...seen(rows.filter(shows))].sort(before).slice(0, most);
    changed();
  }

  async #fetch() {
    this.#fetching = true;
    const version = this.#version;
    try {
      const rows = await this.#o.fetch();
      if (version === this.#version) this.rows = seen(rows);
    } catch (err) {
      this.#o.failed(err);
    }
    this.#fetching = false;
    this.#o.changed();
  }
}

/** @template T @param {T[]} rows @returns {Seen<T>[]} */
function seen(rows) {
  const seenAt = serverNow();
  return rows.map((row) => ({ ...row, seenAt }));
}

/** For sort, by the names that rows have: in the order of their code units, as the server lists them. @param {{ name: string }} a @param {{ name: string }} b */
export const byName = (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
