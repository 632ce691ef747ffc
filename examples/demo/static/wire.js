// What went over one connection, in the order of time, drawn as a ladder between browser and server.

const KEPT = 2000; // rows; older ones are let go, so that a tab left open for a week stays light
const UTF8 = new TextEncoder();

export function sizeOf(text) {
  return UTF8.encode(text).length;
}

export function readableSize(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** The record of one socket: its rows, and what they add up to. */
export class Wire {
  constructor() {
    this.clear();
    this.origin = 0;
    this.onRow = null;
  }

  clear() {
    this.rows = [];
    this.dropped = 0;
    this.totals = { sent: [0, 0], received: [0, 0] };
  }

  /** Start the clock: times are counted from here. */
  begin() {
    this.origin = performance.now();
  }

  /** @param direction "sent", "received" or "none"  @param kind "open", "text", "binary", "close" */
  add(direction, kind, payload, size = null) {
    const at = performance.now() - this.origin;
    const row = { direction, kind, payload, size, at };
    this.rows.push(row);
    if (this.rows.length > KEPT) {
      this.rows.shift();
      this.dropped += 1;
    }
    if (kind === "text" || kind === "binary") {
      this.totals[direction][0] += 1;
      this.totals[direction][1] += size;
    }
    this.onRow?.(row);
    return row;
  }
}

/** Draws the wire that it is given, a frame at a time, and follows the newest row unless the reader scrolled up. */
export class Ladder {
  constructor(aside) {
    this.list = aside.querySelector(".ladder");
    this.empty = aside.querySelector(".empty");
    this.totals = aside.querySelector(".totals");
    this.latest = aside.querySelector(".latest");
    this.pending = [];
    this.following = true;
    this.scheduled = false;
    this.list.addEventListener("scroll", () => this.#scrolled());
    this.latest.addEventListener("click", () => this.follow());
    new ResizeObserver(() => this.following && this.follow()).observe(this.list);
  }

  show(wire) {
    if (this.wire) this.wire.onRow = null;
    this.wire = wire;
    this.list.replaceChildren();
    this.pending = [...wire.rows];
    wire.onRow = (row) => {
      this.pending.push(row);
      this.#schedule();
    };
    this.follow();
    this.#draw();
  }

  follow() {
    this.following = true;
    this.latest.hidden = true;
    this.list.scrollTop = this.list.scrollHeight;
  }

  /** Show whole payloads, or one line of each again; says which. */
  unfold() {
    const unfolded = this.list.classList.toggle("unfolded");
    if (this.following) this.follow();
    return unfolded;
  }

  #schedule() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.scheduled = false;
    const rows = this.pending.slice(-KEPT);
    this.pending = [];
    const items = document.createDocumentFragment();
    for (const row of rows) items.append(drawn(row));
    this.list.append(items);
    while (this.list.childElementCount > KEPT) this.list.firstElementChild.remove();
    this.empty.hidden = this.list.childElementCount > 0;
    this.#drawTotals();
    if (this.following) this.list.scrollTop = this.list.scrollHeight;
  }

  #drawTotals() {
    const { sent, received } = this.wire.totals;
    const pair = (name, [count, bytes]) => {
      const made = element("div");
      const words = `${count} ${count === 1 ? "message" : "messages"}, ${readableSize(bytes)}`;
      made.append(element("dt", "", name), element("dd", "", words));
      return made;
    };
    this.totals.replaceChildren(pair("sent", sent), pair("received", received));
  }

  #scrolled() {
    const rest = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight;
    this.following = rest < 24;
    this.latest.hidden = this.following;
  }
}

function drawn(row) {
  const item = element("li", `${row.direction} ${row.kind}`);
  const time = element("time", "", (row.at / 1000).toFixed(3));
  const arrow = element("span", "arrow");
  const words = { sent: "to the server", received: "to the browser", none: "" }[row.direction];
  arrow.append(element("span", "hidden", words));
  const payload = element("span", "payload", row.payload);
  arrow.append(payload);
  const size = element("span", "size");
  if (row.size !== null) size.append(element("span", "", row.kind), element("span", "", readableSize(row.size)));
  item.append(time, arrow, size);
  if (row.payload.length > 30) {
    item.classList.add("long");
    payload.title = "Show all of it";
    payload.addEventListener("click", () => item.classList.toggle("whole"));
  }
  return item;
}

export function element(name, className = "", text = null) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== null) made.textContent = text;
  return made;
}
