// The record of one socket: every entry in the order of time, bounded in number and bytes.

import { visibleLine } from "./marks.js";
import { bytesOf } from "./measure.js";

export const KEPT_ENTRIES = 20_000;
export const KEPT_BYTES = 64e6;
const PREVIEW = 300; // characters; a row shows no more
const NAMED = 200; // characters of a name that a file gives
const LONGEST_MS = 1e11; // three years
const FORMAT = "apistar-session";

/**
 * @typedef {object} Entry
 * @property {number} number from 1, never used twice
 * @property {number} at milliseconds since the record began
 * @property {number|null} gap milliseconds since the entry before
 * @property {"sent"|"received"|"none"} direction
 * @property {"open"|"text"|"binary"|"close"|"request"|"response"|"note"} kind
 * @property {string|Uint8Array} data
 * @property {number|null} size in bytes, of what was carried
 * @property {string} name of the message type, where one is known
 * @property {string} preview one line
 * @property {boolean} fault
 * @property {(() => Element)|null} detail what is shown of it, where that is more than its data
 * @property {(() => string)|null} whole what is copied of it, where that is more than its data
 */
export class Record extends EventTarget {
  constructor() {
    super();
    this.clear();
  }

  clear() {
    this.entries = [];
    this.first = 0; // index of the oldest entry that is kept; those before it wait to be cut off together
    this.bytes = 0;
    this.dropped = 0;
    this.count = 0;
    this.began = null;
    this.totals = { sent: [0, 0], received: [0, 0] };
    this.dispatchEvent(new Event("clear"));
  }

  get length() {
    return this.entries.length - this.first;
  }

  /** The entry at a place; 0 is the oldest that is kept. */
  at(index) {
    return this.entries[this.first + index];
  }

  /** Add one; it happened now unless `at` says when. */
  add({ direction, kind, data, size = null, name = "", fault = false, at = null, detail = null, whole = null }) {
    const now = performance.now();
    this.began ??= now;
    at ??= now - this.began;
    const before = this.entries.length ? this.entries[this.entries.length - 1] : null;
    size ??= typeof data === "string" ? (kind === "text" ? bytesOf(data) : null) : data.byteLength;
    this.count += 1;
    const entry = {
      number: this.count,
      at,
      gap: before ? Math.max(0, at - before.at) : null,
      direction,
      kind,
      data,
      size,
      name,
      fault,
      detail,
      whole,
      preview: preview(data),
      epoch: performance.timeOrigin + this.began + at,
    };
    this.entries.push(entry);
    this.bytes += weight(entry);
    if (size !== null && direction !== "none") {
      this.totals[direction][0] += 1;
      this.totals[direction][1] += size;
    }
    while (this.length > KEPT_ENTRIES || (this.bytes > KEPT_BYTES && this.length > 1)) this.#drop();
    this.dispatchEvent(new Event("add"));
    return entry;
  }

  #drop() {
    this.bytes -= weight(this.entries[this.first]);
    this.entries[this.first] = undefined;
    this.first += 1;
    this.dropped += 1;
    if (this.first > 4096) {
      this.entries.splice(0, this.first);
      this.first = 0;
    }
  }

  /** The record as the text of a file. */
  saved(about) {
    const entries = [];
    for (let index = 0; index < this.length; index += 1) {
      const { at, direction, kind, data, size, name, fault } = this.at(index);
      const carried = typeof data === "string" ? { text: data } : { base64: toBase64(data) };
      entries.push({ at_ms: Math.round(at * 1000) / 1000, direction, kind, ...carried, size, name, fault });
    }
    const began = new Date(performance.timeOrigin + (this.began ?? 0)).toISOString();
    return JSON.stringify({ format: FORMAT, version: 1, began, ...about, dropped: this.dropped, entries }, null, 1);
  }

  /**
   * Take the place of a saved record.
   *
   * @returns what was saved beside the entries
   * @throws {Error} if the text is no saved session
   */
  restore(text) {
    const { entries, ...about } = readSession(text);
    const read = entries.map(readEntry); // all of them, before what is here is let go
    this.clear();
    const began = typeof about.began === "string" ? Date.parse(about.began) - performance.timeOrigin : NaN;
    this.began = began <= performance.now() ? began : performance.now();
    for (const entry of read) this.add(entry);
    return about;
  }
}

function readSession(text) {
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error("the file is not JSON; open one that Save made");
  }
  if (found?.format !== FORMAT || !Array.isArray(found.entries))
    throw new Error("the file is no saved session; open one that Save made");
  return found;
}

function readEntry(entry, index) {
  const { at_ms: at, direction, kind, text, base64, size, name, fault } = entry ?? {};
  const data = typeof text === "string" ? text : typeof base64 === "string" ? bytesFrom(base64) : null;
  const sound =
    data !== null &&
    ["sent", "received", "none"].includes(direction) &&
    ["open", "text", "binary", "close", "request", "response", "note"].includes(kind) &&
    (kind === "binary" ? typeof data !== "string" : typeof data === "string") &&
    at >= 0 &&
    at <= LONGEST_MS;
  if (!sound) throw new Error(`entry ${index + 1} of the file is not one of a session`);
  return {
    at,
    direction,
    kind,
    data,
    size: Number.isSafeInteger(size) && size >= 0 ? size : null,
    name: typeof name === "string" ? visibleLine(name.slice(0, NAMED)) : "",
    fault: fault === true,
  };
}

// An answer is held by what shows it: its bytes, and at times their text.
const weight = (entry) =>
  200 +
  (typeof entry.data === "string" ? 2 * entry.data.length : entry.data.byteLength) +
  (entry.detail ? 3 * (entry.size ?? 0) : 0);

function preview(data) {
  if (typeof data !== "string") return hex(data.subarray(0, 64)) + (data.byteLength > 64 ? " …" : "");
  return visibleLine(data.slice(0, PREVIEW)) + (data.length > PREVIEW ? "…" : "");
}

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");

/** Bytes written in hexadecimal; null where the text is none. */
export function fromHex(text) {
  const digits = text.replace(/0x|[\s,:_-]/gi, "");
  if (digits.length % 2 || /[^0-9a-f]/i.test(digits)) return null;
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

export function toBase64(bytes) {
  let text = "";
  for (let start = 0; start < bytes.length; start += 8192)
    text += String.fromCharCode(...bytes.subarray(start, start + 8192));
  return btoa(text);
}

function bytesFrom(base64) {
  try {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch {
    return null;
  }
}

/** What is searched by a filter. */
export function matches(entry, { text, direction }) {
  if (direction && entry.direction !== direction) return false;
  if (!text) return true;
  const data = typeof entry.data === "string" ? entry.data : hex(entry.data.subarray(0, 4096));
  return data.toLowerCase().includes(text) || entry.name.toLowerCase().includes(text) || entry.kind.includes(text);
}
