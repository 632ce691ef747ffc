// Ties the page together: each section has a connection and a scene, and the wire of the one that is shown.

import { Connection } from "./connection.js";
import { Clock, Court, Talk, Tally } from "./scenes.js";
import { coloured, sourceOf } from "./source.js";
import { Ladder } from "./wire.js";

const SCENES = {
  hello: Tally,
  "hello-json": Tally,
  clock: Clock,
  pingpong: Court,
  "pingpong-json": Court,
  chat: Talk,
};
const NAMES = ["Ada", "Alan", "Barbara", "Edsger", "Frances", "Grace", "Hedy", "Ken", "Margaret", "Niklaus", "Radia"];

const aside = document.querySelector(".wire");
const status = aside.querySelector(".status");
const ladder = new Ladder(aside);
const exhibits = new Map();
let shown = null;

class Exhibit {
  constructor(name) {
    this.name = name;
    this.section = document.getElementById(`socket-${name}`);
    this.link = document.querySelector(`.index a[href="#${name}"]`);
    this.scene = new SCENES[name](this.section);
    this.connection = new Connection(this.section.dataset.path);
    this.connection.addEventListener("message", ({ data }) => this.#received(data));
    this.connection.addEventListener("change", () => this.refresh());
    this.rally = 0;
    this.#listen();
    this.refresh();
  }

  get statusText() {
    const { connection } = this;
    if (connection.open) return "Open";
    if (!connection.idle) return "Connecting";
    return connection.ending || "Not connected";
  }

  refresh() {
    const { connection, section } = this;
    const state = connection.open ? "open" : connection.idle ? "idle" : "connecting";
    if (state === "idle" && connection.ending) this.scene.ended?.();
    this.link.dataset.state = state;
    this.count();
    for (const control of section.querySelectorAll("[data-connect], input[name=name]")) control.disabled = !connection.idle;
    for (const control of section.querySelectorAll("[data-close], [type=submit], [data-rally]")) {
      control.disabled = !connection.open;
    }
    if (this === shown) this.tell();
  }

  /** Say the state of the connection beside the wire. */
  tell() {
    const { connection } = this;
    status.textContent = this.statusText;
    status.dataset.state = connection.open ? "open" : connection.faulty ? "fault" : "idle";
    ladder.list.dataset.state = status.dataset.state;
  }

  count() {
    const { sent, received } = this.connection.wire.totals;
    const total = sent[0] + received[0];
    this.link.querySelector(".count").textContent = total || "";
  }

  connect() {
    this.rally = 0;
    this.scene.begin?.();
    const name = this.section.querySelector("input[name=name]");
    if (name) sessionStorage.setItem("name", name.value); // a reload keeps the name, another tab has its own
    this.connection.connect(name ? `?name=${encodeURIComponent(name.value)}` : "");
  }

  send(text) {
    if (!this.connection.send(text)) return;
    this.scene.sent?.(text);
    this.count();
  }

  #received(data) {
    this.scene.received(data);
    this.count();
    if (this.rally > 0) {
      this.rally -= 1;
      if (this.rally > 0) this.send(this.input.value);
    }
  }

  #listen() {
    const { section } = this;
    this.input = section.querySelector("input[name=text]");
    section.querySelector("[data-connect]").addEventListener("click", () => this.connect());
    section.querySelector("[data-close]")?.addEventListener("click", () => this.connection.close());
    section.querySelector("[data-rally]")?.addEventListener("click", () => {
      this.rally = 100;
      this.send(this.input.value);
    });
    section.querySelector("[data-fill]")?.addEventListener("click", ({ target }) => {
      const send = () => this.send(target.dataset.fill);
      if (this.connection.open) send();
      else {
        this.connection.addEventListener("open", send, { once: true });
        this.connect();
      }
    });
    section.querySelector("[data-send]")?.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.input.value;
      if (event.target.dataset.send !== "say") this.send(text);
      else if (text) {
        this.send(JSON.stringify({ type: "say", text }));
        this.input.value = "";
      }
    });
  }
}

/** A name that the tab before this one did not get. */
function freshName() {
  const free = NAMES.filter((name) => name !== localStorage.getItem("last-name"));
  const name = free[Math.floor(Math.random() * free.length)];
  localStorage.setItem("last-name", name);
  return name;
}

/** Scroll the row of links sideways; `scrollIntoView` would also move where the Tab key begins. */
function reveal(link) {
  const row = link.closest(".index");
  const [inner, outer] = [link.getBoundingClientRect(), row.getBoundingClientRect()];
  row.scrollLeft += Math.max(inner.right - outer.right, 0) || Math.min(inner.left - outer.left, 0);
}

async function show(name) {
  const exhibit = exhibits.get(name) ?? shown ?? exhibits.get("hello");
  if (shown === exhibit) return;
  shown = exhibit;
  for (const other of exhibits.values()) {
    other.section.hidden = other !== exhibit;
    if (other === exhibit) other.link.setAttribute("aria-current", "page");
    else other.link.removeAttribute("aria-current");
  }
  reveal(exhibit.link);
  document.title = `${exhibit.section.querySelector("h1").textContent} · API Star`;
  ladder.show(exhibit.connection.wire);
  exhibit.tell();
  const code = document.querySelector(".source code");
  try {
    const text = await sourceOf(exhibit.name);
    if (shown === exhibit) code.replaceChildren(coloured(text.trimEnd()));
  } catch (error) {
    code.textContent = `# ${error.message}`;
  }
}

document.querySelector("input[name=name]").value = sessionStorage.getItem("name") ?? freshName();
for (const name of Object.keys(SCENES)) exhibits.set(name, new Exhibit(name));
document.getElementById("clear").addEventListener("click", () => {
  shown.connection.wire.clear();
  shown.count();
  ladder.show(shown.connection.wire);
});
document.getElementById("unfold").addEventListener("click", ({ currentTarget }) => {
  currentTarget.setAttribute("aria-pressed", String(ladder.unfold()));
});
addEventListener("hashchange", () => show(location.hash.slice(1)));
show(location.hash.slice(1) || "hello");
