// All operations and types in groups, searched as one types.

import { element, set } from "./element.js";
import { badge, operationLink, pathText, typeLink } from "./reference.js";

export class Navigation {
  constructor(api) {
    this.api = api;
    this.index = document.getElementById("index");
    this.search = document.getElementById("search");
    this.menu = document.getElementById("menu");
    this.items = [];
    this.groups = api.groups.map(([name, operations]) =>
      this.#group(
        name || "Operations",
        operations.map((operation) => this.#operation(operation)),
      ),
    );
    const types = Object.keys(api.schemas.definitions);
    if (types.length)
      this.groups.push(
        this.#group(
          "Types",
          types.map((name) => this.#type(name)),
        ),
      );
    this.nothing = element("p.nothing", { hidden: true, role: "status" }, "Nothing is called that.");
    document.getElementById("list").replaceChildren(...this.groups.map((group) => group.element), this.nothing);
    this.search.addEventListener("input", () => this.#filter());
    this.index.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("keydown", (event) => this.#shortcut(event));
    this.menu.addEventListener("click", () => this.#toggle(!this.index.classList.contains("shown")));
  }

  #group(name, items) {
    return {
      items,
      element: element(
        "section",
        {},
        element("h2", {}, name),
        element(
          "ul",
          {},
          items.map((item) => item.row),
        ),
      ),
    };
  }

  #operation(operation) {
    const { id, summary, deprecated } = operation.documentation;
    const lamp = element("span.lamp", { hidden: true }, element("span.hidden", {}, "has an open socket"));
    const link = element(
      "a",
      { href: operationLink(operation), title: summary || null, class: deprecated ? "struck" : null },
      badge(operation),
      element("span.path", {}, pathText(operation.path)),
      lamp,
    );
    return this.#item(
      link,
      `${operation.method} ${operation.path} ${id} ${summary} ${operation.documentation.description}`,
      operation,
      lamp,
    );
  }

  #type(name) {
    return this.#item(
      element("a", { href: typeLink(name) }, element("span.path", {}, this.api.schemas.label(name))),
      name,
    );
  }

  #item(link, text, operation = null, lamp = null) {
    const item = { link, text: text.toLowerCase(), operation, lamp, row: element("li", {}, link) };
    this.items.push(item);
    return item;
  }

  #filter() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const group of this.groups) {
      let some = false;
      for (const item of group.items) {
        const hit = words.every((word) => item.text.includes(word));
        item.row.hidden = !hit;
        some ||= hit;
        shown += hit ? 1 : 0;
      }
      group.element.hidden = !some;
    }
    this.nothing.hidden = shown > 0;
  }

  #key(event) {
    if (event.key === "Escape" && event.target === this.search) {
      this.search.value = "";
      this.#filter();
    }
    if (event.key === "Enter" && event.target === this.search) {
      this.items.find((item) => !item.row.hidden)?.link.click();
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const shown = [this.search, ...this.items.filter((item) => !item.row.hidden).map((item) => item.link)];
    const here = shown.indexOf(document.activeElement);
    shown[Math.min(shown.length - 1, Math.max(0, here + step))].focus();
  }

  #shortcut(event) {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    event.preventDefault();
    this.#toggle(true);
    this.search.focus();
    this.search.select();
  }

  #toggle(shown) {
    this.index.classList.toggle("shown", shown);
    this.menu.setAttribute("aria-expanded", String(shown));
  }

  /** Mark what is shown. */
  mark(href) {
    for (const { link } of this.items)
      set(link, { "aria-current": link.getAttribute("href") === href ? "page" : null });
    const current = this.items.find(({ link }) => link.hasAttribute("aria-current"));
    if (current) this.#reveal(current.row);
    this.#toggle(false);
  }

  /** Scroll to a row; not by `scrollIntoView`, after which Tab would begin there. */
  #reveal(row) {
    const [top, height] = [row.offsetTop, this.index.clientHeight];
    if (top < this.index.scrollTop || top + row.offsetHeight > this.index.scrollTop + height)
      this.index.scrollTop = top - height / 2;
  }

  /** Light the lamps of routes that have open sockets. */
  light(live) {
    for (const item of this.items) if (item.lamp) item.lamp.hidden = !live.has(item.operation);
  }
}
