// JSON as text, with faults marked where they stand while one types.

import { element, unique } from "./element.js";
import { JSONFault, parsed } from "./json.js";
import { faults } from "./validation.js";

const SHOWN = 6;

export class Editor {
  constructor(label, onchange) {
    this.schema = null;
    this.schemas = null;
    this.onchange = onchange;
    this.list = element("ul.faults");
    const said = element("div", { id: unique("faults"), role: "status" }, this.list);
    this.backdrop = element("pre.backdrop", { "aria-hidden": "true" });
    this.area = element("textarea", {
      "aria-label": label,
      "aria-describedby": said.id,
      spellcheck: "false",
      autocomplete: "off",
      autocapitalize: "off",
      rows: "6",
      oninput: () => this.#changed(),
      onscroll: () => this.#scrolled(),
      onkeydown: (event) => this.#key(event),
    });
    this.element = element("div.editor-frame", {}, element("div.editor", {}, this.backdrop, this.area), said);
  }

  /** What the text is checked against; null for JSON of any kind. */
  check(schema, schemas) {
    this.schema = schema;
    this.schemas = schemas;
    this.#mark();
  }

  get text() {
    return this.area.value;
  }

  write(text) {
    this.area.value = text;
    this.#mark();
  }

  /** @returns {{value?: unknown, faults: {path: string, text: string}[]}} */
  read() {
    try {
      const { value, places } = parsed(this.text);
      const found = this.schema ? faults(value, this.schema, this.schemas) : [];
      return { value, faults: found.map((fault) => ({ ...fault, place: placeOf(fault.path, places) })) };
    } catch (error) {
      if (!(error instanceof JSONFault)) throw error;
      const line = this.text.slice(0, error.start).split("\n").length;
      return { faults: [{ path: `line ${line}`, text: error.message, place: [error.start, error.end] }] };
    }
  }

  #changed() {
    this.#mark();
    this.onchange();
  }

  #mark() {
    const { faults: found } = this.read();
    this.list.replaceChildren(
      ...found.slice(0, SHOWN).map((fault) => element("li", {}, element("code", {}, fault.path), ` ${fault.text}`)),
    );
    if (found.length > SHOWN) this.list.append(element("li", {}, `and ${found.length - SHOWN} more`));
    this.area.setAttribute("aria-invalid", String(found.length > 0));
    this.backdrop.replaceChildren(
      ...marked(
        this.text,
        found.map((fault) => fault.place),
      ),
      "\n",
    );
    this.#scrolled();
  }

  #scrolled() {
    this.backdrop.scrollTop = this.area.scrollTop;
    this.backdrop.scrollLeft = this.area.scrollLeft;
  }

  #key(event) {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.shiftKey) return;
    // A new line begins below the one before it.
    const start = this.area.selectionStart;
    const indent = this.text.slice(this.text.lastIndexOf("\n", start - 1) + 1, start).match(/^ */)[0];
    if (!indent) return;
    event.preventDefault();
    this.area.setRangeText(`\n${indent}`, start, this.area.selectionEnd, "end");
    this.#changed();
  }
}

/** Where a path stands, or the nearest value around it: a member that misses is marked at its object's brace. */
function placeOf(path, places) {
  const place = places.get(path);
  if (!place) return [0, 1];
  return place[1] - place[0] > 60 ? [place[0], place[0] + 1] : place;
}

function marked(text, places) {
  const parts = [];
  let at = 0;
  for (const [start, end] of [...places].sort((one, other) => one[0] - other[0])) {
    if (start < at) continue;
    parts.push(text.slice(at, start), element("mark", {}, text.slice(start, end) || " "));
    at = end;
  }
  parts.push(text.slice(at));
  return parts;
}
