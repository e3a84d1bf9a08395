// The webhooks: where events are sent, how deliveries go, a test. Admins alone see them.

import { USUAL_EVENTS, webhookWords, wordsOf } from "../alert.js";
import { may } from "../access.js";
import { Problem } from "../api.js";
import { attr, h, icon, keyed, setIcon, show, text } from "../dom.js";
import { formatFilters, noFilters } from "../filters.js";
import { absolute, ago, integer, isolated, quoted } from "../format.js";
import { createWebhook, deleteWebhook, getWebhooks, testWebhook } from "../notifyapi.js";
import { Pushed, byName } from "../pushed.js";
import { copyButton } from "./copy.js";
import { placeTable, run } from "./place.js";
import { ask } from "./question.js";
import { fillIn } from "./sheet.js";
import { toast } from "./toast.js";

/** @import { Message, Webhook } from "../types.js" */
/** @import { PlaceContext } from "../places.js" */

export class WebhooksPart {
  #table = placeTable("Webhooks", ["Webhook", "Deliveries", "State", ""]);
  #none = h("p", { class: "place-note", hidden: true }, "There is no webhook. One sends events, such as each task that fails, to a URL, signed and tried again.");
  #new = h("button", { type: "button", class: "button", onclick: () => void this.#add() }, "New webhook…");
  #secretText = h("code", null);
  #secretAbout = h("p", null);
  #secret = h("div", { class: "place-none place-secret", role: "status", hidden: true }, this.#secretAbout, h("p", { class: "place-line" }, this.#secretText, copyButton(() => this.#secretText.textContent ?? "", "Copy the secret")));
  el = h("section", { class: "place-section", hidden: true }, h("h2", null, "Webhooks"), h("div", { class: "place-tools" }, this.#new), this.#secret, this.#none, this.#table.el);
  /** @type {Map<string, WebhookRow>} */
  #rows = new Map();
  /** @type {Pushed<Webhook>} */
  #hooks;

  /** @param {() => void} dirty */
  constructor(dirty) {
    this.#hooks = new Pushed({ view: "webhooks", key: (w) => w.name, before: byName, fetch: getWebhooks, failed() {}, changed: dirty });
  }

  open() {
    if (may("admin")) this.#hooks.open();
  }

  /** The secret of a new webhook is shown until the user goes elsewhere. */
  close() {
    this.#hooks.close();
    show(this.#secret, false);
    text(this.#secretText, "");
  }

  /** @param {Message} m */
  received(m) {
    if (may("admin")) this.#hooks.received(m);
  }

  /** @param {PlaceContext} c */
  draw(c) {
    const list = this.#hooks.rows;
    show(this.el, may("admin") && list !== null);
    if (list === null) return;
    show(this.#none, list.length === 0);
    show(this.#table.el, list.length > 0);
    const again = () => this.#hooks.again();
    keyed(this.#table.body, this.#rows, list, (w) => w.name, () => new WebhookRow(again));
    for (const w of list) this.#rows.get(w.name)?.age(c);
  }

  async #add() {
    /** @type {Webhook | null} */
    let made = null;
    await fillIn({
      title: "New webhook",
      wide: true,
      fields: [
        { name: "name", label: "Name", hint: "Such as orders." },
        { name: "url", label: "URL", hint: "Such as https://example.com/hooks/daybook." },
        { name: "events", label: "Events", hint: `Such as ${USUAL_EVENTS.join(" ")}.`, value: "task.failed", long: true },
        { name: "queue", label: "Only queues (optional)", hint: "Names with spaces between them. Empty: all." },
        { name: "task_type", label: "Only task types (optional)", hint: "Names with spaces between them. Empty: all." },
        { name: "tag", label: "Only tags (optional)", hint: "One of these. Empty: all." },
      ],
      yes: "Create webhook",
      send: async ({ name, url, events, queue, task_type, tag }) => {
        made = await createWebhook({ name, url, events: wordsOf(events), filter: { queue: wordsOf(queue), task_type: wordsOf(task_type), tag: wordsOf(tag) } });
      },
    });
    this.#hooks.again();
    const secret = /** @type {Webhook | null} */ (made);
    if (secret?.secret === undefined) return;
    text(this.#secretAbout, `The secret of ${quoted(secret.name)}, with which its receiver checks signatures. It is shown only now.`);
    text(this.#secretText, secret.secret);
    show(this.#secret, true);
  }
}

class WebhookRow {
  #name = h("span", { class: "place-name", dir: "auto" });
  #about = h("p", { class: "place-why", dir: "auto" });
  #url = h("p", { class: "place-why", dir: "auto" });
  #tasks = h("a", { class: "to-task" });
  #shape = icon("SUCCESS");
  #word = h("span", null);
  #state = h("span", { class: "place-state" }, this.#shape, this.#word);
  #when = h("p", { class: "place-why", dir: "auto" });
  #test = h("button", { type: "button", class: "button small", onclick: () => void this.#try() }, "Test");
  #delete = h("button", { type: "button", class: "button small", onclick: () => void this.#remove() }, "Delete…");
  el = h(
    "tr",
    { role: "row" },
    h("th", { role: "rowheader", scope: "row", class: "c-name" }, this.#name, this.#about, this.#url),
    h("td", { role: "cell", "data-label": "Deliveries" }, this.#tasks),
    h("td", { role: "cell", "data-label": "State" }, this.#state, this.#when),
    h("td", { role: "cell", class: "c-act" }, h("div", { class: "place-buttons" }, this.#test, this.#delete)),
  );
  #again;
  /** @type {Webhook} */
  #hook = /** @type {any} */ (null);

  /** @param {() => void} again fetches the webhooks */
  constructor(again) {
    this.#again = again;
  }

  /** @param {Webhook} w */
  update(w) {
    this.#hook = w;
    attr(this.el, "data-webhook", w.name);
    text(this.#name, w.name);
    text(this.#about, webhookWords(w));
    text(this.#url, w.url ?? "Its URL is damaged in the log");
    text(this.#tasks, `${integer(w.delivered)} of ${integer(w.queued)} delivered`);
    attr(this.#tasks, "href", `#/?${formatFilters({ ...noFilters(), tag: [`webhook:${w.name}`] })}`);
    const [word, tone, shape] = w.failing ? ["Fails", "bad", "FAILED"] : w.failing_since !== null ? ["Fails", "warn", "PARTIAL"] : w.last_delivered_at !== null ? ["Works", "good", "SUCCESS"] : ["New", "quiet", "PENDING"];
    attr(this.#state, "data-tone", tone);
    setIcon(this.#shape, shape);
    text(this.#word, word);
    attr(this.#test, "aria-label", `Test ${w.name}`);
    attr(this.#delete, "aria-label", `Delete ${w.name}…`);
  }

  /** Updates the times. @param {PlaceContext} c */
  age(c) {
    const { failing_since: from, last_error, last_delivered_at: last } = this.#hook;
    text(this.#when, from !== null ? `Since ${ago(from, c.now)}: ${isolated(last_error ?? "")}` : last !== null ? `Delivered ${ago(last, c.now)}` : "No delivery yet");
    attr(this.#when, "title", from ?? last ? absolute(from ?? last) : null);
  }

  async #try() {
    this.#test.disabled = true;
    try {
      const said = await testWebhook(this.#hook.name);
      if (said.delivered) toast(`The receiver of ${isolated(this.#hook.name)} answered ${said.status} in ${integer(said.duration_ms)} ms`);
      else toast(`The test event did not arrive: ${said.error}`, { bad: true });
    } catch (err) {
      if (!(err instanceof Problem)) throw err;
      toast(err.message, { bad: true });
    } finally {
      this.#test.disabled = false;
    }
  }

  async #remove() {
    const { name } = this.#hook;
    if (!(await ask({ title: `Delete ${quoted(name)}?`, text: "It gets no more events, and those that are on their way fail. Its URL and secret are erased.", yes: "Delete webhook", no: "Keep it", bad: true }))) return;
    await run(() => deleteWebhook(name), `Deleted: webhook ${isolated(name)}`, this.#again);
  }
}
