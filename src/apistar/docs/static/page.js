// The page: what the address after # names is shown; consoles live on while one reads elsewhere.

import { API } from "./api.js";
import { element } from "./element.js";
import { ExchangePanel } from "./exchange.js";
import { Navigation } from "./navigation.js";
import { body, head, overview, typePage } from "./reference.js";
import { Snippets, snippetsOf } from "./snippets.js";
import { SocketPanel } from "./socket.js";

class Page {
  constructor(api) {
    this.api = api;
    this.main = document.getElementById("main");
    this.socketsLink = document.getElementById("sockets");
    this.panels = [];
    this.snippets = new Snippets();
    this.navigation = new Navigation(api);
    document.getElementById("title").textContent = api.info.title;
    document.getElementById("version").textContent = api.info.version;
    addEventListener("hashchange", () => this.show(true));
    document.getElementById("skip").addEventListener("click", (event) => {
      event.preventDefault(); // the address names what is shown
      this.main.focus();
    });
    this.show(false);
  }

  show(moved) {
    const [, kind, name] = location.hash.match(/^#\/(op|type|sockets)(?:\/(.*))?$/) ?? [];
    const key = decoded(name ?? "");
    this.operation = kind === "op" ? this.api.byId.get(key) : null;
    let title = this.api.info.title;
    this.main.className = "";
    if (this.operation) {
      this.#showOperation(this.operation);
      title = `${this.operation.method} ${this.operation.path} · ${title}`;
    } else if (kind === "type" && Object.hasOwn(this.api.schemas.definitions, key)) {
      this.main.replaceChildren(typePage(key, this.api));
      title = `${this.api.schemas.label(key)} · ${title}`;
    } else if (kind === "sockets") {
      this.#showSockets();
      title = `Sockets · ${title}`;
    } else {
      this.main.replaceChildren(overview(this.api));
      if (key) this.main.firstElementChild.prepend(element("p.failure", { role: "alert" }, `Nothing here is called “${key}”.`));
    }
    document.title = title;
    this.navigation.mark(location.hash);
    this.socketsLink.toggleAttribute("aria-current", kind === "sockets");
    if (moved) {
      scrollTo(0, 0);
      this.main.focus({ preventScroll: true });
    }
  }

  #showOperation(operation) {
    const panels = this.#panelsOf(operation);
    if (!panels.length) panels.push(this.#open(operation));
    this.consoles = element(
      "div.panels",
      {},
      panels.map((panel) => panel.element),
    );
    const console = element("aside.console", { "aria-label": "Live console" }, this.consoles);
    console.dataset.panels = String(panels.length);
    const reading = element("div.reading", {}, body(operation, this.api), this.snippets.element);
    this.main.className = "operation";
    this.main.replaceChildren(head(operation), console, reading);
    this.changedForm(panels[0]);
    this.#changedLayout();
  }

  #showSockets() {
    this.consoles = element(
      "div.panels",
      {},
      this.panels.map((panel) => panel.element),
    );
    this.main.className = "sockets";
    const empty = element(
      "p.note",
      {},
      "No console was opened yet. Choose an operation; its console stays open here, beside the others.",
    );
    this.main.replaceChildren(element("h1", {}, "Sockets side by side"), this.panels.length ? this.consoles : empty);
    this.#changedLayout();
  }

  #panelsOf(operation) {
    return this.panels.filter((panel) => panel.operation === operation);
  }

  #open(operation) {
    const made =
      operation.kind === "websocket"
        ? new SocketPanel(operation, this.api, this)
        : new ExchangePanel(operation, this.api, this);
    this.panels.push(made);
    this.changed();
    return made;
  }

  // What panels call

  beside(panel) {
    const made = this.#open(panel.operation);
    made.fields.write(panel.fields.read());
    panel.element.after(made.element);
    this.panels.splice(this.panels.indexOf(made), 1);
    this.panels.splice(this.panels.indexOf(panel) + 1, 0, made);
    this.#changedLayout();
    made.element.querySelector("summary").focus();
  }

  removed(panel) {
    this.panels.splice(this.panels.indexOf(panel), 1);
    panel.element.remove();
    this.changed();
    if (
      location.hash === "#/sockets" ||
      (this.operation === panel.operation && !this.#panelsOf(panel.operation).length)
    )
      this.show(false);
    else this.#changedLayout();
    this.main.focus({ preventScroll: true });
  }

  changed() {
    const live = this.panels.filter((panel) => panel.operation.kind === "websocket" && panel.live);
    this.socketsLink.replaceChildren("Sockets ", element("span.count", {}, String(live.length)));
    this.socketsLink.setAttribute("aria-label", `Sockets, ${live.length} open`);
    this.navigation?.light(new Set(live.map((panel) => panel.operation)));
  }

  changedForm(panel) {
    if (!panel || panel.operation !== this.operation || this.#panelsOf(panel.operation)[0] !== panel) return;
    if (!panel.fields) return;
    const written = panel.message && panel.operation.kind === "http" ? panel.message.read().data : null;
    const body = typeof written === "string" ? written : null;
    this.snippets.show(snippetsOf(panel.operation, panel.fields, this.api, body, panel.formBody));
  }

  #changedLayout() {
    const count = this.consoles?.childElementCount ?? 0;
    this.main.toggleAttribute("data-many", count > 1);
  }
}

/** What stands in the address; as it is where it is no encoding. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

try {
  const answer = await fetch("description");
  if (!answer.ok) throw new Error(`the description of the API answered ${answer.status}`);
  new Page(new API(await answer.json()));
  performance.mark("drawn");
} catch (error) {
  document.getElementById("list").replaceChildren();
  document
    .getElementById("main")
    .replaceChildren(element("p.failure", { role: "alert" }, `The API could not be read: ${error.message}`));
  throw error;
}
