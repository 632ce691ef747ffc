// The console of one HTTP route: requests and their answers, in a log like that of a socket.

import { announce, button, element } from "./element.js";
import { Message } from "./composer.js";
import { statusMeaning } from "./codes.js";
import { decode } from "./msgpack.js";
import { Fields } from "./fields.js";
import { FormBody, isForm } from "./formdata.js";
import { asText, cut, tree, dump } from "./inspector.js";
import { visible } from "./marks.js";
import { gapText, sizeText } from "./measure.js";
import { Panel } from "./panel.js";

const TEXTS = /^(text\/|application\/(json|problem\+json|xml|javascript|yaml)|.*\+(json|xml))/;
const STREAMS = /^(text\/event-stream|application\/(x-ndjson|jsonl|json-seq))/;
const MOST_BYTES = 16e6; // of a body that is kept
const NOT_SHOWN = "the curl command gets all of them";
const UNREAD = "no answer: the server is gone, or it redirects to another site, which this page never asks";
const BODILESS = new Set(["GET", "HEAD"]);

export class ExchangePanel extends Panel {
  constructor(operation, api, page) {
    super(operation, api, page);
    this.fields = new Fields(operation, api, () => this.#showTarget());
    this.#build();
    this.#showTarget();
    this.setState("idle", "Not sent");
  }

  #build() {
    const { method, body } = this.operation;
    this.target = element("code.target");
    this.sendButton = element("button.primary", { type: "submit" }, "Send");
    this.abortButton = button("Abort", () => this.abort?.abort(), { hidden: true });
    if (body && isForm(body)) {
      this.formBody = new FormBody(body, this.api.schemas, () => this.#showTarget());
    } else if (body && !BODILESS.has(method)) {
      const json = body.media_types.includes("application/json") && body.schema;
      this.message = new Message(
        json ? [{ name: this.api.schemas.text(body.schema), schema: body.schema }] : [],
        this.api.schemas,
        () => this.#showTarget(),
        { noun: "Body" },
      );
    }
    this.form = element(
      "details.connect",
      { open: true },
      element("summary", {}, element(`span.method.${method.toLowerCase()}`, {}, method), this.target),
      element(
        "form",
        { onsubmit: (event) => this.#submit(event), "aria-label": "Send a request" },
        this.fields.element,
        this.message?.element,
        this.formBody?.element,
        element("div.actions", {}, this.sendButton, this.abortButton),
      ),
    );
    this.head.append(
      element(
        "div.actions",
        {},
        button("Beside", () => this.page.beside(this), {
          class: "quiet",
          title: "Another console of this route beside this one",
        }),
        button("×", () => this.remove(), { class: "quiet", "aria-label": `Remove ${this.name}` }),
      ),
    );
    this.element.append(this.head, this.form, this.tools, this.log.element, this.summary, this.inspector.element);
  }

  #showTarget() {
    this.target.textContent = this.api.base + this.fields.target;
    if (this.message && this.sendButton) {
      const { faults, data } = this.message.read();
      this.sendButton.textContent = faults ? "Send anyway" : "Send";
      this.sendButton.classList.toggle("faulty", faults > 0);
      this.sendButton.disabled = data === null;
    }
    this.page.changedForm(this);
  }

  async #submit(event) {
    event.preventDefault();
    if (this.abort || this.fields.check()) return;
    const { method } = this.operation;
    const target = this.api.base + this.fields.target;
    this.abort = new AbortController();
    this.sendButton.disabled = true;
    this.abortButton.hidden = false;
    this.setState("connecting", "Waiting for the answer …");
    try {
      const { request, size } = this.#request();
      this.record.add({
        direction: "sent",
        kind: "request",
        data: `${method} ${target}`,
        size,
        whole: typeof request.body === "string" ? () => request.body : null,
        detail: typeof request.body === "string" ? () => element("pre.view", { tabindex: "0" }, cut(request.body, NOT_SHOWN)) : null,
      });
      const began = performance.now();
      const answer = await fetch(location.origin + target, {
        ...request,
        signal: this.abort.signal,
        cache: "no-store",
        redirect: "follow",
      }).catch((error) => {
        throw error.name === "AbortError" ? error : new Error(UNREAD);
      });
      const { bytes, received } = await this.#body(answer);
      this.#answered(answer, bytes, received, performance.now() - began);
    } catch (error) {
      const words = error.name === "AbortError" ? "aborted by you" : error.message;
      this.record.add({ direction: "none", kind: "note", data: words, fault: true });
      this.setState("closed", words, true);
    }
    this.abort = null;
    this.abortButton.hidden = true;
    this.#showTarget();
    this.sendButton.disabled = false;
  }

  /** Read a body to its end, and show what a stream of events brings as it comes. */
  async #body(answer) {
    const chunks = [];
    let received = 0;
    this.setState("open", `${answer.status} · receiving …`);
    const decoder = new TextDecoder(); // a chunk may end within a character
    const stream = STREAMS.test(answer.headers.get("content-type") ?? "");
    try {
      for (const reader = answer.body?.getReader(); reader;) {
        const { done, value } = await reader.read();
        if (done) break;
        received += value.byteLength;
        if (stream)
          this.record.add({ direction: "received", kind: "text", data: decoder.decode(value, { stream: true }) });
        if (received <= MOST_BYTES) chunks.push(value);
      }
    } catch (error) {
      // Aborted by the reader: what came until then is shown.
      if (error.name !== "AbortError") throw new Error(`the answer broke off after ${sizeText(received)}`);
    }
    return { bytes: new Uint8Array(await new Blob(chunks).arrayBuffer()), received };
  }

  #request() {
    const headers = new Headers();
    for (const [name, value] of this.fields.headerList) {
      try {
        headers.append(name, value);
      } catch {
        throw new Error(`not sent: “${name}: ${value}” is no header`);
      }
    }
    const request = { method: this.operation.method, headers };
    let size = 0;
    if (this.message) {
      request.body = this.message.read().data;
      size = typeof request.body === "string" ? new TextEncoder().encode(request.body).length : request.body.byteLength;
      const [first] = this.operation.body.media_types;
      if (!headers.has("content-type"))
        headers.set(
          "content-type",
          this.message.choice.value.startsWith("raw:") && first === "application/json"
            ? "application/octet-stream"
            : first,
        );
    }
    if (this.formBody) request.body = this.formBody.read();
    return { request, size };
  }

  #answered(answer, bytes, received, duration) {
    const type = answer.headers.get("content-type") ?? "";
    const text = TEXTS.test(type) ? new TextDecoder().decode(bytes) : null;
    const words = `${answer.status} ${answer.statusText || statusMeaning(answer.status)}`.trim();
    const peek = text ? text.slice(0, 200) : type;
    this.record.add({
      direction: "received",
      kind: "response",
      data: [answer.redirected ? `redirected to ${new URL(answer.url).pathname}` : "", words, peek]
        .filter(Boolean)
        .join("  "),
      size: received,
      fault: answer.status >= 400,
      whole: () => text ?? asText(bytes),
      detail: () => shown(answer, bytes, text, type),
    });
    const said = [words, sizeText(received), gapText(duration).slice(1)].join(" · ");
    this.setState(answer.ok ? "open" : "closed", said, answer.status >= 400);
    announce(`${this.name}: ${said}`);
    this.log.selected = null;
    this.log.select(this.record.count);
  }

  about() {
    return {};
  }

  restored(about, name) {
    if (about.path === this.operation.path && about.form) this.fields.write(about.form);
    this.setState("idle", `Showing ${name}`);
  }

  get live() {
    return Boolean(this.abort);
  }

  remove() {
    this.abort?.abort();
    this.page.removed(this);
  }
}

/** An answer with its headers and its body; a body is never drawn as markup. */
function shown(answer, bytes, text, type) {
  const headers = [...answer.headers].map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, visible(value))),
  );
  const made = element(
    "div.view",
    { tabindex: "0" },
    element("details", {}, element("summary", {}, `${headers.length} headers`), element("dl.headers", {}, headers)),
  );
  let value;
  try {
    value = /json/.test(type) ? JSON.parse(text) : type === "application/msgpack" ? decode(bytes) : undefined;
  } catch {
    value = undefined;
  }
  if (value !== undefined) made.append(tree(value, 0));
  else if (text !== null) made.append(element("pre", {}, cut(text, NOT_SHOWN) || "no body"));
  else made.append(element("pre", {}, dump(bytes)));
  return made;
}
