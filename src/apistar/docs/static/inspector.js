// One entry, whole: JSON folded, text as it came, bytes in hexadecimal.

import { button, copyText, element, tabs } from "./element.js";
import { visible } from "./marks.js";
import { clockText, countText, gapText, sizeText, timeText } from "./measure.js";
import { faults } from "./validation.js";

const OPEN_LEVELS = 2;
const MEMBERS = 100; // drawn at once; the rest on demand
const SHOWN_CHARACTERS = 200_000;
const SHOWN_LINES = 5000;
const SHOWN_IN_TREE = 10_000; // characters of one value
const SHOWN_BYTES = 16_384;

export class Inspector {
  /** @param actions `{again(entry), close()}` */
  constructor(actions) {
    this.actions = actions;
    this.element = element("section.inspector", { hidden: true, "aria-label": "The chosen message" });
  }

  show(entry, { value, schema, schemas } = {}) {
    this.element.hidden = !entry;
    if (!entry) return;
    const facts = [
      entry.direction === "none" ? entry.kind : `${entry.direction} ${entry.kind}`,
      entry.size === null ? "" : sizeText(entry.size),
      `${timeText(entry.at)} s`,
      entry.gap === null ? "" : gapText(entry.gap),
      clockText(entry.epoch),
    ];
    const copy = button("Copy", () => copyText(entry.whole?.() ?? asText(entry.data), copy), { class: "quiet" });
    const carried = entry.kind === "text" || entry.kind === "binary";
    const head = element(
      "div.inspector-head",
      {},
      element("p", {}, entry.name ? element("b", {}, entry.name) : null, facts.filter(Boolean).join(" · ")),
      element(
        "div.actions",
        {},
        carried && this.actions.again
          ? button("Compose again", () => this.actions.again(entry), { class: "quiet" })
          : null,
        copy,
        button("×", () => this.actions.close(), { class: "quiet", "aria-label": "Close the message" }),
      ),
    );
    const wrong = schema && value !== undefined ? faults(value, schema, schemas) : [];
    const list = element(
      "ul.faults",
      { hidden: !wrong.length },
      wrong.slice(0, 10).map(({ path, text }) => element("li", {}, element("code", {}, path), ` ${text}`)),
    );
    this.element.replaceChildren(head, list, ...this.#views(entry, value));
  }

  #views(entry, value) {
    if (entry.detail) return [entry.detail()];
    const panels = [];
    if (value !== undefined && value !== null && typeof value === "object")
      panels.push(["JSON", element("div.view", { tabindex: "0" }, tree(value, 0))]);
    if (typeof entry.data === "string") panels.push(["Text", element("pre.view", { tabindex: "0" }, cut(entry.data))]);
    const bytes =
      typeof entry.data === "string" ? new TextEncoder().encode(entry.data.slice(0, SHOWN_BYTES)) : entry.data;
    panels.push(["Hex", element("pre.view", { tabindex: "0" }, dump(bytes))]);
    if (typeof entry.data !== "string") {
      const text = new TextDecoder().decode(entry.data.subarray(0, SHOWN_CHARACTERS));
      panels.push(["Text", element("pre.view", { tabindex: "0" }, cut(text))]);
    }
    const made = tabs("How the message is shown", panels);
    return [made.list, ...panels.map(([, panel]) => panel)];
  }
}

/** As much of a text as a page can draw at once. */
export function cut(text, whole = "Save has all of them") {
  let end = Math.min(text.length, SHOWN_CHARACTERS);
  for (let line = 0, at = -1; line < SHOWN_LINES; line += 1) {
    at = text.indexOf("\n", at + 1);
    if (at === -1 || at >= end) break;
    if (line === SHOWN_LINES - 1) end = at;
  }
  const rest = text.length - end;
  return visible(text.slice(0, end)) + (rest ? `\n… ${countText(rest, "more character")}; ${whole}` : "");
}

export function asText(data) {
  return typeof data === "string" ? data : Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

/** Sixteen bytes a line: place, hexadecimal, and what is printable. */
export function dump(bytes) {
  const lines = [];
  for (let start = 0; start < Math.min(bytes.length, SHOWN_BYTES); start += 16) {
    const part = bytes.subarray(start, Math.min(start + 16, SHOWN_BYTES));
    const codes = Array.from(part, (byte) => byte.toString(16).padStart(2, "0"));
    const left = codes.slice(0, 8).join(" ").padEnd(23);
    const right = codes.slice(8).join(" ").padEnd(23);
    const text = Array.from(part, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${start.toString(16).padStart(6, "0")}  ${left}  ${right}  ${text}`);
  }
  if (bytes.length > SHOWN_BYTES) lines.push(`… ${bytes.length - SHOWN_BYTES} more bytes; Save has all of them`);
  return lines.join("\n") || "no bytes";
}

/** A value as a tree that folds; what is folded is drawn when it is opened. */
export function tree(value, level, name = null) {
  const label = name === null ? [] : [element("span.key", {}, leaf(/^[\w$-]+$/.test(name) ? name : JSON.stringify(name))), element("span.sign", {}, ": ")];
  if (value === null || typeof value !== "object") {
    return element(
      "div.leaf",
      {},
      label,
      element(`span.${value === null ? "null" : typeof value}`, {}, leaf(JSON.stringify(value) ?? String(value))),
    );
  }
  const entries = Array.isArray(value) ? value.map((item, index) => [String(index), item]) : Object.entries(value);
  const words = Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`;
  if (!entries.length)
    return element("div.leaf", {}, label, element("span.sign", {}, Array.isArray(value) ? "[]" : "{}"));
  const members = element("div.members");
  const made = element(
    "details.node",
    {},
    element("summary", {}, label, element("span.count", {}, words), element("span.peek", {}, peek(value))),
    members,
  );
  const fill = () => {
    if (!members.childElementCount) more(members, entries, 0, level);
  };
  made.addEventListener("toggle", () => made.open && fill());
  if (level < OPEN_LEVELS) {
    fill();
    made.open = true;
  }
  return made;
}

function more(members, entries, start, level) {
  for (const [name, value] of entries.slice(start, start + MEMBERS)) members.append(tree(value, level + 1, name));
  const rest = entries.length - start - MEMBERS;
  if (rest <= 0) return;
  const next = button(`${rest} more`, () => {
    next.remove();
    more(members, entries, start + MEMBERS, level);
  });
  members.append(next);
}

function leaf(text) {
  const rest = text.length - SHOWN_IN_TREE;
  return visible(text.slice(0, SHOWN_IN_TREE)) + (rest > 0 ? `… ${countText(rest, "more character")}` : "");
}

function peek(value) {
  const text = JSON.stringify(value);
  return visible(text.length > 80 ? `${text.slice(0, 79)}…` : text);
}
