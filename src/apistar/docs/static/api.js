// The application as its description tells it.

import { Schemas } from "./schema.js";

export class API {
  constructor({ docs_url: docsUrl, schema_url: schemaUrl, reference }) {
    this.info = reference.info;
    // The page knows where it is, which no proxy between can get wrong; so it knows where the application is.
    this.base = location.pathname.endsWith(docsUrl) ? location.pathname.slice(0, -docsUrl.length) : "";
    // With the origin: a path that begins with two slashes would be another host.
    this.docsUrl = location.origin + this.base + docsUrl;
    this.schemaUrl = schemaUrl === null ? null : location.origin + this.base + schemaUrl;
    this.schemas = new Schemas(reference.definitions);
    this.schemes = reference.security_schemes;
    this.operations = [
      ...reference.operations.map((operation) => ({ ...operation, kind: "http" })),
      ...reference.channels.map((channel) => ({ ...channel, kind: "websocket", method: "WS" })),
    ];
    this.byId = new Map(this.operations.map((operation) => [operation.documentation.id, operation]));
  }

  /** Groups by the Includes around routes, the application's own first. @returns {[string, object[]][]} */
  get groups() {
    const found = new Map([["", []]]);
    for (const operation of this.operations) {
      const name = operation.documentation.tags.join(" · ");
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(operation);
    }
    return [...found].filter(([, operations]) => operations.length);
  }

  /** Operations whose types use a definition, directly or through others. */
  usersOf(name) {
    const users = new Set([name]);
    for (let size = 0; size !== users.size;) {
      size = users.size;
      for (const [other, definition] of Object.entries(this.schemas.definitions))
        if (refers(definition, users)) users.add(other);
    }
    return this.operations.filter((operation) => refers(operation, users));
  }
}

function refers(node, names) {
  if (node === null || typeof node !== "object") return false;
  if (typeof node.$ref === "string") {
    const name = node.$ref.split("/").pop();
    if (names.has(name)) return true;
  }
  return Object.values(node).some((value) => refers(value, names));
}
