// What a schema cannot say about its fields, for the built-in types. A type that is not
// here gets all its fields, in its own order.

/** The order in which types are offered; others follow by name. */
const ORDER = ["DATA_PROCESSING", "IMAGE_PROCESSING", "EMAIL_SIMULATION", "EMAIL", "HTTP_REQUEST"];
const LAST = ["SLEEP"];

/** @param {string} name */
function rank(name) {
  const first = ORDER.indexOf(name);
  if (first >= 0) return first;
  return LAST.includes(name) ? ORDER.length + 1 : ORDER.length;
}

/**
 * @param {{ name: string }} a
 * @param {{ name: string }} b
 */
export function inOrder(a, b) {
  return rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1);
}

/** Fields that make input where no file is given. */
const WITHOUT_FILES = new Set(["rows", "seed", "image_count"]);

/** Fields that speak of one operation only. @type {Record<string, string>} */
const OF_OPERATION = { degrees: "rotate", radius: "blur" };

/** Fields that are about a file that is given. */
const WITH_FILES = new Set([
  "delimiter", "quote", "escape", "comment", "skip_lines", "has_header", "encoding", "decimal", "thousands", "nulls", "date_order",
]);

/**
 * Whether a field says anything, as the form stands.
 * @param {string} name
 * @param {{ takesFiles: boolean, hasFiles: boolean, operation: string | null }} form
 */
export function isRelevant(name, form) {
  if (form.takesFiles && form.hasFiles && WITHOUT_FILES.has(name)) return false;
  if (form.takesFiles && !form.hasFiles && WITH_FILES.has(name)) return false;
  return form.operation === null || OF_OPERATION[name] === undefined || OF_OPERATION[name] === form.operation;
}
