// The parameters of one operation as a form: path, query, headers, subprotocol; and the URL that they make.

import { element, unique } from "./element.js";
import { faults } from "./validation.js";

// What no page may set on a request (Fetch §2.2.2, "forbidden request-header").
const FORBIDDEN =
  /^(accept-(charset|encoding)|access-control-request-.*|connection|content-length|cookie2?|date|dnt|expect|host|keep-alive|origin|referer|te|trailer|transfer-encoding|upgrade|via|(proxy|sec)-.*)$/i;

const PLACES = { path: "Path", query: "Query", header: "Headers" };

/** Parameters of an operation, and those of its security schemes. */
export function parametersOf(operation, schemes) {
  const found = [...operation.parameters];
  const add = (name, place, description) => {
    if (!found.some((one) => one.place === place && one.name.toLowerCase() === name.toLowerCase())) {
      found.push({ name, place, schema: { type: "string" }, required: false, description });
    }
  };
  for (const name of operation.security) {
    const scheme = schemes[name] ?? {};
    if (scheme.type === "apiKey" && scheme.in in PLACES)
      add(scheme.name, scheme.in, scheme.description ?? `The key of “${name}”`);
    else if (scheme.type === "http") add("authorization", "header", `${capital(scheme.scheme)} …`);
    else if (scheme.type === "oauth2" || scheme.type === "openIdConnect") add("authorization", "header", "Bearer …");
  }
  return found;
}

const capital = (text = "") => text.charAt(0).toUpperCase() + text.slice(1);

export class Fields {
  constructor(operation, api, onchange) {
    this.operation = operation;
    this.schemas = api.schemas;
    this.websocket = operation.kind === "websocket";
    this.onchange = onchange;
    this.controls = [];
    this.element = element("div.fields");
    const parameters = parametersOf(operation, api.schemes);
    for (const place of Object.keys(PLACES))
      this.#group(
        place,
        parameters.filter((one) => one.place === place),
      );
    this.#cookies(parameters.filter((one) => one.place === "cookie"));
    if (this.websocket) this.#subprotocols();
  }

  /** Cookies are told, not asked for: the browser has them or has not. */
  #cookies(parameters) {
    if (!parameters.length) return;
    const names = parameters.map((one) => one.name).join(", ");
    const note = element("p.note", {}, element("b", {}, names), ": sent as the browser has them.");
    this.element.append(element("fieldset", {}, element("legend", {}, "Cookies"), note));
  }

  #group(place, parameters) {
    const controls = parameters.map((parameter) => this.#field(parameter));
    const rows = controls.map((one) => one.row);
    if (place === "query") rows.push(this.#more("more", "More of the query", "a=1&b=2"));
    if (place === "header" && !this.websocket)
      rows.push(this.#more("headers", "More headers", "Name: value, one a line", true));
    if (!rows.length) return;
    const group = element("fieldset", {}, element("legend", {}, PLACES[place]), rows);
    if (place === "header" && this.websocket) {
      group.append(
        element(
          "p.note",
          {},
          "No browser lets a page set headers of a WebSocket: these go into the snippets alone. Cookies are sent as the browser has them.",
        ),
      );
    }
    this.element.append(group);
    this.controls.push(...controls);
  }

  #field(parameter) {
    const schema = this.schemas.resolve(parameter.schema);
    const array = schema.type === "array";
    const id = unique("parameter");
    const options = { id, name: parameter.name, oninput: () => this.#changed(), onchange: () => this.#changed() };
    const described = unique("described");
    let control;
    const values =
      "const" in schema ? [schema.const] : (schema.enum ?? (schema.type === "boolean" ? [true, false] : null));
    if (values) {
      control = element(
        "select",
        options,
        parameter.required ? null : element("option", { value: "" }, "not sent"),
        values.map((value) => element("option", { value: String(value) }, String(value))),
      );
    } else {
      const hint = schema.default !== undefined ? String(schema.default) : array ? "one a line" : "";
      control = element(array ? "textarea" : "input", {
        ...options,
        placeholder: hint,
        autocomplete: "off",
        spellcheck: "false",
        rows: array ? "2" : null,
      });
      if (parameter.required && ["integer", "number"].includes(schema.type))
        control.value = String(this.schemas.sample(schema));
      else if (parameter.required && (schema.format === "uuid" || schema.examples))
        control.value = String(this.schemas.sample(schema));
    }
    const fault = element("p.fault", { id: described, hidden: true });
    const unset = parameter.place === "header" && !this.websocket && FORBIDDEN.test(parameter.name);
    const label = element(
      "label",
      { for: id },
      element("b", {}, parameter.name),
      " ",
      parameter.required
        ? element(
            "span.required",
            {},
            element("span", { "aria-hidden": "true" }, "*"),
            element("span.hidden", {}, " required "),
          )
        : null,
      element("span.type", {}, this.schemas.text(parameter.schema)),
    );
    const row = element(
      "div.field",
      {},
      label,
      control,
      fault,
      unset ? element("p.note", {}, "A browser sets this header itself; the curl snippet carries yours.") : null,
    );
    control.setAttribute("aria-describedby", described);
    return { parameter, schema, control, fault, row, array };
  }

  #more(name, label, placeholder, lines = false) {
    const id = unique("more");
    this[name] = element(lines ? "textarea" : "input", {
      id,
      placeholder,
      rows: lines ? "2" : null,
      autocomplete: "off",
      spellcheck: "false",
      oninput: () => this.#changed(),
    });
    return element("div.field.more", {}, element("label", { for: id }, label), this[name]);
  }

  #subprotocols() {
    const known = Object.entries(this.operation.subprotocols);
    const id = unique("subprotocol");
    const list = unique("subprotocols");
    this.subprotocol = element("input", {
      id,
      list,
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "none",
      oninput: () => this.#changed(),
    });
    this.element.append(
      element(
        "fieldset",
        {},
        element("legend", {}, "Subprotocol"),
        element(
          "div.field",
          {},
          element("label", { for: id }, "Offered, the best first"),
          this.subprotocol,
          element(
            "datalist",
            { id: list },
            known.map(([name, text]) => element("option", { value: name }, text)),
          ),
          known.length
            ? element(
                "p.note",
                {},
                known.map(([name, text], index) => [
                  index ? "; " : "",
                  element("code", {}, name),
                  text ? ` ${text}` : "",
                ]),
              )
            : null,
        ),
      ),
    );
  }

  #changed() {
    for (const one of this.controls) if (!one.fault.hidden) this.#check(one);
    this.onchange?.();
  }

  /** Mark what does not fit; gives the number of faults and puts the focus on the first. */
  check() {
    const wrong = this.controls.filter((one) => this.#check(one));
    wrong[0]?.control.focus();
    return wrong.length;
  }

  #check(one) {
    const { parameter, schema, control, fault, array } = one;
    const sent = this.websocket && parameter.place === "header" ? [] : this.#texts(one);
    let text = "";
    if (!sent.length && parameter.required && !(this.websocket && parameter.place === "header")) text = "needs a value";
    if (parameter.place === "path" && sent.some((value) => value.split("/").some((part) => /^\.\.?$/.test(part))))
      text = "no browser sends . or .. as a part of a path: it would ask for another one";
    for (const value of sent) {
      const found = faults(
        converted(value, array ? this.schemas.resolve(schema.items) : schema),
        array ? schema.items : schema,
        this.schemas,
        parameter.name,
      );
      if (found.length) text = found[0].text;
    }
    fault.textContent = text;
    fault.hidden = !text;
    control.setAttribute("aria-invalid", String(Boolean(text)));
    return Boolean(text);
  }

  #texts({ control, array, parameter }) {
    if (control.value === "") return [];
    if (!array) return [control.value];
    const items = control.value.split("\n").filter((line) => line !== "");
    return parameter.place === "query" ? items : [items.join(",")];
  }

  /** Path and query below the application. */
  get target() {
    let path = this.operation.path;
    const query = [];
    for (const one of this.controls) {
      const texts = this.#texts(one);
      const { name, place, rest } = one.parameter;
      if (place === "path") {
        const text = texts[0] ?? "";
        const written = rest ? text.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(text);
        path = path.replace(rest ? `{+${name}}` : `{${name}}`, () => written || `{${name}}`);
      } else if (place === "query") {
        query.push(...texts.map((text) => `${encodeURIComponent(name)}=${encodeURIComponent(text)}`));
      }
    }
    const more = this.more?.value.replace(/^[?&]/, "").replace(/[#\s]/g, encodeURIComponent);
    if (more) query.push(more);
    return query.length ? `${path}?${query.join("&")}` : path;
  }

  /** Names and values of headers that were filled in. */
  get headerList() {
    const found = this.controls
      .filter((one) => one.parameter.place === "header")
      .flatMap((one) => this.#texts(one).map((text) => [one.parameter.name, text]));
    for (const line of this.headers?.value.split("\n") ?? []) {
      const [name, ...rest] = line.split(":");
      if (name.trim() && rest.length) found.push([name.trim(), rest.join(":").trim()]);
    }
    return found;
  }

  get subprotocolList() {
    return (this.subprotocol?.value ?? "").split(/[\s,]+/).filter(Boolean);
  }

  write(values) {
    for (const one of this.controls) {
      const value = values[`${one.parameter.place}.${one.parameter.name}`];
      if (typeof value === "string") one.control.value = value;
    }
    for (const name of ["more", "headers", "subprotocol"])
      if (typeof values[name] === "string" && this[name]) this[name].value = values[name];
    this.#changed();
  }

  read() {
    const found = Object.fromEntries(
      this.controls.map((one) => [`${one.parameter.place}.${one.parameter.name}`, one.control.value]),
    );
    for (const name of ["more", "headers", "subprotocol"]) if (this[name]) found[name] = this[name].value;
    return found;
  }
}

/** A text of the URL as the value that the server makes of it. */
function converted(text, schema) {
  if (["integer", "number"].includes(schema.type) && text.trim() !== "" && Number.isFinite(Number(text)))
    return Number(text);
  if (schema.type === "boolean") return { true: true, false: false, 1: true, 0: false }[text.toLowerCase()] ?? text;
  const values = "const" in schema ? [schema.const] : (schema.enum ?? []);
  return values.find((value) => String(value) === text) ?? text;
}
