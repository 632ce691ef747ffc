// One WebSocket and its wire: opens, sends, closes, and keeps the record of each.

import { closeMeaning, isFault } from "/docs/assets/codes.js";
import { Wire, sizeOf } from "./wire.js";

export class Connection extends EventTarget {
  constructor(path) {
    super();
    this.path = path;
    this.wire = new Wire();
    this.socket = null;
    this.ending = "";
    this.faulty = false;
  }

  get open() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  get idle() {
    return this.socket === null;
  }

  connect(query = "") {
    if (!this.idle) return;
    const url = new URL(this.path + query, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.closedByUs = false;
    this.ending = "";
    this.faulty = false;
    this.wire.clear();
    this.wire.begin();
    this.wire.add("sent", "open", `GET ${url.pathname}${url.search}`);
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      this.wire.add("received", "open", "101 Switching Protocols");
      this.#changed();
      this.dispatchEvent(new Event("open"));
    });
    socket.addEventListener("message", ({ data }) => this.#received(data));
    socket.addEventListener("close", (event) => this.#ended(event));
    this.socket = socket;
    this.#changed();
  }

  send(text) {
    if (!this.open) return false;
    this.socket.send(text);
    this.wire.add("sent", "text", text, sizeOf(text));
    return true;
  }

  close(code = 1000, reason = "") {
    if (this.idle || this.closedByUs) return;
    this.closedByUs = true;
    this.socket.close(code, reason);
    this.wire.add("sent", "close", closeWords(code, reason));
  }

  #received(data) {
    if (typeof data === "string") {
      this.wire.add("received", "text", data, sizeOf(data));
    } else {
      const bytes = [...new Uint8Array(data).slice(0, 64)].map((byte) => byte.toString(16).padStart(2, "0"));
      this.wire.add("received", "binary", bytes.join(" "), data.byteLength);
    }
    this.dispatchEvent(new MessageEvent("message", { data }));
  }

  #ended({ code, reason, wasClean }) {
    const words = closeWords(code, reason);
    this.wire.add(wasClean ? "received" : "none", "close", wasClean ? words : "no Close came");
    const who = this.closedByUs ? "by you" : wasClean ? "by the server" : "";
    this.ending = [`Closed ${code}`, closeMeaning(code), who, reason].filter(Boolean).join(" · ");
    this.faulty = isFault(code);
    this.socket = null;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

function closeWords(code, reason) {
  return `Close ${code}${reason ? ` “${reason}”` : ""}`;
}
