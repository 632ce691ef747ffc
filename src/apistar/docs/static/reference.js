// An operation, a type or the whole API, to be read.

import { closeMeaning } from "./codes.js";
import { element } from "./element.js";
import { parametersOf } from "./fields.js";
import { sizeText } from "./measure.js";
import { inline, prose } from "./prose.js";

export const operationLink = (operation) => `#/op/${encodeURIComponent(operation.documentation.id)}`;
export const typeLink = (name) => `#/type/${encodeURIComponent(name)}`;
export const badge = ({ method }) => element(`span.method.${method.toLowerCase()}`, {}, method);

/** A path with its parameters set apart, and places where it may break. */
export function pathText(path) {
  return path
    .split(/(\{[^}]*\}|\/)/)
    .filter(Boolean)
    .map((part) => (part === "/" ? ["/", element("wbr")] : part.startsWith("{") ? element("em", {}, part) : part));
}

/** How a type reads, each name a link to its definition. */
export function typeText(schema, schemas) {
  return element(
    "code.type",
    {},
    schemas
      .spelled(schema)
      .map((part) => (part.name ? element("a", { href: typeLink(part.name) }, schemas.label(part.name)) : part)),
  );
}

export function head(operation) {
  const { summary, description, deprecated, tags } = operation.documentation;
  return element(
    "header.operation-head",
    {},
    element(
      "p.crumb",
      {},
      badge(operation),
      tags.length ? tags.join(" · ") : null,
      deprecated ? element("span.deprecated", {}, "deprecated") : null,
    ),
    element("h1", {}, pathText(operation.path)),
    summary ? element("p.lead", {}, inline(summary)) : null,
    prose(description),
  );
}

export function body(operation, api) {
  const { schemas } = api;
  const parts = [parameters(operation, api)];
  if (operation.kind === "websocket") {
    parts.push(
      messages("Clients send", operation.incoming, schemas, "Nothing: this socket only tells."),
      messages("Clients get", operation.outgoing, schemas, "Nothing."),
      topics(operation, schemas),
      subprotocols(operation),
      outcomes("How a handshake may be refused", operation.denials),
      outcomes("How the server may close", operation.closes, closeMeaning),
      element("p.note", {}, `A message has ${sizeText(operation.max_message_bytes)} at most.`),
    );
  } else {
    if (operation.body) parts.push(content("Body", operation.body, schemas));
    parts.push(content(`Answer ${operation.status}`, operation.returns, schemas, operation.status_description));
    parts.push(outcomes("Other answers", operation.denials));
  }
  parts.push(security(operation, api));
  return parts.filter(Boolean);
}

function section(title, ...children) {
  return element("section", {}, element("h2", {}, title), ...children);
}

function parameters(operation, api) {
  const found = parametersOf(operation, api.schemes);
  if (!found.length) return null;
  const rows = found.map((parameter) =>
    element(
      "li.member",
      {},
      element("code.member-name", {}, parameter.name),
      parameter.required ? element("span.required", {}, "required") : null,
      element("span.place", {}, parameter.place),
      typeText(parameter.schema, api.schemas),
      constraints(parameter.schema, api.schemas),
      description(parameter.description || (api.schemas.nameOf(parameter.schema) ? "" : parameter.schema.description)),
    ),
  );
  return section("Parameters", element("ul.members", {}, rows));
}

function constraints(schema, schemas) {
  const said = schemas.constraints(schema);
  return said.length ? element("span.constraints", {}, said.join(" · ")) : null;
}

const description = (text) => (text ? element("div.description", {}, prose(text)) : null);

/** Whether a message has a type; raw text and bytes have none. */
export const isTyped = ({ media_type }) => media_type !== "text/plain" && media_type !== "application/octet-stream";

function messages(title, list, schemas, nothing) {
  if (!list.length) return section(title, element("p.note", {}, nothing));
  return section(
    title,
    list.map((message) => {
      const name = schemas.nameOf(message.schema);
      const spelled = !name && isTyped(message); // `list[int]`, which is no name
      return element(
        "article.message-type",
        {},
        element(
          "h3",
          {},
          name ? element("a", { href: typeLink(name) }, schemas.label(name)) : null,
          spelled ? typeText(message.schema, schemas) : null,
          name || spelled ? null : message.name,
          element("span.carrier", {}, message.text ? "text" : "binary"),
          message.deprecated ? element("span.deprecated", {}, "deprecated") : null,
        ),
        message.summary ? element("p", {}, inline(message.summary)) : null,
        prose(message.description),
        spelled && !schemas.constraints(message.schema).length ? null : members(message.schema, schemas),
      );
    }),
  );
}

/** The fields of a type; of any other type how it reads. */
export function members(schema, schemas) {
  const rules = schemas.resolve(schema);
  if (!rules.properties) {
    return element(
      "p.alias",
      {},
      typeText(schemas.nameOf(schema) ? rules : schema, schemas),
      constraints(rules, schemas),
    );
  }
  const required = new Set(rules.required ?? []);
  const rows = Object.entries(rules.properties).map(([name, field]) =>
    element(
      "li.member",
      {},
      element("code.member-name", {}, name),
      typeText(field, schemas),
      required.has(name) || "const" in field ? null : element("span.optional", {}, "optional"),
      field.deprecated ? element("span.deprecated", {}, "deprecated") : null,
      constraints(field, schemas),
      description(schemas.nameOf(field) ? "" : field.description),
    ),
  );
  return element("ul.members", {}, rows.length ? rows : element("li.note", {}, "No fields."));
}

/** What the handler may join: publications that come besides what it sends itself. */
function topics(operation, schemas) {
  if (!operation.topics?.length) return null;
  const facts = ({ history, presence, numbered }) => [
    history && `remembers ${history.size} publications for ${history.ttl_s} s`,
    presence && "knows who is there",
    numbered && "publications are numbered",
  ];
  return section(
    "Topics",
    operation.topics.map((topic) =>
      element(
        "article.message-type",
        {},
        element("h3", {}, element("code", {}, topic.template), element("span.carrier", {}, topic.name)),
        topic.summary ? element("p", {}, inline(topic.summary)) : null,
        prose(topic.description),
        element("p.note", {}, facts(topic).filter(Boolean).join(" · ")),
        topic.messages.map((message) =>
          element(
            "p.alias",
            {},
            typeText(message.schema, schemas),
            message.summary ? element("span", {}, inline(message.summary)) : null,
          ),
        ),
      ),
    ),
  );
}

function subprotocols(operation) {
  const found = Object.entries(operation.subprotocols);
  if (!found.length) return null;
  return section(
    "Subprotocols",
    element(
      "ul.members",
      {},
      found.map(([name, text]) =>
        element("li.member", {}, element("code.member-name", {}, name), element("span", {}, text)),
      ),
    ),
  );
}

function outcomes(title, list, meaning = () => "") {
  if (!list.length) return null;
  return section(
    title,
    element(
      "dl.outcomes",
      {},
      list.map(({ code, description }) =>
        element("div", {}, element("dt", {}, code), element("dd", {}, inline(description || meaning(code)))),
      ),
    ),
  );
}

function content(title, found, schemas, text = "") {
  if (!found) return section(title, element("p.note", {}, text || "No body."));
  const events = found.media_types.includes("text/event-stream") && found.schema?.items?.properties;
  const schema = events ? events.data : found.schema;
  return section(
    title,
    text && !/^(OK|No Content)$/.test(text) ? element("p", {}, inline(text)) : null,
    element(
      "p.alias",
      {},
      schema ? typeText(schema, schemas) : element("code.type", {}, "Any"),
      element("span.carrier", {}, `${events ? "events, " : ""}${found.media_types.join(", ")}`),
    ),
    schema && schemas.resolve(schema).properties ? members(schema, schemas) : null,
  );
}

function security(operation, api) {
  if (!operation.security.length) return null;
  const words = (scheme) =>
    [scheme.type, scheme.scheme, scheme.in && `${scheme.in} ${scheme.name}`].filter(Boolean).join(", ");
  return section(
    "Security",
    element(
      "ul.members",
      {},
      operation.security.map((name) =>
        element(
          "li.member",
          {},
          element("code.member-name", {}, name),
          element("span", {}, words(api.schemes[name] ?? {}), " "),
          description(api.schemes[name]?.description),
        ),
      ),
    ),
  );
}

export function typePage(name, api) {
  const definition = api.schemas.definitions[name];
  const users = api.usersOf(name);
  return element(
    "article.page",
    {},
    element("p.crumb", {}, "Type"),
    element("h1", {}, api.schemas.label(name)),
    prose(definition.description),
    members({ $ref: `#/components/schemas/${name}` }, api.schemas),
    section(
      "An example",
      element("pre.code", { tabindex: "0" }, JSON.stringify(api.schemas.sample(definition), null, 2)),
    ),
    users.length
      ? section(
          "Where it is used",
          element(
            "ul.operations",
            {},
            users.map((operation) =>
              element(
                "li",
                {},
                element(
                  "a",
                  { href: operationLink(operation) },
                  badge(operation),
                  element("span.path", {}, pathText(operation.path)),
                ),
              ),
            ),
          ),
        )
      : null,
  );
}

export function overview(api) {
  const { title, version, description: text, servers } = api.info;
  const groups = api.groups.map(([name, operations]) =>
    section(
      name || "Operations",
      element(
        "ul.operations",
        {},
        operations.map((operation) =>
          element(
            "li",
            {},
            element(
              "a",
              { href: operationLink(operation) },
              badge(operation),
              element("span.path", {}, pathText(operation.path)),
            ),
            operation.documentation.summary
              ? element("span.summary", {}, inline(operation.documentation.summary))
              : null,
          ),
        ),
      ),
    ),
  );
  const documents = api.schemaUrl
    ? element(
        "p.documents",
        {},
        ["openapi", "asyncapi"].map((kind) =>
          element(
            "a",
            { href: `${api.schemaUrl.replace(/\/$/, "")}/${kind}` },
            kind === "openapi" ? "OpenAPI 3.1" : "AsyncAPI 3.0",
          ),
        ),
      )
    : null;
  return element(
    "article.page",
    {},
    element("p.crumb", {}, `Version ${version}`),
    element("h1", {}, title),
    prose(text),
    servers.length
      ? element(
          "ul.members",
          {},
          servers.map((server) => element("li", {}, element("code", {}, server.url), " ", server.description)),
        )
      : null,
    documents,
    groups.length ? groups : element(
          "p.note",
          {},
          "No route is documented: the application has none, or each of them says ",
          element("code", {}, "documented=False"),
          ".",
        ),
  );
}
