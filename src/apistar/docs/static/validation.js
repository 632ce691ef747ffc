// Where a value does not fit its schema, in the words of the server: `$.text: expected str, got int`.

const KINDS = {
  string: "str",
  integer: "int",
  number: "float",
  boolean: "bool",
  null: "null",
  array: "array",
  object: "object",
};
const FORMATS = {
  uuid: /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i,
  date: /^\d{4}-\d\d-\d\d$/,
  "date-time": /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)?$/,
  time: /^\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)?$/,
  duration: /^[+-]?P(?=.)(\d+(\.\d+)?D)?(T(?=.)(\d+(\.\d+)?H)?(\d+(\.\d+)?M)?(\d+(\.\d+)?S)?)?$/i,
  decimal: /^\s*[+-]?((\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(e[+-]?\d+)?|s?nan\d*|inf(inity)?)\s*$/i,
  "partial-time": /^\d\d:\d\d:\d\d(\.\d+)?$/,
};
const DEEP = 200;
const MOST = 100; // faults of one value: a peer may send a million

/** @returns {{path: string, text: string}[]} in the order of the value, the first hundred; empty where it fits */
export function faults(value, schema, schemas, path = "$", depth = 0) {
  const rules = schemas.resolve(schema);
  if (depth > DEEP) return [];
  const branches = schemas.branches(rules);
  if (branches) return ofUnion(value, rules, branches, schemas, path, depth);
  const wrong = (text) => [{ path, text }];
  if ("const" in rules && !same(value, rules.const))
    return wrong(`expected ${JSON.stringify(rules.const)}, got ${shown(value)}`);
  if (rules.enum && !rules.enum.some((one) => same(one, value))) {
    return wrong(`expected one of ${rules.enum.map((one) => JSON.stringify(one)).join(", ")}, got ${shown(value)}`);
  }
  if (rules.type && !isOf(value, rules.type))
    return wrong(`expected ${KINDS[rules.type] ?? rules.type}, got ${kindOf(value)}`);
  if (typeof value === "string") return ofString(value, rules).flatMap(wrong);
  if (typeof value === "number") return ofNumber(value, rules).flatMap(wrong);
  if (Array.isArray(value)) return ofArray(value, rules, schemas, path, depth);
  if (value !== null && typeof value === "object") return ofObject(value, rules, schemas, path, depth);
  return [];
}

export function kindOf(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float";
  return { string: "str", boolean: "bool", object: "object" }[typeof value] ?? typeof value;
}

/** The path of a member of an object. */
export const memberPath = (path, name) =>
  /^[A-Za-z_][\w-]*$/.test(name) ? `${path}.${name}` : `${path}[${JSON.stringify(name)}]`;

function isOf(value, type) {
  if (type === "integer") return Number.isInteger(value) || typeof value === "bigint";
  if (type === "number") return typeof value === "number" || typeof value === "bigint";
  if (type === "array") return Array.isArray(value);
  if (type === "null") return value === null;
  if (type === "object") return value !== null && typeof value === "object" && !Array.isArray(value);
  return typeof value === type;
}

function ofUnion(value, rules, branches, schemas, path, depth) {
  const tag = typeof rules.discriminator === "string" ? rules.discriminator : rules.discriminator?.propertyName;
  if (tag && isOf(value, "object")) {
    const found = branches.filter((branch) =>
      same(schemas.resolve(schemas.resolve(branch).properties?.[tag]).const, value[tag]),
    );
    if (found.length === 1) return faults(value, found[0], schemas, path, depth + 1);
    if (!(tag in value)) return [{ path, text: `misses ${JSON.stringify(tag)}, which tells its type` }];
    const known = branches.map((branch) =>
      JSON.stringify(schemas.resolve(schemas.resolve(branch).properties?.[tag]).const),
    );
    return [{ path: memberPath(path, tag), text: `expected one of ${known.join(", ")}, got ${shown(value[tag])}` }];
  }
  const tried = branches.map((branch) => faults(value, branch, schemas, path, depth + 1));
  if (tried.some((found) => found.length === 0)) return [];
  const deeper = tried.filter((found) => found.some((fault) => fault.path !== path));
  if (deeper.length === 1) return deeper[0];
  return [{ path, text: `expected ${schemas.text(rules)}, got ${kindOf(value)}` }];
}

function ofString(value, rules) {
  const length = [...value].length;
  if (rules.minLength !== undefined && length < rules.minLength)
    return [`has ${length} characters, needs ${rules.minLength}`];
  if (rules.maxLength !== undefined && length > rules.maxLength)
    return [`has ${length} characters, at most ${rules.maxLength}`];
  if (rules.pattern !== undefined && !matches(value, rules.pattern)) return [`does not match ${rules.pattern}`];
  if (FORMATS[rules.format] && !FORMATS[rules.format].test(value))
    return [`expected ${rules.format}, got ${shown(value)}`];
  return [];
}

function matches(value, pattern) {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return true; // written for another engine: the server decides
  }
}

function ofNumber(value, rules) {
  if (rules.minimum !== undefined && value < rules.minimum) return [`expected ≥ ${rules.minimum}, got ${value}`];
  if (rules.exclusiveMinimum !== undefined && value <= rules.exclusiveMinimum)
    return [`expected > ${rules.exclusiveMinimum}, got ${value}`];
  if (rules.maximum !== undefined && value > rules.maximum) return [`expected ≤ ${rules.maximum}, got ${value}`];
  if (rules.exclusiveMaximum !== undefined && value >= rules.exclusiveMaximum)
    return [`expected < ${rules.exclusiveMaximum}, got ${value}`];
  if (rules.multipleOf && Math.abs(value / rules.multipleOf - Math.round(value / rules.multipleOf)) > 1e-9)
    return [`expected a multiple of ${rules.multipleOf}, got ${value}`];
  return [];
}

function ofArray(value, rules, schemas, path, depth) {
  const found = [];
  if (rules.minItems !== undefined && value.length < rules.minItems)
    found.push({ path, text: `has ${value.length} items, needs ${rules.minItems}` });
  if (rules.maxItems !== undefined && value.length > rules.maxItems)
    found.push({ path, text: `has ${value.length} items, at most ${rules.maxItems}` });
  for (const [index, item] of value.entries()) {
    const schema = rules.prefixItems?.[index] ?? rules.items;
    if (schema && typeof schema === "object")
      found.push(...faults(item, schema, schemas, `${path}[${index}]`, depth + 1));
    if (found.length >= MOST) break;
  }
  return found.slice(0, MOST);
}

function ofObject(value, rules, schemas, path, depth) {
  const found = [];
  for (const name of rules.required ?? []) {
    if (!(name in value)) found.push({ path, text: `misses ${JSON.stringify(name)}` });
  }
  for (const [name, member] of Object.entries(value)) {
    if (found.length >= MOST) break;
    const own = rules.properties && Object.hasOwn(rules.properties, name) ? rules.properties[name] : undefined;
    if (own) found.push(...faults(member, own, schemas, memberPath(path, name), depth + 1));
    else if (rules.additionalProperties === false)
      found.push({ path: memberPath(path, name), text: "is not a field of this type" });
    else if (typeof rules.additionalProperties === "object")
      found.push(...faults(member, rules.additionalProperties, schemas, memberPath(path, name), depth + 1));
  }
  return found.slice(0, MOST);
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function shown(value) {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}
