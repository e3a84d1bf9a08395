// Alerts, what they measure now, and the webhooks that send events on.

import { MEASURES, alertWords, measured } from "../alert.js";
import { may } from "../access.js";
import { attr, h, icon, keyed, setIcon, show, text } from "../dom.js";
import { absolute, ago, isolated, quoted } from "../format.js";
import { createAlert, deleteAlert, getAlerts } from "../notifyapi.js";
import { Pushed, byName } from "../pushed.js";
import { numberOrText } from "../queue.js";
import { headed, placeTable, run, unloaded } from "./place.js";
import { ask } from "./question.js";
import { fillIn } from "./sheet.js";
import { toast } from "./toast.js";
import { WebhooksPart } from "./webhooks.js";

/** @import { Alert, Message } from "../types.js" */
/** @import { PlaceContext } from "../places.js" */

export class AlertsView {
  #table = placeTable("Alerts", ["Alert", "State", "Now", ""]);
  #wait = h("p", { class: "place-note" }, "Loading…");
  #none = h("p", { class: "place-note", hidden: true }, "There is no alert.");
  #new = h("button", { type: "button", class: "button primary operator", onclick: () => void this.#add() }, "New alert…");
  #webhooks;
  el = headed("Alerts", "An alert fires while tasks wait for too long, pile up or fail too often. That it fires and recovers are events, which webhooks send to other servers.", this.#wait, h("div", { class: "place-tools" }, this.#new), this.#none, this.#table.el);
  /** @type {Map<string, AlertRow>} */
  #rows = new Map();
  /** @type {Pushed<Alert>} */
  #alerts;

  /** @param {() => void} dirty */
  constructor(dirty) {
    this.#alerts = new Pushed({ view: "alerts", key: (a) => a.name, before: byName, fetch: getAlerts, failed: unloaded(this.#wait, "alerts"), changed: dirty });
    this.#webhooks = new WebhooksPart(dirty);
    this.el.append(this.#webhooks.el);
  }

  get views() {
    return may("admin") ? "alerts,webhooks" : "alerts";
  }

  open() {
    this.#alerts.open();
    this.#webhooks.open();
  }

  close() {
    this.#alerts.close();
    this.#webhooks.close();
  }

  /** @param {Message} m */
  received(m) {
    this.#alerts.received(m);
    this.#webhooks.received(m);
  }

  /** @param {PlaceContext} c */
  draw(c) {
    const list = this.#alerts.rows;
    show(this.#new, may("operator"));
    show(this.#wait, list === null);
    show(this.#none, list?.length === 0);
    show(this.#table.el, list !== null && list.length > 0);
    this.#webhooks.draw(c);
    if (list === null) return;
    const again = () => this.#alerts.again();
    keyed(this.#table.body, this.#rows, list, (a) => a.name, () => new AlertRow(again));
    for (const a of list) this.#rows.get(a.name)?.age(c);
  }

  async #add() {
    const made = await fillIn({
      title: "New alert",
      wide: true,
      fields: [
        { name: "name", label: "Name", hint: "Such as slow-orders." },
        { name: "when", label: "What is measured", choices: MEASURES },
        { name: "above", label: "Fires above", hint: "Such as 600, or 0.1 for one task in ten.", numeric: true },
        { name: "for_seconds", label: "For how many seconds", hint: "It must hold for that long, and not hold to recover.", value: "30", numeric: true },
        { name: "queue", label: "Queue (optional)", hint: "Empty: all. Not for failing tasks." },
        { name: "task_type", label: "Task type (optional)", hint: "Empty: all. Only for failing tasks." },
      ],
      yes: "Create alert",
      send: ({ name, when, above, for_seconds, queue, task_type }) =>
        createAlert({ name, when, above: numberOrText(above), for_seconds: numberOrText(for_seconds), queue: queue || null, task_type: task_type || null }),
    });
    if (made) toast("The alert is created");
    this.#alerts.again();
  }
}

class AlertRow {
  #name = h("span", { class: "place-name", dir: "auto" });
  #about = h("p", { class: "place-why", dir: "auto" });
  #shape = icon("SUCCESS");
  #word = h("span", null);
  #state = h("span", { class: "place-state" }, this.#shape, this.#word);
  #when = h("p", { class: "place-why" });
  #now = h("span", null);
  #delete = h("button", { type: "button", class: "button small operator", onclick: () => void this.#remove() }, "Delete…");
  el = h(
    "tr",
    { role: "row" },
    h("th", { role: "rowheader", scope: "row", class: "c-name" }, this.#name, this.#about),
    h("td", { role: "cell", "data-label": "State" }, this.#state, this.#when),
    h("td", { role: "cell", "data-label": "Now", class: "num" }, this.#now),
    h("td", { role: "cell", class: "c-act" }, this.#delete),
  );
  #again;
  /** @type {Alert} */
  #alert = /** @type {any} */ (null);

  /** @param {() => void} again fetches the alerts */
  constructor(again) {
    this.#again = again;
  }

  /** @param {Alert} a */
  update(a) {
    this.#alert = a;
    attr(this.el, "data-alert", a.name);
    text(this.#name, a.name);
    text(this.#about, alertWords(a));
    attr(this.#state, "data-tone", a.firing ? "bad" : "good");
    setIcon(this.#shape, a.firing ? "FAILED" : "SUCCESS");
    text(this.#word, a.firing ? "Fires" : "OK");
    text(this.#now, measured(a.when, a.value));
    show(this.#delete, may("operator"));
    attr(this.#delete, "aria-label", `Delete ${a.name}…`);
  }

  /** Updates the times. @param {PlaceContext} c */
  age(c) {
    const { firing, fired_at, recovered_at } = this.#alert;
    const at = firing ? fired_at : recovered_at;
    text(this.#when, at === null ? "It has never fired" : firing ? `since ${ago(at, c.now)}` : `recovered ${ago(at, c.now)}`);
    attr(this.#when, "title", at === null ? null : absolute(at));
  }

  async #remove() {
    const { name } = this.#alert;
    if (!(await ask({ title: `Delete ${quoted(name)}?`, text: "The alert does not fire any more. Its events stay in the log.", yes: "Delete alert", no: "Keep it", bad: true }))) return;
    await run(() => deleteAlert(name), `Deleted: alert ${isolated(name)}`, this.#again);
  }
}
