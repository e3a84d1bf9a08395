// Who got the message.

import { h, icon } from "../../dom.js";
import { absolute, integer, percent } from "../../format.js";
import { figures } from "./stats.js";

const AT_FIRST = 100;

/** @typedef {{ email: string, status: string, timestamp: string, error: string | null }} Recipient */

/**
 * @param {any} r
 * @returns {Node[]}
 */
export function mailView(r) {
  /** @type {Recipient[]} */
  const all = [...r.recipients];
  const bad = (/** @type {Recipient} */ p) => (p.status === "sent" ? 1 : 0);
  all.sort((a, b) => bad(a) - bad(b)); // the ones to look at first
  const body = h("tbody", null);
  const more = h("button", { type: "button", class: "link" });
  let drawn = 0;
  const draw = () => {
    const to = Math.min(all.length, drawn === 0 ? AT_FIRST : drawn + 1000);
    body.append(...all.slice(drawn, to).map(recipientRow));
    drawn = to;
    more.hidden = drawn === all.length;
    more.textContent = `Show more (${integer(all.length - drawn)} left)`;
  };
  more.addEventListener("click", draw);
  draw();
  const failed = r.failed_emails ?? 0;
  return [
    figures([
      ["Messages", integer(r.total_emails ?? all.length)],
      ["Sent", integer(r.sent_emails ?? 0), "good"],
      ["Failed", integer(failed), failed > 0 ? "bad" : undefined],
      ["Delivered", percent(((r.sent_emails ?? 0) / Math.max(1, r.total_emails ?? all.length)) * 100)],
    ]),
    h(
      "div",
      { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Recipients" },
      h(
        "table",
        { class: "recipients" },
        h("thead", null, h("tr", null, ...["Recipient", "Status", "Time"].map((n) => h("th", { scope: "col" }, n)))),
        body,
      ),
    ),
    more,
  ];
}

/** @param {Recipient} p */
function recipientRow(p) {
  const sent = p.status === "sent";
  return h(
    "tr",
    null,
    h("td", null, h("span", { class: "breaks", dir: "auto" }, p.email), p.error ? h("small", { class: "recipient-error", dir: "auto" }, p.error) : null),
    h("td", null, h("span", { class: "status", "data-status": sent ? "SUCCESS" : "FAILED" }, icon(sent ? "SUCCESS" : "FAILED"), sent ? "Sent" : "Failed")),
    h("td", { class: "num dim", title: absolute(p.timestamp) }, absolute(p.timestamp).slice(11)),
  );
}
