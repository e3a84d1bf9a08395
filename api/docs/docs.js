// Draws openapi.json. All of it is inserted as text, never as HTML.

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

/**
 * Follows a $ref within the document.
 * @param {any} doc @param {any} node @returns {any}
 */
function resolve(doc, node) {
  if (!node?.$ref) return node ?? {};
  return node.$ref.slice(2).split("/").reduce((/** @type {any} */ at, /** @type {string} */ key) => at?.[key], doc) ?? {};
}

/** @param {any} schema @returns {Node[]} */
function typeOf(schema) {
  if (schema?.$ref) {
    const name = schema.$ref.split("/").pop();
    return [el("a", { href: `#schema-${name}` }, name)];
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
  const all = [];
  if (schema?.enum) all.push(schema.enum.filter((/** @type {any} */ v) => v !== null).join(", "));
  if (schema?.minimum !== undefined && schema.maximum !== undefined) all.push(`${schema.minimum} to ${schema.maximum}`);
  else if (schema?.minimum !== undefined) all.push(`at least ${schema.minimum}`);
  if (schema?.maxLength !== undefined) all.push(`at most ${schema.maxLength} characters`);
  if (schema?.maxItems !== undefined) all.push(`at most ${schema.maxItems} items`);
  if (schema?.default !== undefined) all.push(`default ${JSON.stringify(schema.default)}`);
  return all.join("; ");
}

/** @param {string[]} headings @param {(Node | string)[][][]} rows */
function table(headings, rows) {
  return el("table", {},
    el("thead", {}, el("tr", {}, ...headings.map((h) => el("th", { scope: "col" }, h)))),
    el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells.map((c) => el("td", {}, ...c))))));
}

/** @param {string} text */
const words = (text) => [document.createTextNode(text)];

/**
 * A table of the fields of an object. In an object that clients send, required fields are marked.
 * @param {any} schema
 * @param {boolean} sent
 */
function fields(schema, sent) {
  const required = new Set(schema.required ?? []);
  return table(["Field", "Type", ""], Object.entries(schema.properties ?? {}).map(([name, one]) => [
    [el("code", {}, name), ...(sent && required.has(name) ? [" ", el("span", { class: "required" }, "required")] : [])],
    [el("span", { class: "type" }, ...typeOf(one))],
    words([one.description, bounds(one)].filter(Boolean).join(" ")),
  ]));
}

/**
 * The responses of an operation. Equal ones are merged: [their statuses, the response].
 * @param {any} op
 * @returns {[string[], any][]}
 */
function responses(op) {
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
    body.append(el("h3", {}, "Request body"));
    if (op.requestBody.description) body.append(el("p", {}, op.requestBody.description));
    for (const [kind, content] of Object.entries(op.requestBody.content)) {
      body.append(el("p", {}, el("code", {}, kind), " ", el("span", { class: "type" }, ...typeOf(content.schema))));
    }
  }
  body.append(el("h3", {}, "Responses"), table(["Status", "Body", ""], responses(op).map(([statuses, r]) => {
    const response = resolve(doc, r);
    const kinds = Object.entries(response.content ?? {});
    return [
      words(statuses.join(", ")),
      kinds.flatMap(([kind, c], i) => [...words(i ? ", " : ""), el("code", {}, kind), ...words(" "), el("span", { class: "type" }, ...typeOf(c.schema))]),
      words(response.description ?? ""),
    ];
  })));
  return el("details", { class: "operation", id: op.operationId },
    el("summary", {}, el("span", { class: `method ${method}` }, method.toUpperCase()), el("code", {}, path), el("span", { class: "what" }, op.summary)),
    body);
}

/**
 * The names of the schemas of request bodies.
 * @param {any} doc
 */
function sentSchemas(doc) {
  /** @type {Set<string>} */
  const names = new Set();
  for (const item of /** @type {any[]} */ (Object.values(doc.paths))) {
    for (const op of /** @type {any[]} */ (Object.values(item))) {
      for (const content of /** @type {any[]} */ (Object.values(op.requestBody?.content ?? {}))) {
        const ref = content.schema?.$ref ?? content.schema?.items?.$ref;
        if (ref) names.add(ref.split("/").pop());
      }
    }
  }
  return names;
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
      for (const [method, op] of /** @type {[string, any][]} */ (Object.entries(item))) {
        if (!op.tags?.includes(tag.name)) continue; // also skips the key "parameters"
        main.append(operation(doc, path, method, op, item.parameters ?? []));
        list.append(el("li", {}, el("a", { href: `#${op.operationId}` }, op.summary)));
      }
    }
    nav.append(el("h2", {}, tag.name), list);
  }
  nav.append(el("h2", {}, "More"), el("ul", {},
    el("li", {}, el("a", { href: "#schemas" }, "Schemas")), el("li", {}, el("a", { href: "#problems" }, "Problems"))));
  const schemas = /** @type {HTMLElement} */ (document.getElementById("schemas"));
  const sent = sentSchemas(doc);
  for (const [name, schema] of Object.entries(doc.components.schemas)) {
    schemas.append(el("h3", { id: `schema-${name}` }, name));
    if (schema.description) schemas.append(el("p", {}, schema.description));
    if (schema.properties) schemas.append(fields(schema, sent.has(name)));
    else schemas.append(el("p", {}, ...typeOf(schema), " ", bounds(schema), schema.pattern ? ` ${schema.pattern}` : ""));
  }
  schemas.hidden = false;
}

/** Opens and shows the element that the URL's fragment names. */
function show() {
  const id = decodeURIComponent(location.hash.slice(1));
  const target = id ? document.getElementById(id) : null;
  if (target instanceof HTMLDetailsElement) target.open = true;
  target?.scrollIntoView();
}

try {
  const res = await fetch(new URL("../../../openapi.json", import.meta.url));
  draw(await res.json());
  show();
} catch {
  document.getElementById("operations")?.append(el("p", { role: "alert" }, "openapi.json could not be loaded. Start the server and reload the page."));
}
addEventListener("hashchange", show);

export {};
