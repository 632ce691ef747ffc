// Ready code for one operation, with what the form holds: every value is quoted for the language that it stands in.

import { button, copyText, element, tabs } from "./element.js";
import { isTyped } from "./reference.js";

/** What a snippet is written from. */
function facts(operation, fields, api, body) {
  const host = location.host;
  const secure = location.protocol === "https:";
  const target = api.base + fields.target;
  const scheme = operation.kind === "websocket" ? (secure ? "wss" : "ws") : secure ? "https" : "http";
  return {
    url: `${scheme}://${host}${target}`,
    web: `${secure ? "https" : "http"}://${host}${target}`,
    headers: fields.headerList,
    subprotocols: fields.subprotocolList,
    body,
  };
}

/** @returns {[string, string][]} name and code, in order */
export function snippetsOf(operation, fields, api, body = null, form = null) {
  const known = { ...facts(operation, fields, api, body), form };
  return operation.kind === "websocket" ? ofSocket(operation, known, api) : ofHTTP(operation, known);
}

function ofSocket(operation, known, api) {
  const first = operation.incoming.find(isTyped);
  const message = operation.incoming.length
    ? first
      ? JSON.stringify(api.schemas.sample(first.schema))
      : operation.incoming.some(({ text }) => text)
        ? "hello"
        : null
    : null;
  return [
    ["Python", pythonSocket(known, message)],
    ["JavaScript", scriptSocket(known, message)],
    ["apistar ws", shell("apistar ws", known, [...known.subprotocols.flatMap((name) => ["--subprotocol", name])])],
    ["curl", curlSocket(known)],
  ];
}

function pythonSocket({ url, headers, subprotocols }, message) {
  const options = [python(url)];
  if (headers.length)
    options.push(
      `additional_headers={${headers.map(([name, value]) => `${python(name)}: ${python(value)}`).join(", ")}}`,
    );
  if (subprotocols.length) options.push(`subprotocols=[${subprotocols.map(python).join(", ")}]`);
  const call = options.length > 1 ? `connect(\n    ${options.join(",\n    ")},\n)` : `connect(${options[0]})`;
  const lines = ["from websockets.sync.client import connect", "", `with ${call} as websocket:`];
  if (message !== null) lines.push(`    websocket.send(${python(message)})`);
  lines.push("    for message in websocket:", "        print(message)");
  return lines.join("\n");
}

function scriptSocket({ url, headers, subprotocols }, message) {
  const protocols = subprotocols.length ? `, ${JSON.stringify(subprotocols)}` : "";
  const lines = headers.length ? [`// A browser cannot send: ${headers.map(([name]) => name).join(", ")}.`] : [];
  lines.push(`const socket = new WebSocket(${JSON.stringify(url)}${protocols});`);
  if (message !== null) lines.push(`socket.addEventListener("open", () => socket.send(${JSON.stringify(message)}));`);
  lines.push(
    'socket.addEventListener("message", ({ data }) => console.log(data));',
    'socket.addEventListener("close", ({ code, reason }) => console.log(code, reason));',
  );
  return lines.join("\n");
}

/** curl asks for the upgrade and shows the answer: 101, or the status and body of a refusal. */
function curlSocket({ web, headers, subprotocols }) {
  const sent = [
    ["Connection", "Upgrade"],
    ["Upgrade", "websocket"],
    ["Sec-WebSocket-Version", "13"],
    ["Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="],
    ...(subprotocols.length ? [["Sec-WebSocket-Protocol", subprotocols.join(", ")]] : []),
    ...headers,
  ];
  return [
    "curl --include --no-buffer --http1.1 --max-time 5",
    ...sent.map(([name, value]) => `  --header ${quoted(`${name}: ${value}`)}`),
    `  ${quoted(web)}`,
  ].join(" \\\n");
}

function shell(command, { url, headers }, options) {
  const parts = [...headers.flatMap(([name, value]) => ["--header", `${name}: ${value}`]), ...options].map(quoted);
  return [command, ...parts, quoted(url)].join(" ");
}

function ofHTTP(operation, known) {
  const { method } = operation;
  const headers = [...known.headers];
  const has = (name) => headers.some(([one]) => one.toLowerCase() === name);
  const media = known.form ? null : operation.body?.media_types[0];
  if (known.body !== null && media && !has("content-type")) headers.push(["content-type", media]);
  return [
    ["curl", curlHTTP(method, known, headers)],
    ["Python", pythonHTTP(method, known, headers)],
    ["JavaScript", scriptHTTP(method, known, headers)],
  ];
}

function curlHTTP(method, { url, body, form }, headers) {
  const lines = [
    `curl${method === "GET" ? "" : method === "HEAD" ? " --head" : ` --request ${method}`} ${quoted(url)}`,
  ];
  lines.push(...headers.map(([name, value]) => `  --header ${quoted(`${name}: ${value}`)}`));
  if (body !== null) lines.push(`  --data-raw ${quoted(body)}`);
  for (const [name, value] of form?.entries ?? []) {
    const text = value instanceof File ? `${name}=@${value.name}` : `${name}=${value}`;
    lines.push(
      form.multipart
        ? `  ${value instanceof File ? "--form" : "--form-string"} ${quoted(text)}`
        : `  --data-urlencode ${quoted(text)}`,
    );
  }
  return lines.join(" \\\n");
}

function pythonHTTP(method, { url, body, form }, headers) {
  const options = [python(method), python(url)];
  if (headers.length)
    options.push(`headers={${headers.map(([name, value]) => `${python(name)}: ${python(value)}`).join(", ")}}`);
  if (body !== null) options.push(`content=${python(body)}`);
  const entries = form?.entries ?? [];
  const texts = entries
    .filter(([, value]) => typeof value === "string")
    .map(([name, value]) => `${python(name)}: ${python(value)}`);
  const files = entries
    .filter(([, value]) => value instanceof File)
    .map(([name, file]) => `${python(name)}: open(${python(file.name)}, "rb")`);
  if (texts.length) options.push(`data={${texts.join(", ")}}`);
  if (files.length) options.push(`files={${files.join(", ")}}`);
  const call =
    options.length > 2 ? `httpx.request(\n    ${options.join(",\n    ")},\n)` : `httpx.request(${options.join(", ")})`;
  return `import httpx\n\nanswer = ${call}\nprint(answer.status_code, answer.text)`;
}

function scriptHTTP(method, { url, body, form }, headers) {
  const options = [];
  if (method !== "GET") options.push(`method: ${JSON.stringify(method)}`);
  if (headers.length) options.push(`headers: ${JSON.stringify(Object.fromEntries(headers))}`);
  if (body !== null) options.push(`body: ${JSON.stringify(body)}`);
  if (form?.entries.length && !form.multipart)
    options.push(`body: new URLSearchParams(${JSON.stringify(form.entries)})`);
  if (form?.multipart) options.push("body: data, // a FormData with the fields");
  const second = options.length ? `, {\n  ${options.join(",\n  ")},\n}` : "";
  return `const answer = await fetch(${JSON.stringify(url)}${second});\nconsole.log(answer.status, await answer.text());`;
}

/** A text as a literal of Python, whose escapes are JSON's too; in single quotes where that needs none. */
function python(text) {
  const literal = JSON.stringify(text).replace(/\u007f/g, "\\x7f");
  return /^[^'\\]*"[^'\\]*$/.test(text) && literal.length === text.length + 2 + text.split('"').length - 1
    ? `'${text}'`
    : literal;
}

/** A text as one word of a POSIX shell. */
const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`);

/** The snippets as tabs, each with a button to copy it. */
export class Snippets {
  constructor() {
    this.element = element("section.snippets", { "aria-label": "Snippets" });
    this.codes = null;
  }

  show(snippets) {
    const names = snippets.map(([name]) => name).join();
    if (this.names !== names) {
      this.names = names;
      this.codes = snippets.map(([name]) => {
        const code = element("code");
        const copy = button(
          "Copy",
          () => copyText(code.textContent, copy),
          { class: "quiet copy" },
        );
        return {
          name,
          code,
          panel: element(
            "div.snippet",
            {},
            element("pre", { tabindex: "0", role: "group", "aria-label": `${name} snippet` }, code),
            copy,
          ),
        };
      });
      const made = tabs(
        "Language",
        this.codes.map(({ name, panel }) => [name, panel]),
      );
      this.element.replaceChildren(element("h2", {}, "Snippets"), made.list, ...this.codes.map(({ panel }) => panel));
    }
    snippets.forEach(([, text], index) => {
      if (this.codes[index].code.textContent !== text) this.codes[index].code.textContent = text;
    });
  }
}
