// Draws openapi.json. Text goes in as text: nothing here is read as HTML.

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** @param {any} doc @param {any} node @returns {any} */
function resolve(doc, node) {
  if (!node?.$ref) return node ?? {};
  return node.$ref.slice(2).split("/").reduce((/** @type {any} */ at, /** @type {string} */ key) => at?.[key], doc) ?? {};
}

/** @param {any} schema @returns {Node[]} */
function typeOf(schema) {
  if (schema?.$ref) {
    const name = schema.$ref.split("/").pop();
    return [el("a", { href: `#value-${name}` }, name)];
  }
  if (schema?.anyOf) {
    return schema.anyOf.flatMap((/** @type {any} */ one, /** @type {number} */ i) => [...(i ? [document.createTextNode(" or ")] : []), ...typeOf(one)]);
  }
  if (schema?.type === "array") return [document.createTextNode("list of "), ...typeOf(schema.items)];
  const types = [schema?.type ?? "any value"].flat();
  return [document.createTextNode(types.join(" or "))];
}

/** @param {any} schema */
function bounds(schema) {
  const said = [];
  if (schema?.enum) said.push(schema.enum.filter((/** @type {any} */ v) => v !== null).join(", "));
  if (schema?.minimum !== undefined && schema.maximum !== undefined) said.push(`${schema.minimum} to ${schema.maximum}`);
  else if (schema?.minimum !== undefined) said.push(`at least ${schema.minimum}`);
  if (schema?.maxLength !== undefined) said.push(`at most ${schema.maxLength} characters`);
  if (schema?.maxItems !== undefined) said.push(`at most ${schema.maxItems}`);
  if (schema?.default !== undefined) said.push(`default ${JSON.stringify(schema.default)}`);
  return said.join("; ");
}

/** @param {string[]} heads @param {(Node | string)[][][]} rows */
function table(heads, rows) {
  return el("table", {},
    el("thead", {}, el("tr", {}, ...heads.map((h) => el("th", { scope: "col" }, h)))),
    el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells.map((c) => el("td", {}, ...c))))));
}

/** @param {string} text */
const words = (text) => [document.createTextNode(text)];

/**
 * The fields of an object; of one that is sent, with a word on which are needed.
 * @param {any} schema
 * @param {boolean} sent
 */
function fields(schema, sent) {
  const required = new Set(schema.required ?? []);
  return table(["Field", "Type", ""], Object.entries(schema.properties ?? {}).map(([name, one]) => [
    [el("code", {}, name), ...(sent && required.has(name) ? [" ", el("span", { class: "needed" }, "needed")] : [])],
    [el("span", { class: "type" }, ...typeOf(one))],
    words([one.description, bounds(one)].filter(Boolean).join(" ")),
  ]));
}

/**
 * The answers of an operation; those that are the same are one.
 * @param {any} op
 * @returns {[string[], any][]}
 */
function answers(op) {
  /** @type {[string[], any][]} */
  const all = [];
  for (const [status, r] of Object.entries(op.responses)) {
    const same = all.find(([, one]) => r.$ref && one.$ref === r.$ref);
    if (same) same[0].push(status);
    else all.push([[status], r]);
  }
  return all;
}

/** @param {any} doc @param {string} path @param {string} method @param {any} op @param {any[]} shared */
function operation(doc, path, method, op, shared) {
  const body = el("div");
  if (op.description) body.append(el("p", {}, op.description));
  const parameters = [...shared, ...(op.parameters ?? [])].map((p) => resolve(doc, p));
  if (parameters.length > 0) {
    body.append(el("h3", {}, "Parameters"), table(["Name", "In", ""], parameters.map((p) => [
      [el("code", {}, p.name)], words(p.in),
      words([p.description, bounds(p.schema), bounds(p.schema?.items)].filter(Boolean).join(" ")),
    ])));
  }
  if (op.requestBody) {
    body.append(el("h3", {}, "Body"));
    if (op.requestBody.description) body.append(el("p", {}, op.requestBody.description));
    for (const [kind, content] of Object.entries(op.requestBody.content)) {
      body.append(el("p", {}, el("code", {}, kind), " ", el("span", { class: "type" }, ...typeOf(content.schema))));
    }
  }
  body.append(el("h3", {}, "Answers"), table(["Status", "Body", ""], answers(op).map(([statuses, r]) => {
    const answer = resolve(doc, r);
    const kinds = Object.entries(answer.content ?? {});
    return [
      words(statuses.join(", ")),
      kinds.flatMap(([kind, c], i) => [...words(i ? ", " : ""), el("code", {}, kind), ...words(" "), el("span", { class: "type" }, ...typeOf(c.schema))]),
      words(answer.description ?? ""),
    ];
  })));
  return el("details", { class: "operation", id: op.operationId },
    el("summary", {}, el("span", { class: `method ${method}` }, method.toUpperCase()), el("code", {}, path), el("span", { class: "what" }, op.summary)),
    body);
}

/** @param {any} doc */
function draw(doc) {
  /** @type {HTMLElement} */ (document.getElementById("description")).textContent = doc.info.description;
  const nav = /** @type {HTMLElement} */ (document.getElementById("contents"));
  const main = /** @type {HTMLElement} */ (document.getElementById("operations"));
  for (const tag of doc.tags) {
    const list = el("ul");
    main.append(el("h2", { id: `tag-${tag.name}` }, tag.name));
    if (tag.description) main.append(el("p", {}, tag.description));
    for (const [path, item] of Object.entries(doc.paths)) {
      for (const method of ["get", "post", "delete"]) {
        const op = item[method];
        if (!op?.tags.includes(tag.name)) continue;
        main.append(operation(doc, path, method, op, item.parameters ?? []));
        list.append(el("li", {}, el("a", { href: `#${op.operationId}` }, op.summary)));
      }
    }
    nav.append(el("h2", {}, tag.name), list);
  }
  nav.append(el("h2", {}, "More"), el("ul", {},
    el("li", {}, el("a", { href: "#schemas" }, "Values")), el("li", {}, el("a", { href: "#problems" }, "Problems"))));
  const values = /** @type {HTMLElement} */ (document.getElementById("schemas"));
  for (const [name, schema] of Object.entries(doc.components.schemas)) {
    values.append(el("h3", { id: `value-${name}` }, name));
    if (schema.description) values.append(el("p", {}, schema.description));
    if (schema.properties) values.append(fields(schema, name === "Submit"));
    else values.append(el("p", {}, ...typeOf(schema), " ", bounds(schema), schema.pattern ? ` ${schema.pattern}` : ""));
  }
  values.hidden = false;
}

/** Opens what the address points at. */
function show() {
  const id = decodeURIComponent(location.hash.slice(1));
  const at = id ? document.getElementById(id) : null;
  if (at instanceof HTMLDetailsElement) at.open = true;
  at?.scrollIntoView();
}

try {
  const res = await fetch(new URL("../../../openapi.json", import.meta.url));
  draw(await res.json());
  show();
} catch {
  document.getElementById("operations")?.append(el("p", { role: "alert" }, "The description could not be loaded. Is the server running?"));
}
addEventListener("hashchange", show);

export {};
