// What the reader may do. While the server needs no token, that is everything.

/** The roles, the weakest first; each may do what those before it may. */
const ROLES = ["viewer", "submitter", "worker", "operator", "admin"];

let role = "admin";

/** @param {string} is */
export function setRole(is) {
  role = is;
}

/**
 * Whether the reader may do what needs a role. The server decides; this only decides what is offered.
 * @param {"submitter" | "operator" | "admin"} needed
 */
export function may(needed) {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}
