// What was sent in a saved session, sent again: in its own time, faster, or at once.

import { button, element, select } from "./element.js";
import { countText } from "./measure.js";

const LONGEST_MS = 1e9; // a timer of 2^31 ms and more fires at once

export class Replay {
  /** @param say `(words) => void` tells how far it is */
  constructor(connection, say) {
    this.connection = connection;
    this.say = say;
    this.timer = null;
    this.messages = [];
    this.speed = select(
      [
        ["1", "in its own time"],
        ["10", "ten times as fast"],
        ["0", "at once"],
      ],
      () => {},
      { "aria-label": "Speed" },
    );
    this.label = element("p");
    this.toggle = button("Send again", () => (this.timer === null ? this.#start() : this.stop()), { class: "small" });
    this.element = element(
      "div.replay",
      { hidden: true },
      this.label,
      this.speed,
      this.toggle,
      button("×", () => this.#dismiss(), { class: "quiet", "aria-label": "Forget the saved session" }),
    );
    connection.addEventListener("change", () => this.#update());
  }

  offer(record, name) {
    this.stop();
    this.messages = [];
    for (let index = 0; index < record.length; index += 1) {
      const entry = record.at(index);
      if (entry.direction === "sent" && (entry.kind === "text" || entry.kind === "binary"))
        this.messages.push({ at: entry.at, data: entry.data });
    }
    this.label.textContent = `${name}: ${countText(this.messages.length, "message")} sent`;
    this.element.hidden = false;
    this.#update();
  }

  #update() {
    const ready = this.connection.open && this.messages.length > 0;
    this.toggle.disabled = !ready && this.timer === null;
    this.toggle.title = this.connection.open ? "" : "Connect first";
    if (this.timer === null) this.toggle.textContent = this.connection.open ? "Send again" : "Connect to send again";
  }

  #start() {
    this.next = 0;
    this.began = performance.now();
    this.toggle.textContent = "Stop";
    this.timer = 0;
    this.#step();
  }

  #step() {
    const speed = Number(this.speed.value);
    const origin = this.messages[0].at;
    while (this.next < this.messages.length) {
      const { at, data } = this.messages[this.next];
      const wait = speed ? (at - origin) / speed - (performance.now() - this.began) : 0;
      if (wait > 1) {
        this.say(`Replaying · ${this.next} of ${this.messages.length} sent`);
        this.timer = setTimeout(() => this.#step(), Math.min(wait, LONGEST_MS));
        return;
      }
      if (!this.connection.send(data)) return this.stop();
      this.next += 1;
    }
    this.say(`Open · replayed ${countText(this.messages.length, "message")}`);
    this.stop();
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    this.#update();
  }

  #dismiss() {
    this.stop();
    this.messages = [];
    this.element.hidden = true;
  }
}
