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
  uuid: "UUID",
  duration: "timedelta",
  decimal: "Decimal",
};
const EXAMPLES = {
  uuid: "00000000-0000-4000-8000-000000000000",
  date: "2026-01-31",
  "date-time": "2026-01-31T12:00:00Z",
  time: "12:00:00Z",
  duration: "PT1M",
  email: "ada@example.com",
  uri: "https://example.com/",
  decimal: "1.00",
};

export class Schemas {
  constructor(definitions) {
    this.definitions = definitions;
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

  /** A value that fits, as small as can be. */
  sample(schema, depth = 0) {
    const found = this.resolve(schema);
    if (found.examples?.length) return structuredClone(found.examples[0]);
    if (found.default !== undefined && found.default !== null) return structuredClone(found.default);
    if ("const" in found) return found.const;
    if (found.enum) return found.enum[0];
    const branches = this.branches(found);
    if (branches) {
      const plain = branches.filter((branch) => this.resolve(branch).type !== "null");
      return this.sample(depth > 6 ? branches[branches.length - 1] : (plain[0] ?? branches[0]), depth + 1);
    }
    switch (found.type) {
      case "object":
        return this.#sampleObject(found, depth);
      case "array":
        if (found.prefixItems) return found.prefixItems.map((item) => this.sample(item, depth + 1));
        return Array.from({ length: depth > 6 ? 0 : (found.minItems ?? 0) }, () => this.sample(found.items, depth + 1));
      case "integer":
        return (
          found.minimum ??
          (found.exclusiveMinimum !== undefined ? found.exclusiveMinimum + 1 : Math.min(0, found.maximum ?? 0))
        );
      case "number":
        return (
          found.minimum ??
          (found.exclusiveMinimum !== undefined ? found.exclusiveMinimum + 1 : Math.min(0, found.maximum ?? 0))
        );
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
      if (required.has(name) || "const" in this.resolve(field)) value[name] = this.sample(field, depth + 1);
    }
    return value;
  }
}

const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

function joined(lists, separator) {
  return lists.flatMap((list, index) => (index ? [separator, ...list] : list));
}
