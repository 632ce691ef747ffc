// What every console has: a head with a state, the log with its tools, and the chosen entry.

import { button, element, select, unique } from "./element.js";
import { Inspector } from "./inspector.js";
import { Log } from "./log.js";
import { visibleLine } from "./marks.js";
import { Record } from "./record.js";

const FILTER_DELAY_MS = 80; // all entries are searched: not for every letter
const MOST_SAVED = 256e6; // bytes; a record of 64 MB takes up to three times as many where it is escaped
let made = 0;

export class Panel {
  constructor(operation, api, page) {
    this.operation = operation;
    this.api = api;
    this.page = page;
    this.number = ++made;
    this.record = new Record();
    this.inspector = new Inspector({
      again: (entry) => this.again?.(entry),
      close: () => this.log.select(this.log.selected),
    });
    const nouns = operation.kind === "websocket" ? ["message", "message"] : ["request", "answer"];
    this.log = new Log(this.record, (entry) => this.#inspect(entry), nouns);
    this.log.ondraw = () => this.#summarize();
    this.lamp = element("span.lamp", { "aria-hidden": "true" });
    this.status = element("p.status", { role: "status" }, "");
    this.title = element("h2", { id: unique("panel") }, this.name);
    this.summary = element("p.summary");
    this.tools = element("div.tools", {}, this.#filters(), this.#buttons());
    this.head = element("div.panel-head", {}, this.lamp, this.title, this.status);
    this.element = element("section.panel", { "aria-labelledby": this.title.id });
    this.#summarize();
  }

  get name() {
    return `${this.operation.kind === "websocket" ? "Socket" : "Request"} ${this.number}`;
  }

  #filters() {
    const search = element("input", {
      type: "search",
      placeholder: "Filter",
      "aria-label": "Filter the log",
      oninput: () => {
        clearTimeout(this.filtering);
        this.filtering = setTimeout(() => this.log.setFilter({ text: search.value.toLowerCase() }), FILTER_DELAY_MS);
      },
    });
    const direction = select(
      [
        ["", "Both ways"],
        ["sent", "↑ Sent"],
        ["received", "↓ Received"],
      ],
      () => this.log.setFilter({ direction: direction.value }),
      { "aria-label": "Direction" },
    );
    return element("div.filters", {}, search, direction);
  }

  #buttons() {
    const pause = button(
      "Pause",
      () => {
        const paused = !this.log.paused;
        this.log.setPaused(paused);
        pause.textContent = paused ? "Resume" : "Pause";
        pause.setAttribute("aria-pressed", String(paused));
      },
      { class: "quiet", "aria-pressed": "false" },
    );
    const clear = button("Clear", () => this.record.clear(), { class: "quiet" });
    const save = button("Save", () => this.save(), { class: "quiet" });
    this.openFile = element("input.hidden", {
      type: "file",
      accept: ".json,application/json",
      tabindex: "-1",
      "aria-label": "A saved session",
      onchange: () => this.#opened(),
    });
    const open = button("Open", () => this.openFile.click(), {
      class: "quiet",
      title: "Show a saved session, to read it or to send it again",
    });
    return element("div.buttons", {}, pause, clear, save, open, this.openFile);
  }

  #inspect(entry) {
    if (!entry) return this.inspector.show(null);
    this.inspector.show(entry, { ...this.about(entry), schemas: this.api.schemas });
  }

  #summarize() {
    this.summary.replaceChildren(...this.log.summary.map((part) => element("span", {}, part)));
  }

  setState(state, words, fault = false) {
    this.element.dataset.state = state;
    this.element.toggleAttribute("data-fault", fault);
    this.status.textContent = visibleLine(words);
    this.page.changed();
  }

  save() {
    const about = { operation: this.operation.documentation.id, path: this.operation.path, form: this.fields.read() };
    const url = URL.createObjectURL(new Blob([this.record.saved(about)], { type: "application/json" }));
    const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "");
    const link = element("a", { href: url, download: `${this.operation.documentation.id}-${stamp}.json` });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  async #opened() {
    const [file] = this.openFile.files;
    this.openFile.value = "";
    if (!file) return;
    try {
      if (file.size > MOST_SAVED) throw new Error("the file is larger than any session that Save made");
      const about = this.record.restore(await file.text());
      this.restored(about, file.name);
    } catch (error) {
      this.setState(this.element.dataset.state ?? "idle", error.message, true);
    }
  }
}
