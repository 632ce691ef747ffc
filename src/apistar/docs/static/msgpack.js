// msgpack for what JSON can say, and binary.
// Source: the msgpack specification (https://github.com/msgpack/msgpack/blob/master/spec.md).

const UTF8 = new TextEncoder();
const TEXT = new TextDecoder("utf-8", { fatal: true });

/** Encode a value. */
export function encode(value) {
  const parts = [];
  write(value, parts);
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Decode one value. @throws {Error} if the bytes are not exactly one */
export function decode(bytes) {
  const reader = new Reader(bytes);
  const value = reader.value();
  if (reader.at !== bytes.length) throw new Error("bytes follow the value");
  return value;
}

function write(value, parts) {
  if (value === null || value === undefined) parts.push(Uint8Array.of(0xc0));
  else if (typeof value === "boolean") parts.push(Uint8Array.of(value ? 0xc3 : 0xc2));
  else if (typeof value === "number") parts.push(Number.isSafeInteger(value) ? integer(value) : float(value));
  else if (typeof value === "string") {
    const bytes = UTF8.encode(value);
    parts.push(header(bytes.length, 0xa0, 32, [0xd9, 0xda, 0xdb]), bytes);
  } else if (value instanceof Uint8Array) {
    parts.push(header(value.length, 0, 0, [0xc4, 0xc5, 0xc6]), value);
  } else if (Array.isArray(value)) {
    parts.push(header(value.length, 0x90, 16, [null, 0xdc, 0xdd]));
    for (const item of value) write(item, parts);
  } else {
    const entries = Object.entries(value);
    parts.push(header(entries.length, 0x80, 16, [null, 0xde, 0xdf]));
    for (const [name, member] of entries) {
      write(name, parts);
      write(member, parts);
    }
  }
}

function header(length, fixed, below, [one, two, four]) {
  if (length < below) return Uint8Array.of(fixed | length);
  if (one !== null && length < 0x100) return Uint8Array.of(one, length);
  if (length < 0x10000) return Uint8Array.of(two, length >> 8, length & 0xff);
  return packed(5, (view) => view.setUint32(1, length), four);
}

function integer(value) {
  if (value >= 0 && value < 128) return Uint8Array.of(value);
  if (value < 0 && value >= -32) return Uint8Array.of(0x100 + value);
  if (value >= -0x80000000 && value < 0x80000000) return packed(5, (view) => view.setInt32(1, value), 0xd2);
  return packed(9, (view) => view.setBigInt64(1, BigInt(value)), 0xd3);
}

const float = (value) => packed(9, (view) => view.setFloat64(1, value), 0xcb);

function packed(size, fill, first) {
  const bytes = new Uint8Array(size);
  bytes[0] = first;
  fill(new DataView(bytes.buffer));
  return bytes;
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }

  value() {
    const first = this.#number("getUint8", 1);
    if (first < 0x80) return first;
    if (first >= 0xe0) return first - 0x100;
    if (first < 0x90) return this.#map(first & 0x0f);
    if (first < 0xa0) return this.#array(first & 0x0f);
    if (first < 0xc0) return this.#text(first & 0x1f);
    const read = READERS[first - 0xc0];
    if (!read) throw new Error(`no value begins with 0x${first.toString(16)}`);
    return read(this);
  }

  number(method, size) {
    const found = this.#number(method, size);
    return typeof found === "bigint" && Number.isSafeInteger(Number(found))
      ? Number(found)
      : typeof found === "bigint"
        ? String(found)
        : found;
  }

  text(size) {
    return this.#text(this.#number(LENGTHS[size], size));
  }

  binary(size) {
    return this.#take(this.#number(LENGTHS[size], size));
  }

  array(size) {
    return this.#array(this.#number(LENGTHS[size], size));
  }

  map(size) {
    return this.#map(this.#number(LENGTHS[size], size));
  }

  extension(length) {
    const type = this.#number("getInt8", 1);
    return { extension: type, data: this.#take(length) };
  }

  extensionOf(size) {
    return this.extension(this.#number(LENGTHS[size], size));
  }

  #number(method, size) {
    if (this.at + size > this.bytes.length) throw new Error("the bytes end within a value");
    const found = this.view[method](this.at);
    this.at += size;
    return found;
  }

  #take(length) {
    if (this.at + length > this.bytes.length) throw new Error("the bytes end within a value");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  #text(length) {
    return TEXT.decode(this.#take(length));
  }

  #array(length) {
    const found = [];
    for (let index = 0; index < length; index += 1) found.push(this.value());
    return found;
  }

  #map(length) {
    const found = {};
    for (let index = 0; index < length; index += 1) {
      const name = String(this.value());
      Object.defineProperty(found, name, { value: this.value(), enumerable: true, configurable: true, writable: true });
    }
    return found;
  }
}

const LENGTHS = { 1: "getUint8", 2: "getUint16", 4: "getUint32" };

// From 0xc0 on.
const READERS = [
  () => null,
  null,
  () => false,
  () => true,
  (reader) => reader.binary(1),
  (reader) => reader.binary(2),
  (reader) => reader.binary(4),
  (reader) => reader.extensionOf(1),
  (reader) => reader.extensionOf(2),
  (reader) => reader.extensionOf(4),
  (reader) => reader.number("getFloat32", 4),
  (reader) => reader.number("getFloat64", 8),
  (reader) => reader.number("getUint8", 1),
  (reader) => reader.number("getUint16", 2),
  (reader) => reader.number("getUint32", 4),
  (reader) => reader.number("getBigUint64", 8),
  (reader) => reader.number("getInt8", 1),
  (reader) => reader.number("getInt16", 2),
  (reader) => reader.number("getInt32", 4),
  (reader) => reader.number("getBigInt64", 8),
  (reader) => reader.extension(1),
  (reader) => reader.extension(2),
  (reader) => reader.extension(4),
  (reader) => reader.extension(8),
  (reader) => reader.extension(16),
  (reader) => reader.text(1),
  (reader) => reader.text(2),
  (reader) => reader.text(4),
  (reader) => reader.array(2),
  (reader) => reader.array(4),
  (reader) => reader.map(2),
  (reader) => reader.map(4),
];
