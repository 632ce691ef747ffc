// JSON with the place of every value in its text, so that a fault can be marked where it stands.
// Source: RFC 8259.

import { memberPath } from "./validation.js";

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const DEEP = 500;

export class JSONFault extends Error {
  constructor(text, start, end) {
    super(text);
    this.start = start;
    this.end = end;
  }
}

/**
 * Read a text.
 *
 * @returns {{value: unknown, places: Map<string, [number, number]>}} places by path: `$.items[0]`
 * @throws {JSONFault} with the place of the first fault
 */
export function parsed(text) {
  const reader = new Reader(text);
  const value = reader.value("$", 0);
  reader.space();
  if (reader.at < text.length) reader.fail("nothing may follow the value");
  return { value, places: reader.places };
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.places = new Map();
  }

  value(path, depth) {
    this.space();
    const start = this.at;
    const found = this.#found(path, depth);
    this.places.set(path, [start, this.at]);
    return found;
  }

  #found(path, depth) {
    if (depth > DEEP) this.fail("is nested too deeply");
    const first = this.text[this.at];
    if (first === "{") return this.#object(path, depth);
    if (first === "[") return this.#array(path, depth);
    if (first === '"') return JSON.parse(this.take(STRING, "the string is not well-formed"));
    if (first === "-" || (first >= "0" && first <= "9"))
      return Number(this.take(NUMBER, "the number is not well-formed"));
    if (first === undefined) this.fail("a value is missing");
    return JSON.parse(
      this.take(WORD, "expected a value: a string in double quotes, a number, true, false, null, [ or {"),
    );
  }

  #object(path, depth) {
    const found = {};
    this.#list("}", () => {
      const name = JSON.parse(this.take(STRING, "expected a name in double quotes"));
      this.space();
      this.#sign(":");
      const value = this.value(memberPath(path, name), depth + 1);
      Object.defineProperty(found, name, { value, enumerable: true, configurable: true, writable: true });
    });
    return found;
  }

  #array(path, depth) {
    const found = [];
    this.#list("]", () => found.push(this.value(`${path}[${found.length}]`, depth + 1)));
    return found;
  }

  #list(end, item) {
    this.at += 1;
    this.space();
    if (this.text[this.at] === end) {
      this.at += 1;
      return;
    }
    for (;;) {
      this.space();
      item();
      this.space();
      if (this.text[this.at] === end) break;
      this.#sign(",", `expected , or ${end}`);
    }
    this.at += 1;
  }

  #sign(sign, text = `expected ${sign}`) {
    if (this.text[this.at] !== sign) this.fail(text);
    this.at += 1;
  }

  take(pattern, text) {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (!match) this.fail(text);
    this.at += match[0].length;
    return match[0];
  }

  space() {
    SPACE.lastIndex = this.at;
    SPACE.exec(this.text);
    this.at = SPACE.lastIndex;
  }

  fail(text) {
    const rest = this.text.slice(this.at).match(/^[^\s,\]}]+|^./s);
    throw new JSONFault(text, this.at, this.at + (rest ? Math.min(rest[0].length, 40) : 0));
  }
}
