// A record as a list of which only the visible rows are drawn: 20,000 entries cost as much as 20.
// Whatever comes within one frame is drawn once. It follows the newest entry unless the reader scrolled up.

import { element, unique } from "./element.js";
import { countText, gapText, sizeText, timeText } from "./measure.js";
import { matches } from "./record.js";

export const ROW = 26; // CSS pixels; console.css says the same
const OVERSCAN = 6;
const ARROWS = { sent: "↑", received: "↓", none: "·" };
const WORDS = { sent: "sent", received: "received", none: "" };

export class Log {
  constructor(record, onselect, nouns = ["message", "message"]) {
    this.record = record;
    this.onselect = onselect;
    this.nouns = nouns;
    this.filter = { text: "", direction: "" };
    this.paused = false;
    this.following = true;
    this.selected = null; // the number of an entry
    this.hits = null; // with a filter: the numbers of entries that match
    this.seen = 0; // the number of the newest entry that was looked at
    this.rows = [];
    this.#build();
    record.addEventListener("add", () => this.schedule());
    record.addEventListener("clear", () => this.#reset());
    new ResizeObserver(() => this.schedule()).observe(this.list);
  }

  #build() {
    this.sizer = element("div.sizer", { role: "presentation" });
    this.list = element(
      "div.log",
      {
        role: "listbox",
        tabindex: "0",
        "aria-label": "Messages in the order of time",
        id: unique("log"),
        onscroll: () => this.#scrolled(),
        onkeydown: (event) => this.#key(event),
        onclick: (event) => this.#clicked(event),
      },
      this.sizer,
    );
    this.empty = element("p.empty", {}, "Nothing yet.");
    this.latest = element("button.latest", { type: "button", hidden: true, onclick: () => this.follow() }, "Latest ↓");
    this.element = element("div.log-frame", {}, this.list, this.empty, this.latest);
  }

  setFilter(filter) {
    this.filter = { ...this.filter, ...filter };
    const active = this.filter.text || this.filter.direction;
    this.hits = active ? [] : null;
    this.seen = this.record.count - this.record.length;
    this.drawnVersion = null;
    this.schedule();
  }

  setPaused(paused) {
    this.paused = paused;
    this.pausedAt = this.record.count;
    if (!paused) this.follow();
    this.schedule();
  }

  follow() {
    this.following = true;
    this.latest.hidden = true;
    this.schedule();
  }

  /** How many entries the list has, filtered and paused. */
  get length() {
    return this.hits ? this.hits.length : Math.max(0, this.record.length - this.waiting);
  }

  /** How many came since the list was paused. */
  get waiting() {
    return this.paused ? Math.min(this.record.count - this.pausedAt, this.record.length) : 0;
  }

  /** The entry at a place of the list. */
  entry(index) {
    if (!this.hits) return this.record.at(index);
    return this.#numbered(this.hits[index]);
  }

  #numbered(number) {
    return this.record.at(number - 1 - (this.record.count - this.record.length));
  }

  #indexOf(number) {
    if (this.hits) return this.hits.indexOf(number);
    return number - 1 - (this.record.count - this.record.length);
  }

  schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.#draw();
    });
  }

  #reset() {
    this.selected = null;
    this.hits = this.hits ? [] : null;
    this.seen = 0;
    this.pausedAt = 0;
    this.following = true;
    this.onselect?.(null);
    this.schedule();
  }

  #collect() {
    if (!this.hits) return;
    const oldest = this.record.count - this.record.length;
    const last = this.paused ? this.pausedAt : this.record.count;
    for (let number = Math.max(this.seen, oldest) + 1; number <= last; number += 1) {
      if (matches(this.#numbered(number), this.filter)) this.hits.push(number);
    }
    this.seen = Math.max(this.seen, last);
    let gone = 0;
    while (gone < this.hits.length && this.hits[gone] <= oldest) gone += 1;
    if (gone) this.hits.splice(0, gone);
  }

  #draw() {
    this.#collect();
    const count = this.length;
    const height = this.list.clientHeight;
    if (this.list.isConnected) {
      const whole = `${count * ROW}px`;
      if (this.sizer.style.height !== whole) this.sizer.style.height = whole;
      if (this.following) this.list.scrollTop = count * ROW;
      const first = Math.max(0, Math.floor(this.list.scrollTop / ROW) - OVERSCAN);
      const last = Math.min(count, Math.ceil((this.list.scrollTop + height) / ROW) + OVERSCAN);
      this.#drawRows(first, Math.max(0, last - first), count);
    }
    this.empty.hidden = count > 0;
    this.empty.textContent = this.hits && this.record.length ? "Nothing matches the filter." : "Nothing yet.";
    this.ondraw?.();
  }

  #drawRows(first, number, count) {
    while (this.rows.length < number) {
      const row = new Row(this.list.id, this.rows.length);
      this.rows.push(row);
      this.sizer.append(row.element);
    }
    let active = null;
    this.rows.forEach((row, index) => {
      row.element.hidden = index >= number;
      if (index >= number) return;
      const entry = this.entry(first + index);
      if (!entry) return;
      row.draw(entry, first + index, count, entry.number === this.selected);
      if (entry.number === this.selected) active = row.element.id;
    });
    if (active) this.list.setAttribute("aria-activedescendant", active);
    else this.list.removeAttribute("aria-activedescendant");
  }

  #scrolled() {
    const rest = this.sizer.offsetHeight - this.list.scrollTop - this.list.clientHeight;
    this.following = rest < ROW;
    this.latest.hidden = this.following || this.length === 0;
    this.schedule();
  }

  #clicked(event) {
    const row = this.rows.find(({ element }) => element.contains(event.target));
    if (row) this.select(row.number);
  }

  select(number) {
    this.selected = this.selected === number ? null : number;
    this.onselect?.(this.selected === null ? null : this.#numbered(this.selected));
    this.schedule();
  }

  #key(event) {
    const page = Math.max(1, Math.floor(this.list.clientHeight / ROW) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key === "Escape" && this.selected !== null) this.select(this.selected);
    if (!(event.key in steps) || !this.length) return;
    event.preventDefault();
    const here = this.selected === null ? (steps[event.key] > 0 ? -1 : this.length) : this.#indexOf(this.selected);
    const next = Math.min(this.length - 1, Math.max(0, here + steps[event.key]));
    this.selected = null;
    this.select(this.entry(next).number);
    this.#reveal(next);
  }

  #reveal(index) {
    const top = index * ROW;
    if (top < this.list.scrollTop) this.list.scrollTop = top;
    else if (top + ROW > this.list.scrollTop + this.list.clientHeight)
      this.list.scrollTop = top + ROW - this.list.clientHeight;
  }

  /** What is said below the list. */
  get summary() {
    const { sent, received } = this.record.totals;
    const parts = [
      `↑ ${countText(sent[0], this.nouns[0])}, ${sizeText(sent[1])}`,
      `↓ ${countText(received[0], this.nouns[1])}, ${sizeText(received[1])}`,
    ];
    if (this.hits) parts.push(`${this.hits.length.toLocaleString("en")} shown`);
    if (this.paused) parts.push(`paused, ${this.waiting.toLocaleString("en")} waiting`);
    if (this.record.dropped) parts.push(`${this.record.dropped.toLocaleString("en")} older let go`);
    return parts;
  }
}

/** One row, used again for whatever entry comes into view. */
class Row {
  constructor(list, index) {
    this.time = element("span.time");
    this.gap = element("span.gap");
    this.arrow = element("span.arrow", { "aria-hidden": "true" });
    this.word = element("span.hidden");
    this.kind = element("span.kind");
    this.size = element("span.size");
    this.name = element("b.name");
    this.text = element("span.text");
    const payload = element("span.payload", {}, this.name, this.text);
    this.element = element(
      "div.row",
      { role: "option", id: `${list}-row-${index}` },
      this.time,
      this.gap,
      this.arrow,
      this.word,
      payload,
      this.kind,
      this.size,
    );
  }

  draw(entry, index, count, selected) {
    if (this.number !== entry.number || this.entry !== entry) {
      this.number = entry.number;
      this.entry = entry;
      this.element.className = `row ${entry.direction} ${entry.kind}${entry.fault ? " fault" : ""}`;
      this.time.textContent = timeText(entry.at);
      this.gap.textContent = entry.gap === null ? "" : gapText(entry.gap);
      this.arrow.textContent = ARROWS[entry.direction];
      this.word.textContent = WORDS[entry.direction];
      this.kind.textContent = entry.kind;
      this.size.textContent = entry.size === null ? "" : sizeText(entry.size);
      this.name.textContent = entry.name;
      this.text.textContent = entry.preview;
    }
    this.element.style.transform = `translateY(${index * ROW}px)`;
    this.element.setAttribute("aria-selected", String(selected));
    this.element.setAttribute("aria-posinset", String(index + 1));
    this.element.setAttribute("aria-setsize", String(count));
  }
}
