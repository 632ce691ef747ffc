// npm's `ws` as a client: plays each scenario of `scenarios` against the address given, prints one JSON object.
//
//   node client.mjs 127.0.0.1:8000

import WebSocket from "ws";

const address = process.argv[2];
const base = `ws://${address}/ws`;

/** Open a socket; resolves with it, or with how the handshake was answered instead. */
function open(path, subprotocols = [], options = {}) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(base + path, subprotocols, options);
    const waiting = [];
    const arrived = [];
    socket.on("message", (data, isBinary) => {
      const message = isBinary ? [...data] : data.toString();
      if (waiting.length) waiting.shift()(message);
      else arrived.push(message);
    });
    socket.next = () =>
      new Promise((done) => (arrived.length ? done(arrived.shift()) : waiting.push(done)));
    socket.ended = new Promise((done) => socket.on("close", (code, reason) => done([code, reason.toString()])));
    socket.on("upgrade", (response) => (socket.answer = response.headers));
    socket.on("unexpected-response", (request, response) => {
      let body = "";
      response.on("data", (chunk) => (body += chunk));
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body }));
    });
    socket.on("open", () => resolve(socket));
    socket.on("error", reject);
  });
}

const scenarios = {
  async messages() {
    const socket = await open("/echo", ["other", "chat.v2"]);
    socket.send("Zoë");
    socket.send(Buffer.from([0, 255]));
    socket.send("x".repeat(100000));
    const got = [await socket.next(), await socket.next(), (await socket.next()).length, socket.protocol];
    socket.close(1000);
    return [...got, await socket.ended];
  },
  async handshake() {
    const headers = { Cookie: "a=b; c=d", "X-Token": "t" };
    const socket = await open("/handshake/lobby/3?q=1", [], { headers, origin: `http://${address}` });
    const got = JSON.parse(await socket.next());
    await socket.ended;
    return [got.room, got.number, got.query, got.cookies, got["x-token"], got.origin];
  },
  async json() {
    const socket = await open("/json");
    socket.send(JSON.stringify({ a: [1, null] }));
    const got = JSON.parse(await socket.next());
    socket.send("{");
    return [got, (await socket.ended)[0]];
  },
  async denied() {
    const answer = await open("/deny");
    return [answer.status, answer.headers["www-authenticate"], JSON.parse(answer.body)];
  },
  async foreign() {
    return (await open("/echo", [], { origin: "https://evil.test" })).status;
  },
  async closed() {
    return (await open("/close/4001?reason=enough")).ended;
  },
  async closes() {
    const socket = await open("/receives/node-closes");
    socket.close(4002, "tired");
    return (await socket.ended)[0];
  },
  async killed() {
    const socket = await open("/receives/node-killed");
    socket.terminate();
    return (await socket.ended)[0];
  },
};

const results = {};
for (const [name, play] of Object.entries(scenarios)) {
  const limit = new Promise((_, reject) => setTimeout(() => reject(new Error("took more than 10 s")), 10000).unref());
  results[name] = await Promise.race([play(), limit]).catch((error) => `failed: ${error.message}`);
}
console.log(JSON.stringify(results));
process.exit();
