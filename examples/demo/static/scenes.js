// What each socket's messages look like. A scene is told of `begin`, each message that came, and each that was sent.

import { element } from "./wire.js";

const SVG = "http://www.w3.org/2000/svg";

function drawing(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

/** A hundred stars, one for each message. */
export class Tally {
  constructor(section) {
    const place = section.querySelector("[data-tally]");
    this.byIndex = place.dataset.tally === "json";
    this.stars = Array.from({ length: 100 }, () => element("i"));
    this.label = element("p", "reading");
    this.sky = element("div", "sky");
    this.sky.setAttribute("aria-hidden", "true");
    this.sky.append(...this.stars);
    place.append(this.sky, this.label);
    this.begin();
  }

  begin() {
    this.count = 0;
    this.started = performance.now();
    for (const star of this.stars) star.className = "";
    this.label.replaceChildren(element("b", "", "0"), " of 100");
  }

  received(data) {
    const index = this.byIndex ? JSON.parse(data).index : this.count;
    this.count += 1;
    if (this.stars[index]) this.stars[index].className = "lit";
    const parts = [element("b", "", String(this.count)), " of 100"];
    if (this.count === 100) parts.push(` in ${(performance.now() - this.started).toFixed(0)} ms, handshake included`);
    this.label.replaceChildren(...parts);
  }
}

/** A clock that only messages move. */
export class Clock {
  constructor(section) {
    this.digits = section.querySelector("time");
    this.fraction = section.querySelector(".fraction");
    this.hands = ["hour", "minute", "second"].map((name) => section.querySelector(`.hand.${name}`));
    const ticks = section.querySelector(".ticks");
    for (let step = 0; step < 60; step += 1) {
      const length = step % 5 === 0 ? 9 : 4;
      const line = { x1: 100, y1: 14, x2: 100, y2: 14 + length, transform: `rotate(${step * 6} 100 100)` };
      ticks.append(drawing("line", { ...line, class: step % 5 === 0 ? "five" : "one" }));
    }
    this.#turn(10, 8, 37);
  }

  received(data) {
    const { timestamp } = JSON.parse(data);
    const [, hours, minutes, seconds, fraction] = /T(\d+):(\d+):(\d+)(\.\d+)?/.exec(timestamp);
    this.digits.textContent = `${hours}:${minutes}:${seconds}`;
    this.digits.dateTime = timestamp;
    this.fraction.textContent = (fraction ?? ".000").slice(0, 4);
    this.#turn(Number(hours), Number(minutes), Number(seconds));
  }

  #turn(hours, minutes, seconds) {
    const angles = [(hours % 12) * 30 + minutes / 2, minutes * 6 + seconds / 10, seconds * 6];
    this.hands.forEach((hand, index) => hand.setAttribute("transform", `rotate(${angles[index]} 100 100)`));
  }
}

/** A table with a ball that is where the last message is; and how long the round trips took. */
export class Court {
  constructor(section) {
    const place = section.querySelector("[data-court]");
    const court = drawing("svg", { viewBox: "0 0 400 132", "aria-hidden": "true", class: "court" });
    court.append(
      drawing("rect", { class: "table", x: 24, y: 14, width: 352, height: 104, rx: 3 }),
      drawing("line", { class: "middle", x1: 24, y1: 66, x2: 376, y2: 66 }),
      drawing("line", { class: "net", x1: 200, y1: 6, x2: 200, y2: 126 }),
      drawing("rect", { class: "paddle ours", x: 10, y: 46, width: 6, height: 40, rx: 3 }),
      drawing("rect", { class: "paddle theirs", x: 384, y: 46, width: 6, height: 40, rx: 3 }),
    );
    this.ball = drawing("circle", { class: "ball", cx: 30, cy: 66, r: 7 });
    court.append(this.ball);
    this.label = element("p", "reading");
    this.label.setAttribute("aria-live", "polite");
    place.append(court, this.label);
    this.begin();
  }

  begin() {
    this.times = [];
    this.waiting = [];
    this.ball.classList.remove("away");
    this.label.replaceChildren("No round trip yet");
  }

  sent() {
    this.waiting.push(performance.now());
    this.ball.classList.add("away");
  }

  received() {
    const started = this.waiting.shift();
    if (started !== undefined) this.times.push(performance.now() - started);
    if (this.waiting.length === 0) this.ball.classList.remove("away");
    const last = this.times.at(-1) ?? 0;
    const parts = [element("b", "", last.toFixed(1)), " ms there and back"];
    if (this.times.length > 1) {
      const sorted = [...this.times].sort((a, b) => a - b);
      parts.push(` · median ${sorted[sorted.length >> 1].toFixed(1)} ms of ${sorted.length}`);
    }
    this.label.replaceChildren(...parts);
  }
}

/** Who is here, and what was said. */
export class Talk {
  constructor(section) {
    this.people = section.querySelector(".people");
    this.room = section.querySelector(".talk");
    this.list = this.room.querySelector("ol");
    this.begin();
  }

  begin() {
    this.unheard = [];
    this.list.replaceChildren();
  }

  sent(data) {
    this.unheard.push(JSON.parse(data).text);
  }

  received(data) {
    const news = JSON.parse(data);
    if (news.type === "here") {
      const others = news.names.length - 1;
      const words = others === 0 ? " · only you so far" : "";
      this.people.replaceChildren(...news.names.map((name) => element("span", "person", name)), words);
      return;
    }
    // Two people may have one name; what was sent here comes back in order.
    const mine = news.text === this.unheard[0];
    if (mine) this.unheard.shift();
    const item = element("li", mine ? "mine" : "");
    item.append(element("b", "", news.by), element("span", "", news.text));
    this.list.append(item);
    this.room.scrollTop = this.room.scrollHeight;
  }

  ended() {
    this.people.textContent = "You are not in the room.";
  }
}
