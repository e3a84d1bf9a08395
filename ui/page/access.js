// What the reader may do. While the server needs no token, that is everything.

import { getMe } from "./api.js";
import { byId, show, text } from "./dom.js";

/** The roles, the weakest first; each may do what those before it may. */
const ROLES = ["viewer", "submitter", "worker", "operator", "admin"];

let role = "admin";
/** The page shows the past, where nothing can be done. */
let past = false;

/** @param {string} is */
export function setRole(is) {
  role = is;
}

/**
 * Whether the reader may do what needs a role: nothing while the page shows the past. The server decides; this only decides what is offered.
 * @param {"viewer" | "submitter" | "operator" | "admin"} needed
 */
export function may(needed) {
  return !past && ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** @param {boolean} is whether the page shows the past */
export function lookBack(is) {
  past = is;
  document.documentElement.toggleAttribute("data-past", is);
  show(byId("new-task"), may("submitter"));
}

/** Finds out what the reader may do. Without a valid token, the browser goes to the sign-in page. */
export async function loadAccess() {
  try {
    const { name, role } = await getMe();
    setRole(role);
    document.documentElement.dataset.role = role;
    show(byId("new-task"), may("submitter"));
    show(byId("account"), name !== null);
    if (name !== null) text(byId("account-name"), name);
  } catch {
    // The other calls say that the server does not answer.
  }
}
