// The console of one WebSocket: its handshake, its log, and what is sent.

import { announce, button, element } from "./element.js";
import { Composer, Message } from "./composer.js";
import { Connection } from "./connection.js";
import { Fields } from "./fields.js";
import { Panel } from "./panel.js";
import { isTyped } from "./reference.js";
import { Replay } from "./replay.js";
import { faults } from "./validation.js";

export class SocketPanel extends Panel {
  constructor(operation, api, page) {
    super(operation, api, page);
    this.connection = new Connection(this.record, api.base, api.docsUrl);
    this.connection.nameOf = (direction, value) => this.#nameOf(direction, value);
    this.connection.addEventListener("change", () => this.#changed());
    this.fields = new Fields(operation, api, () => this.#showTarget());
    this.#build();
    this.#showTarget();
    this.#changed();
  }

  #build() {
    this.target = element("code.target");
    this.connectButton = element("button.primary", { type: "submit" }, "Connect");
    this.form = element(
      "details.connect",
      { open: true },
      element("summary", {}, element("span.method.ws", {}, "WS"), this.target),
      element(
        "form",
        { onsubmit: (event) => this.#connect(event), "aria-label": "Connect" },
        this.fields.element,
        element("div.actions", {}, this.connectButton),
      ),
    );
    const published = (this.operation.topics ?? []).flatMap((topic) => topic.messages);
    this.types = {
      sent: this.#named(this.operation.incoming),
      received: this.#named([...this.operation.outgoing, ...published]),
    };
    this.message = new Message(this.types.sent, this.api.schemas, () => this.composer?.update());
    this.composer = new Composer(this.message, (data) => this.connection.send(data));
    this.code = element("input.short", {
      type: "number",
      value: "1000",
      min: "1000",
      max: "4999",
      "aria-label": "Close code",
      title: "A page may close with 1000, and 3000 to 4999",
    });
    this.reason = element("input", { placeholder: "reason", "aria-label": "Close reason", autocomplete: "off" });
    this.closeButton = element("button", { type: "submit" }, "Close");
    this.closeFault = element("p.fault", { role: "status", hidden: true });
    this.closer = element(
      "form.closer",
      { onsubmit: (event) => this.#close(event), "aria-label": "Close the socket" },
      this.closeButton,
      this.code,
      this.reason,
      this.closeFault,
    );
    this.replay = new Replay(this.connection, (words) => this.#replaying(words));
    this.reconnect = button("Connect again", () => this.#connect(), { class: "primary small", hidden: true });
    this.form.addEventListener("toggle", () => this.#offer());
    this.head.append(
      element(
        "div.actions",
        {},
        this.reconnect,
        button("Beside", () => this.page.beside(this), {
          class: "quiet",
          title: "Open another socket of this route beside this one",
        }),
        button("×", () => this.remove(), { class: "quiet", "aria-label": `Remove ${this.name}` }),
      ),
    );
    this.sending = element("div.sending", {}, this.composer.element, this.closer);
    this.element.append(
      this.head,
      this.form,
      this.replay.element,
      this.tools,
      this.log.element,
      this.summary,
      this.inspector.element,
      this.sending,
    );
  }

  #showTarget() {
    this.target.textContent = this.api.base + this.fields.target;
    this.page.changedForm(this);
  }

  #connect(event) {
    event?.preventDefault();
    if (!this.connection.idle) return this.connection.state === "connecting" && this.connection.close();
    if (this.fields.check()) return;
    this.connection.connect(this.fields.target, this.fields.subprotocolList);
  }

  #close(event) {
    event.preventDefault();
    this.closeFault.hidden = true;
    try {
      this.connection.close(Number(this.code.value), this.reason.value);
    } catch (error) {
      this.closeFault.textContent =
        error.name === "InvalidAccessError"
          ? "a page may close with 1000, and with 3000 to 4999"
          : "a reason has 123 bytes at most";
      this.closeFault.hidden = false;
    }
  }

  #changed() {
    const { state, words, fault, open, idle } = this.connection;
    if (state === "open") this.form.open = false;
    const waiting = !idle && state === "connecting";
    this.connectButton.disabled = !idle && !waiting;
    this.closeButton.disabled = idle || state === "closing";
    this.sending.hidden = idle;
    this.composer.packed = this.connection.subprotocol === "msgpack";
    this.composer.setOpen(open);
    if (state !== "idle") this.connectButton.textContent = waiting ? "Give up" : "Connect again";
    this.#offer();
    if (idle) this.replay.stop();
    this.setState(state, words, fault);
    if (["open", "closed", "refused"].includes(state)) announce(`${this.name}: ${words}`);
  }

  #offer() {
    this.reconnect.hidden = !this.connection.idle || this.connection.state === "idle" || this.form.open;
  }

  #replaying(words) {
    this.setState(this.element.dataset.state, words);
  }

  /** Message types under the names that are read. */
  #named(messages) {
    const { schemas } = this.api;
    return messages.filter(isTyped).map((message) => ({ ...message, name: schemas.text(message.schema) }));
  }

  /** The type of a message of this route. */
  #typeOf(direction, value) {
    const messages = this.types[direction] ?? [];
    if (value === undefined || !messages.length) return null;
    if (messages.length === 1) return messages[0];
    return (
      messages.find((one) => tagOf(one.schema, value, this.api.schemas)) ??
      messages.find((one) => !faults(value, one.schema, this.api.schemas).length) ??
      null
    );
  }

  #nameOf(direction, value) {
    return this.#typeOf(direction, value)?.name ?? "";
  }

  /** What an entry carries and the type that it should fit. */
  about(entry) {
    const value = entry.kind === "text" || entry.kind === "binary" ? this.connection.valueOf(entry.data) : undefined;
    return { value, schema: this.#typeOf(entry.direction, value)?.schema };
  }

  again(entry) {
    const { value } = this.about(entry);
    this.message.write(entry.data, value, entry.name);
    this.sending.hidden = false;
  }

  restored(about, name) {
    if (about.path === this.operation.path && about.form) this.fields.write(about.form);
    this.replay.offer(this.record, name);
    this.setState(this.element.dataset.state, `Showing ${name}`);
  }

  get live() {
    return !this.connection.idle;
  }

  remove() {
    if (!this.connection.idle) this.connection.close();
    this.page.removed(this);
  }
}

function tagOf(schema, value, schemas) {
  const properties = Object.entries(schemas.resolve(schema).properties ?? {});
  const tags = properties.filter(([, member]) => "const" in schemas.resolve(member));
  return (
    value !== null &&
    typeof value === "object" &&
    tags.length > 0 &&
    tags.every(([name, member]) => value[name] === schemas.resolve(member).const)
  );
}
