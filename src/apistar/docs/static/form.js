// A form made from a schema: each control reads and writes the part of the value that it stands for.

import { button, element, select, unique } from "./element.js";

/**
 * @typedef {object} Control
 * @property {Element} element
 * @property {() => unknown} read
 * @property {(value: unknown) => void} write
 */

/** @returns {Control} */
export function control(schema, schemas, label, onchange) {
  const context = { schemas, onchange, within: Infinity };
  return made(schema, label, context);
}

function made(schema, label, context) {
  const depth = context.schemas.depth(schema);
  if (depth === Infinity) return anyControl(label, context); // no form ends that shows such a type
  const rules = context.schemas.resolve(schema);
  const branches = context.schemas.branches(rules);
  if (branches) return unionControl(branches, label, context);
  if ("const" in rules) return constantControl(rules, label);
  if (rules.enum) return choiceControl(rules.enum, label, context);
  if (rules.type === "boolean") return switchControl(label, context);
  if (rules.type === "integer" || rules.type === "number") return numberControl(rules, label, context);
  if (rules.type === "string") return textControl(rules, label, context);
  if (rules.type === "null") return { element: element("p.constant", {}, "null"), read: () => null, write: () => {} };
  if (rules.type === "array")
    return rules.prefixItems ? tupleControl(rules, label, context) : listControl(rules, label, context);
  if (rules.properties) return objectControl(rules, label, { ...context, within: depth });
  if (rules.type === "object") return mapControl(rules, label, context);
  return anyControl(label, context);
}

function field(label, control, note = "") {
  control.id ||= unique("value");
  return element(
    "div.field",
    {},
    label ? element("label", { for: control.id }, label, " ", note ? element("span.type", {}, note) : null) : null,
    control,
  );
}

function constantControl(rules, label) {
  const text = element("output", {}, JSON.stringify(rules.const));
  return { element: field(label, text), read: () => rules.const, write: () => {} };
}

function choiceControl(values, label, { onchange }) {
  const made = select(
    values.map((value, index) => [String(index), String(value)]),
    onchange,
    { "aria-label": label || "Value" },
  );
  return {
    element: field(label, made),
    read: () => values[Number(made.value)],
    write: (value) => {
      made.value = String(
        Math.max(
          0,
          values.findIndex((one) => JSON.stringify(one) === JSON.stringify(value)),
        ),
      );
    },
  };
}

function switchControl(label, { onchange }) {
  const made = element("input", { type: "checkbox", onchange, id: unique("value") });
  return {
    element: element("div.field.switch", {}, made, element("label", { for: made.id }, label || "true")),
    read: () => made.checked,
    write: (value) => {
      made.checked = value === true;
    },
  };
}

function numberControl(rules, label, { schemas, onchange }) {
  const made = element("input", {
    inputmode: "decimal",
    autocomplete: "off",
    oninput: onchange,
    "aria-label": label ? null : "Number",
  });
  return {
    element: field(label, made, note(rules, schemas)),
    // What is no number stays text, so that the check says what came instead.
    read: () => (made.value.trim() !== "" && Number.isFinite(Number(made.value)) ? Number(made.value) : made.value),
    write: (value) => {
      made.value = value === undefined || value === null ? "" : String(value);
    },
  };
}

function textControl(rules, label, { schemas, onchange }) {
  const long = (rules.maxLength ?? 0) > 200 && !rules.pattern;
  const made = element(long ? "textarea" : "input", {
    rows: long ? "2" : null,
    autocomplete: "off",
    spellcheck: "false",
    oninput: onchange,
    "aria-label": label ? null : "Text",
  });
  return {
    element: field(label, made, note(rules, schemas)),
    read: () => made.value,
    write: (value) => {
      made.value =
        typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value);
    },
  };
}

const note = (rules, schemas) => [schemas.text(rules), ...schemas.constraints(rules)].join(", ");

function anyControl(label, { onchange }) {
  const made = element("textarea", {
    rows: "2",
    spellcheck: "false",
    oninput: onchange,
    placeholder: "JSON",
    "aria-label": label ? null : "JSON",
  });
  return {
    element: field(label, made, "any JSON"),
    read: () => {
      try {
        return JSON.parse(made.value);
      } catch {
        return made.value === "" ? null : made.value;
      }
    },
    write: (value) => {
      made.value = value === undefined ? "" : JSON.stringify(value);
    },
  };
}

function objectControl(rules, label, context) {
  const required = new Set(rules.required ?? []);
  const members = Object.entries(rules.properties).map(([name, schema]) => ({
    name,
    schema,
    required: required.has(name) || "const" in context.schemas.resolve(schema),
  }));
  const group = element(label ? "fieldset" : "div.members", {}, label ? element("legend", {}, label) : null);
  const unknown = {};
  for (const member of members) {
    if (member.required) {
      member.control = made(member.schema, member.name, context);
      if ("const" in context.schemas.resolve(member.schema)) member.control.element.classList.add("tag");
      group.append(member.control.element);
    } else {
      group.append(optional(member, context));
    }
    // Required members begin with a value that fits, as far as one can be known.
    member.control?.write(context.schemas.sample(member.schema, context.within));
  }
  return {
    element: group,
    read: () => {
      const value = {};
      for (const member of members) if (member.control) value[member.name] = member.control.read();
      return { ...value, ...unknown };
    },
    write: (value) => {
      const given = value !== null && typeof value === "object" ? value : {};
      for (const member of members) {
        const there = Object.hasOwn(given, member.name);
        if (!member.required) member.include(there);
        if (there) member.control.write(given[member.name]);
      }
      for (const name of Object.keys(unknown)) delete unknown[name];
      for (const [name, extra] of Object.entries(given))
        if (!Object.hasOwn(rules.properties, name)) unknown[name] = extra;
    },
  };
}

/** A member that may be left out: made when it is included, so that types may contain themselves. */
function optional(member, context) {
  const box = element("input", { type: "checkbox", id: unique("include") });
  const place = element("div.included");
  const label = element(
    "label",
    { for: box.id },
    member.name,
    " ",
    element(
      "span.type",
      {},
      note(
        context.schemas.nameOf(member.schema) ? member.schema : context.schemas.resolve(member.schema),
        context.schemas,
      ),
    ),
  );
  member.include = (there) => {
    box.checked = there;
    if (there && !member.control) {
      member.control = made(member.schema, "", context);
      member.control.element.querySelector("input, select, textarea")?.setAttribute("aria-label", member.name);
      member.control.write(context.schemas.sample(member.schema));
      place.replaceChildren(member.control.element);
    } else if (!there) {
      member.control = null;
      place.replaceChildren();
    }
  };
  box.addEventListener("change", () => {
    member.include(box.checked);
    context.onchange();
  });
  return element("div.optional", {}, element("div.field.switch", {}, box, label), place);
}

function listControl(rules, label, context) {
  const items = [];
  const list = element("ol.items");
  const add = (value) => {
    const item = { control: made(rules.items === true || !rules.items ? {} : rules.items, "", context) };
    item.control.write(value);
    item.element = element(
      "li",
      {},
      item.control.element,
      button(
        "×",
        () => {
          items.splice(items.indexOf(item), 1);
          item.element.remove();
          context.onchange();
        },
        { class: "quiet", "aria-label": `Remove item of ${label || "the list"}` },
      ),
    );
    items.push(item);
    list.append(item.element);
  };
  const plus = button(
    `Add${label ? ` to ${label}` : " item"}`,
    () => {
      add(context.schemas.sample(rules.items));
      context.onchange();
    },
    { class: "small" },
  );
  return {
    element: element("fieldset", {}, label ? element("legend", {}, label) : null, list, plus),
    read: () => items.map((item) => item.control.read()),
    write: (value) => {
      items.length = 0;
      list.replaceChildren();
      for (const item of Array.isArray(value) ? value : []) add(item);
    },
  };
}

function tupleControl(rules, label, context) {
  const parts = rules.prefixItems.map((schema, index) => made(schema, String(index), context));
  return {
    element: element(
      "fieldset",
      {},
      label ? element("legend", {}, label) : null,
      parts.map((part) => part.element),
    ),
    read: () => parts.map((part) => part.read()),
    write: (value) =>
      parts.forEach((part, index) =>
        part.write(Array.isArray(value) ? value[index] : context.schemas.sample(rules.prefixItems[index])),
      ),
  };
}

function mapControl(rules, label, context) {
  const entries = [];
  const list = element("ol.items");
  const schema = typeof rules.additionalProperties === "object" ? rules.additionalProperties : {};
  const add = (name, value) => {
    const key = element("input", {
      "aria-label": "Name",
      placeholder: "name",
      autocomplete: "off",
      oninput: context.onchange,
    });
    key.value = name;
    const entry = { key, control: made(schema, "", context) };
    entry.control.write(value);
    entry.element = element(
      "li.pair",
      {},
      key,
      entry.control.element,
      button(
        "×",
        () => {
          entries.splice(entries.indexOf(entry), 1);
          entry.element.remove();
          context.onchange();
        },
        { class: "quiet", "aria-label": "Remove entry" },
      ),
    );
    entries.push(entry);
    list.append(entry.element);
  };
  const plus = button(
    `Add${label ? ` to ${label}` : " entry"}`,
    () => {
      add("", context.schemas.sample(schema));
      context.onchange();
    },
    { class: "small" },
  );
  return {
    element: element("fieldset", {}, label ? element("legend", {}, label) : null, list, plus),
    read: () => Object.fromEntries(entries.map((entry) => [entry.key.value, entry.control.read()])),
    write: (value) => {
      entries.length = 0;
      list.replaceChildren();
      for (const [name, member] of Object.entries(value && typeof value === "object" ? value : {})) add(name, member);
    },
  };
}

function unionControl(branches, label, context) {
  const { schemas } = context;
  const place = element("div.branch");
  let chosen = 0;
  let inner = null;
  const show = (index) => {
    chosen = index;
    choice.value = String(index);
    inner = made(branches[index], "", context);
    inner.element
      .querySelector("input:not([type=checkbox]), select, textarea")
      ?.setAttribute("aria-label", `${label} ${schemas.text(branches[index])}`.trim());
    inner.write(schemas.sample(branches[index]));
    place.replaceChildren(inner.element);
  };
  const choice = select(
    branches.map((branch, index) => [String(index), schemas.text(branch)]),
    () => {
      show(Number(choice.value));
      context.onchange();
    },
    { "aria-label": `Type of ${label || "the value"}` },
  );
  show(schemas.beginning(branches, context.within));
  return {
    element: element("div.union", {}, field(label, choice), place),
    read: () => inner.read(),
    write: (value) => {
      const found = branches.findIndex((branch) => context.schemas.resolve(branch) && fits(value, branch, schemas));
      if (found !== -1 && found !== chosen) show(found);
      inner.write(value);
    },
  };
}

function fits(value, schema, schemas) {
  const rules = schemas.resolve(schema);
  if ("const" in rules) return value === rules.const;
  const kind = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  if (kind === "number") return rules.type === "number" || (rules.type === "integer" && Number.isInteger(value));
  if (kind === "object" && rules.properties) {
    return Object.entries(rules.properties).every(([name, member]) => {
      const own = schemas.resolve(member);
      return !("const" in own) || value[name] === own.const;
    });
  }
  return rules.type === kind;
}
