// One WebSocket: opens, sends, closes, and writes the record of each.
// A refused handshake has no status in a browser: the application is asked for it, by a ticket in a cookie.

import { closeMeaning, isFault } from "./codes.js";
import { sizeText } from "./measure.js";
import { decode } from "./msgpack.js";

const COOKIE = "apistar-console";
const TRIES = 8;
const MOST_WAITING = 8e6; // bytes that a slow server has not taken; the browser would keep any number

export class Connection extends EventTarget {
  /** @param base where the application is: `""`, `"/prefix"` */
  constructor(record, base, docsUrl) {
    super();
    this.record = record;
    this.base = base;
    this.docsUrl = docsUrl;
    this.socket = null;
    this.state = "idle"; // idle, connecting, open, closing, closed, refused
    this.words = "Not connected";
    this.nameOf = () => "";
  }

  get open() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  get idle() {
    return this.socket === null;
  }

  /** @param target path and query below the base */
  connect(target, subprotocols = []) {
    if (!this.idle) return;
    const url = new URL(location.origin + this.base + target); // a target may begin with two slashes
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.target = target;
    this.opened = false;
    this.closing = null;
    this.record.add({
      direction: "sent",
      kind: "open",
      data: `GET ${url.pathname}${url.search}${subprotocols.length ? `  Sec-WebSocket-Protocol: ${subprotocols.join(", ")}` : ""}`,
    });
    giveTicket(this.base);
    try {
      this.socket = new WebSocket(url, subprotocols);
    } catch (error) {
      this.record.add({ direction: "none", kind: "close", data: error.message, fault: true });
      this.#set("refused", error.message);
      return;
    }
    const socket = this.socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => this.#opened(socket));
    socket.addEventListener("message", ({ data }) => this.#received(data));
    socket.addEventListener("close", (event) => this.#ended(event));
    this.#set("connecting", "Connecting …");
  }

  send(data) {
    if (!this.open) return false;
    if (this.socket.bufferedAmount > MOST_WAITING) {
      this.#set(
        "open",
        `Open · ${sizeText(this.socket.bufferedAmount)} wait for the server to read; nothing is added`,
        true,
      );
      return false;
    }
    if (this.fault) this.#set("open", this.#openWords);
    this.socket.send(data);
    const kind = typeof data === "string" ? "text" : "binary";
    this.record.add({ direction: "sent", kind, data, name: this.nameOf("sent", this.valueOf(data)) });
    return true;
  }

  /** @throws {DOMException} if a page may not close with this code or reason */
  close(code = 1000, reason = "") {
    if (this.idle || this.closing) return;
    if (this.state === "connecting") this.socket.close();
    else this.socket.close(code, reason);
    this.closing = { code, reason };
    this.record.add({
      direction: "sent",
      kind: "close",
      data: this.state === "connecting" ? "gave up" : closeText(code, reason),
    });
    this.#set("closing", "Closing …");
  }

  /** What a message says, where it is JSON or msgpack; undefined elsewhere. */
  valueOf(data) {
    try {
      if (typeof data === "string") return JSON.parse(data);
      return this.subprotocol === "msgpack" ? decode(data) : undefined;
    } catch {
      return undefined;
    }
  }

  get #openWords() {
    return this.subprotocol ? `Open · ${this.subprotocol}` : "Open";
  }

  #opened(socket) {
    this.opened = true;
    this.subprotocol = socket.protocol;
    this.record.add({
      direction: "received",
      kind: "open",
      data: `101 Switching Protocols${socket.protocol ? `  Sec-WebSocket-Protocol: ${socket.protocol}` : ""}`,
    });
    this.#set("open", this.#openWords);
  }

  #received(data) {
    if (typeof data !== "string") data = new Uint8Array(data);
    const kind = typeof data === "string" ? "text" : "binary";
    this.record.add({ direction: "received", kind, data, name: this.nameOf("received", this.valueOf(data)) });
  }

  async #ended({ code, reason, wasClean }) {
    this.socket = null;
    if (!this.opened) return this.#refused();
    const who = this.closing ? "by you" : wasClean ? "by the server" : "by neither: the connection was lost";
    const why = reason || (this.closing?.reason ?? ""); // a server need not repeat ours
    const fault = isFault(code);
    this.record.add({
      direction: wasClean ? "received" : "none",
      kind: "close",
      data: wasClean ? closeText(code, reason) : "the connection was lost: no Close came",
      fault,
    });
    this.#set(
      "closed",
      [`Closed ${code}`, closeMeaning(code), who, why && `“${why}”`].filter(Boolean).join(" · "),
      fault,
    );
  }

  async #refused() {
    if (this.closing) {
      this.#set("closed", "Given up before it was open");
      return;
    }
    this.#set("connecting", "Refused; asking how …");
    const found = await refusal(this.docsUrl, this.target);
    if (found) {
      const words = `${found.status} ${found.title}`;
      this.record.add({
        direction: "received",
        kind: "open",
        data: [words, found.detail].filter(Boolean).join(" · "),
        fault: true,
      });
      this.#set("refused", [`Refused ${words}`, "by the server", found.detail].filter(Boolean).join(" · "), true);
    } else {
      const words = "the handshake failed, and no browser tells how; the curl command below shows the answer";
      this.record.add({ direction: "none", kind: "open", data: words, fault: true });
      this.#set("refused", `Not opened · ${words}`, true);
    }
  }

  #set(state, words, fault = false) {
    this.state = state;
    this.words = words;
    this.fault = fault;
    this.dispatchEvent(new Event("change"));
  }
}

const closeText = (code, reason) =>
  [`Close ${code}`, closeMeaning(code), reason && `“${reason}”`].filter(Boolean).join(" · ");

/** The cookie by which the application knows whose handshake it refused; of this site only, gone with the browser. */
function giveTicket(base) {
  if (document.cookie.includes(`${COOKIE}=`)) return;
  const ticket = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
  document.cookie = `${COOKIE}=${ticket}; path=${base || "/"}; SameSite=Strict${location.protocol === "https:" ? "; Secure" : ""}`;
}

/** How the server answered a handshake of ours; null where it does not know. Each question may reach another process. */
async function refusal(docsUrl, target) {
  for (let tried = 0; tried < TRIES; tried += 1) {
    try {
      const answer = await fetch(`${docsUrl}refusals?url=${encodeURIComponent(target)}`, { cache: "no-store" });
      if (answer.status === 200) return await answer.json();
      if (!answer.ok) return null;
    } catch {
      return null;
    }
    await new Promise((resolve) => setTimeout(resolve, 20 * tried));
  }
  return null;
}
