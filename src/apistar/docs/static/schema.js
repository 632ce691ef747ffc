// JSON Schema as this API's types: what a schema stands for, how it reads, and a value that fits it.

const PREFIX = "#/components/schemas/";
const WORDS = {
  string: "str",
  integer: "int",
  number: "float",
  boolean: "bool",
  null: "None",
  array: "list",
  object: "dict",
};
const FORMATS = {
  binary: "bytes",
  byte: "bytes",
  "date-time": "datetime",
  date: "date",
  time: "time",
  "partial-time": "time",
  uuid: "UUID",
  duration: "timedelta",
  decimal: "Decimal",
};
const EXAMPLES = {
  uuid: "00000000-0000-4000-8000-000000000000",
  date: "2026-01-31",
  "date-time": "2026-01-31T12:00:00Z",
  time: "12:00:00Z",
  "partial-time": "12:00:00",
  duration: "PT1M",
  email: "ada@example.com",
  uri: "https://example.com/",
  decimal: "1.00",
};

export class Schemas {
  constructor(definitions) {
    this.definitions = definitions;
    this.depths = new Map();
    this.#measure(false);
    this.#measure(true);
  }

  /** The name of the definition that a schema refers to, or null. */
  nameOf(schema) {
    const reference = schema?.$ref ?? (schema?.allOf?.length === 1 ? schema.allOf[0].$ref : undefined);
    const name = reference?.startsWith(PREFIX) ? reference.slice(PREFIX.length) : null;
    return name !== null && name in this.definitions ? name : null;
  }

  /** What a definition is called where it is read: `Page[Order]`, which no document may name so. */
  label(name) {
    const { title } = this.definitions[name];
    return typeof title === "string" && /^[\w.]+\[.*\]$/.test(title) ? title : name;
  }

  /** The schema itself, or what it refers to with what stands beside the reference. */
  resolve(schema) {
    const name = this.nameOf(schema);
    if (name === null) return schema ?? {};
    const { $ref, allOf, ...beside } = schema;
    return { ...this.resolve(this.definitions[name]), ...beside };
  }

  /** The branches of a union, or null where there is one type alone. */
  branches(schema) {
    const found = this.resolve(schema);
    const branches = found.anyOf ?? found.oneOf;
    if (branches) return branches;
    if (Array.isArray(found.type)) return found.type.map((type) => ({ ...found, type }));
    return null;
  }

  /** How a type reads: texts, and `{name}` where a definition stands. */
  spelled(schema) {
    const name = this.nameOf(schema);
    if (name !== null) return [{ name }];
    const found = schema ?? {};
    if (found.contentSchema) return this.spelled(found.contentSchema);
    const branches = this.branches(found);
    if (branches)
      return joined(
        branches.map((branch) => this.spelled(branch)),
        " | ",
      );
    if ("const" in found) return [JSON.stringify(found.const)];
    if (found.enum)
      return joined(
        found.enum.map((value) => [JSON.stringify(value)]),
        " | ",
      );
    if (found.type === "array") {
      if (found.prefixItems)
        return [
          "tuple[",
          ...joined(
            found.prefixItems.map((item) => this.spelled(item)),
            ", ",
          ),
          "]",
        ];
      return found.items && found.items !== true ? ["list[", ...this.spelled(found.items), "]"] : ["list"];
    }
    if (found.type === "object" && typeof found.additionalProperties === "object" && !found.properties) {
      return ["dict[str, ", ...this.spelled(found.additionalProperties), "]"];
    }
    return [
      FORMATS[found.format ?? found.contentEncoding] ??
        (found.contentEncoding ? "bytes" : (WORDS[found.type] ?? "Any")),
    ];
  }

  /** The same in one text. */
  text(schema) {
    return this.spelled(schema)
      .map((part) => (part.name ? this.label(part.name) : part))
      .join("");
  }

  /** Constraints as they read: `1 to 24 characters`, `≥ 0`. */
  constraints(schema) {
    const found = this.nameOf(schema) === null ? (schema ?? {}) : {};
    const said = [];
    const range = (low, high, noun) => {
      if (low === undefined && high === undefined) return;
      const [few, many] = [low ?? 0, high];
      if (many === undefined) said.push(`at least ${counted(few, noun)}`);
      else if (few === many) said.push(counted(few, noun));
      else said.push(few ? `${few} to ${counted(many, noun)}` : `at most ${counted(many, noun)}`);
    };
    range(found.minLength, found.maxLength, "character");
    range(found.minItems, found.maxItems, "item");
    range(found.minProperties, found.maxProperties, "member");
    if (found.minimum !== undefined) said.push(`≥ ${found.minimum}`);
    if (found.exclusiveMinimum !== undefined) said.push(`> ${found.exclusiveMinimum}`);
    if (found.maximum !== undefined) said.push(`≤ ${found.maximum}`);
    if (found.exclusiveMaximum !== undefined) said.push(`< ${found.exclusiveMaximum}`);
    if (found.multipleOf !== undefined) said.push(`multiple of ${found.multipleOf}`);
    if (found.pattern !== undefined) said.push(`matches ${found.pattern}`);
    if (found.uniqueItems) said.push("no two alike");
    if (found.format && !(found.format in FORMATS)) said.push(found.format);
    if (found.default !== undefined && found.default !== null) said.push(`default ${JSON.stringify(found.default)}`);
    return said;
  }

  /**
   * How many values stand in each other in the smallest one that fits: 0 in a text or an empty list, Infinity where a
   * type cannot be without itself. `None` counts only where there is nothing else.
   */
  depth(schema, nullable = true) {
    const name = this.nameOf(schema);
    if (name !== null) return this.depths.get(name) ?? Infinity;
    const found = schema ?? {};
    if (isGiven(found)) return 0;
    const branches = this.branches(found);
    if (branches) {
      const [some, none] = split(branches, this);
      const least = Math.min(Infinity, ...some.map((branch) => this.depth(branch, nullable)));
      return none && nullable && least === Infinity ? 0 : least;
    }
    const parts = partsOf(found).map((part) => this.depth(part, nullable));
    return parts.length ? 1 + Math.max(...parts) : 0;
  }

  /** The depths of all definitions, from those that need no other. */
  #measure(nullable) {
    for (let changed = true; changed; ) {
      changed = false;
      for (const [name, definition] of Object.entries(this.definitions)) {
        const depth = this.depths.has(name) ? Infinity : this.depth(definition, nullable);
        if (depth !== Infinity) {
          this.depths.set(name, depth);
          changed = true;
        }
      }
    }
  }

  /** The index of the branch that a value begins with: the flattest, or `None` where each holds what it stands in. */
  beginning(branches, within = Infinity) {
    const [some, none] = split(branches, this);
    const depths = some.map((branch) => this.depth(branch));
    const least = Math.min(...depths);
    return branches.indexOf(none && !(least < within) ? none : some[depths.indexOf(least)]);
  }

  /** A value that fits, as small as can be; @param within the depth of what it is a part of. */
  sample(schema, within = Infinity) {
    const depth = this.depth(schema);
    if (depth === Infinity) return null;
    const found = this.resolve(schema);
    if (found.examples?.length) return structuredClone(found.examples[0]);
    if (found.default !== undefined && found.default !== null) return structuredClone(found.default);
    if ("const" in found) return found.const;
    if (found.enum) return found.enum[0];
    const branches = this.branches(found);
    if (branches) return this.sample(branches[this.beginning(branches, within)], within);
    switch (found.type) {
      case "object":
        return this.#sampleObject(found, depth);
      case "array":
        if (found.prefixItems) return found.prefixItems.map((item) => this.sample(item, depth));
        return Array.from({ length: found.minItems ?? 0 }, () => this.sample(found.items, depth));
      case "integer":
      case "number":
        return sampleNumber(found);
      case "boolean":
        return false;
      case "null":
        return null;
      case "string":
        return (EXAMPLES[found.format] ?? "").padEnd(found.minLength ?? 0, "x");
      default:
        return found.properties ? this.#sampleObject(found, depth) : null;
    }
  }

  #sampleObject(schema, depth) {
    const value = {};
    const required = new Set(schema.required ?? []);
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      if (required.has(name) || "const" in this.resolve(field)) value[name] = this.sample(field, depth);
    }
    return value;
  }
}

function sampleNumber({ minimum, exclusiveMinimum, maximum = 0, exclusiveMaximum = 1, multipleOf }) {
  const least = minimum ?? (exclusiveMinimum === undefined ? undefined : exclusiveMinimum + 1);
  if (least === undefined) return Math.min(0, maximum, exclusiveMaximum - 1);
  return multipleOf ? Math.ceil(least / multipleOf) * multipleOf : least;
}

/** Whether a schema says itself which value to begin with. */
const isGiven = ({ examples, default: value, enum: values, ...rest }) =>
  Boolean(examples?.length || (value !== undefined && value !== null) || values) || "const" in rest;

/** Branches that are something, and the one that is nothing. */
function split(branches, schemas) {
  const isNull = (branch) => schemas.resolve(branch).type === "null";
  return [branches.filter((branch) => !isNull(branch)), branches.find(isNull)];
}

/** What a value cannot be without. */
function partsOf({ properties, required = [], prefixItems, minItems, items }) {
  if (properties) return required.filter((name) => Object.hasOwn(properties, name)).map((name) => properties[name]);
  return prefixItems ?? (minItems && items ? [items] : []);
}

const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

function joined(lists, separator) {
  return lists.flatMap((list, index) => (index ? [separator, ...list] : list));
}
