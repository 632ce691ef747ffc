// What is sent: a type is chosen and its form filled, or the message is written as JSON, text or bytes.

import { button, element, labelled, select, tabs } from "./element.js";
import { Editor } from "./editor.js";
import { control } from "./form.js";
import { encode } from "./msgpack.js";
import { fromHex, hex } from "./record.js";
import { faults } from "./validation.js";

export const RAW_TEXT = "raw:text";
export const RAW_BYTES = "raw:bytes";

/**
 * A message under the pen: of one of the given types, or raw.
 *
 * @param types `[{name, schema, deprecated}]` of what the application takes
 */
export class Message {
  constructor(types, schemas, onchange, { noun = "Message", raw = true } = {}) {
    this.types = types;
    this.schemas = schemas;
    this.onchange = onchange;
    const options = types.map((type, index) => [
      String(index),
      type.deprecated ? `${type.name} (deprecated)` : type.name,
    ]);
    if (raw)
      options.push([RAW_TEXT, types.length ? "Raw text" : "Text"], [RAW_BYTES, types.length ? "Raw bytes" : "Bytes"]);
    this.choice = select(options, () => this.choose(this.choice.value));
    this.editor = new Editor(`${noun} as JSON`, () => this.onchange());
    this.text = element("textarea", {
      rows: "3",
      "aria-label": `${noun} as text`,
      spellcheck: "false",
      oninput: () => this.onchange(),
    });
    this.bytes = element("textarea", {
      rows: "3",
      "aria-label": `${noun} as bytes in hexadecimal`,
      placeholder: "68 65 6c 6c 6f",
      spellcheck: "false",
      oninput: () => this.#checkBytes(),
    });
    this.bytesFault = element("p.fault", { role: "status", hidden: true });
    this.file = element("input", { type: "file", "aria-label": "Bytes from a file", onchange: () => this.#readFile() });
    this.form = element("div.form");
    this.formFaults = element("ul.faults");
    const formPanel = element("div", {}, this.form, element("div", { role: "status" }, this.formFaults));
    const jsonPanel = element("div", {}, this.editor.element);
    this.tabs = tabs(
      "How the message is written",
      [
        ["Form", formPanel],
        ["JSON", jsonPanel],
      ],
      (name) => this.#turn(name),
    );
    this.typed = element("div.typed", {}, formPanel, jsonPanel);
    this.rawText = element("div", {}, this.text);
    this.rawBytes = element("div", {}, this.bytes, this.bytesFault, this.file);
    this.row = labelled(noun, this.choice, "choice");
    this.row.append(this.tabs.list);
    this.element = element("div.message", {}, this.row, this.typed, this.rawText, this.rawBytes);
    this.choose(options[0][0]);
  }

  choose(choice) {
    this.choice.value = choice;
    const raw = choice === RAW_TEXT || choice === RAW_BYTES;
    this.typed.hidden = this.tabs.list.hidden = raw;
    this.rawText.hidden = choice !== RAW_TEXT;
    this.rawBytes.hidden = choice !== RAW_BYTES;
    if (!raw) {
      const { schema } = this.type;
      this.control = control(schema, this.schemas, "", () => this.#changedForm());
      const sample = this.schemas.sample(schema);
      this.control.write(sample);
      this.form.replaceChildren(this.control.element);
      const { properties } = this.schemas.resolve(schema);
      if (properties && !Object.values(properties).some((one) => !("const" in this.schemas.resolve(one))))
        this.form.append(element("p.note", {}, "It has no fields."));
      this.editor.check(schema, this.schemas);
      this.editor.write(JSON.stringify(sample, null, 2));
      this.#changedForm();
    }
    this.onchange();
  }

  get type() {
    return this.types[Number(this.choice.value)];
  }

  #turn(name) {
    this.mode = name;
    if (name === "JSON") {
      this.editor.write(JSON.stringify(this.control.read(), null, 2));
    } else {
      const { value } = this.editor.read();
      if (value !== undefined) this.control.write(value);
      this.#changedForm();
    }
    this.onchange();
  }

  #changedForm() {
    const found = faults(this.control.read(), this.type.schema, this.schemas);
    this.formFaults.replaceChildren(
      ...found.slice(0, 6).map((fault) => element("li", {}, element("code", {}, fault.path), ` ${fault.text}`)),
    );
    this.onchange();
  }

  #checkBytes() {
    const wrong = fromHex(this.bytes.value) === null;
    this.bytesFault.hidden = !wrong;
    this.bytesFault.textContent = wrong ? "two hexadecimal digits make a byte: 00 to ff" : "";
    this.bytes.setAttribute("aria-invalid", String(wrong));
    this.onchange();
  }

  async #readFile() {
    const [file] = this.file.files;
    if (!file) return;
    this.bytes.value = hex(new Uint8Array(await file.arrayBuffer()));
    this.#checkBytes();
  }

  /**
   * What would be sent.
   *
   * @param packed whether typed messages go as msgpack
   * @returns {{data: string|Uint8Array|null, faults: number}} no data where nothing can be sent as it is
   */
  read(packed = false) {
    const choice = this.choice.value;
    if (choice === RAW_TEXT) return { data: this.text.value, faults: 0 };
    if (choice === RAW_BYTES) {
      const data = fromHex(this.bytes.value);
      return { data, faults: data === null ? 1 : 0 };
    }
    if (this.mode === "JSON") {
      const { value, faults: found } = this.editor.read();
      if (packed) return { data: value === undefined ? null : encode(value), faults: found.length };
      return { data: value === undefined ? this.editor.text : JSON.stringify(value), faults: found.length };
    }
    const value = this.control.read();
    return {
      data: packed ? encode(value) : JSON.stringify(value),
      faults: faults(value, this.type.schema, this.schemas).length,
    };
  }

  /** Take a message up again, as one of the types if its value is known, else raw. */
  write(data, value, name) {
    const index = this.types.findIndex((type) => type.name === name);
    if (index !== -1 && value !== undefined) {
      this.choose(String(index));
      this.control.write(value);
      this.editor.write(JSON.stringify(value, null, 2));
      this.#changedForm();
    } else if (typeof data === "string") {
      this.choose(RAW_TEXT);
      this.text.value = data;
    } else {
      this.choose(RAW_BYTES);
      this.bytes.value = hex(data);
      this.#checkBytes();
    }
    this.onchange();
  }
}

/** Sends the message once, or again and again. */
export class Composer {
  /** @param send `(data) => boolean` */
  constructor(message, send) {
    this.message = message;
    this.send = send;
    this.packed = false;
    this.timer = null;
    this.sendButton = element("button.primary", { type: "submit" }, "Send");
    this.every = element("input.short", {
      type: "number",
      min: "1",
      max: "3600000",
      value: "1000",
      "aria-label": "Interval in milliseconds",
    });
    this.repeat = button("Repeat", () => this.#toggle(), { "aria-pressed": "false" });
    this.element = element(
      "form.composer",
      {
        onsubmit: (event) => this.#submit(event),
        "aria-label": "Compose a message",
        onkeydown: (event) => this.#key(event),
      },
      message.element,
      element(
        "div.actions",
        {},
        this.sendButton,
        element(
          "span.group",
          {},
          this.repeat,
          element("span.unit", {}, "every"),
          this.every,
          element("span.unit", {}, "ms"),
        ),
      ),
    );
    this.setOpen(false);
  }

  setOpen(open) {
    this.open = open;
    this.update();
    if (!open) this.stop();
  }

  update() {
    const { data, faults: found } = this.message.read(this.packed);
    this.sendButton.textContent = found && data !== null ? "Send anyway" : "Send";
    this.sendButton.classList.toggle("faulty", found > 0);
    this.sendButton.disabled = !this.open || data === null;
    this.repeat.disabled = !this.open || data === null;
  }

  #submit(event) {
    event.preventDefault();
    this.#once();
  }

  #key(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.#once();
    }
  }

  #once() {
    const { data } = this.message.read(this.packed);
    if (this.open && data !== null) this.send(data);
  }

  #toggle() {
    if (this.timer) return this.stop();
    const period = Math.min(3_600_000, Math.max(1, Number(this.every.value) || 1000));
    this.#once();
    this.timer = setInterval(() => this.#once(), period);
    this.repeat.textContent = "Stop";
    this.repeat.setAttribute("aria-pressed", "true");
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.repeat.textContent = "Repeat";
    this.repeat.setAttribute("aria-pressed", "false");
  }
}
