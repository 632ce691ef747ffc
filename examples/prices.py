"""
A live dashboard that a script feeds: the script knows the broker, and nothing of the server.

    redis-server --port 6390 --save ''
    BROKER=redis://localhost:6390 apistar run examples.prices:app --workers 2
    BROKER=redis://localhost:6390 python -m examples.prices           feeds it; look at http://127.0.0.1:8000
"""

import asyncio
import os
import random

from msgspec import Struct

from apistar import ASyncApp, Route, WebSocket, http
from apistar.channels import Broker, Channel, conflate

BROKER = os.environ.get("BROKER", "memory://")


class Price(Struct):
    symbol: str
    cents: int


class Prices(Channel[Price]):
    """The newest price of everything."""

    topic = "prices"


async def watch(ws: WebSocket[str, Price], prices: Prices):
    await ws.connect()
    # A client that reads slowly gets the newest price of each symbol, not all those before it.
    async with prices.join(ws, policy=conflate("symbol")):
        await ws.wait_closed()


async def page() -> http.HTMLResponse:
    return http.HTMLResponse(PAGE)


async def feed(broker: Broker, rounds: int, pause_s: float):
    """What a script, a cron job or a worker does."""
    prices, cents = Prices(broker), {"apples": 240, "bread": 380, "cheese": 1290}
    for _ in range(rounds):
        for symbol in cents:
            cents[symbol] += random.randint(-3, 3)
            await prices.publish(Price(symbol, cents[symbol]))
        await asyncio.sleep(pause_s)


async def main() -> None:
    async with Broker.connect(BROKER) as broker:
        await feed(broker, rounds=600, pause_s=0.1)


PAGE = """<!doctype html><meta charset="utf-8"><title>Prices</title>
<style>body { font: 24px system-ui; margin: 3em } td { padding: .2em 1em } td + td { text-align: right }</style>
<h1>Prices</h1><table id="table"></table><p id="state">connecting…</p>
<script>
const rows = {};
function open() {
  const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/prices`);
  socket.onopen = () => state.textContent = "live; waiting for the first price";
  socket.onclose = () => { state.textContent = "away, coming back…"; setTimeout(open, 1000); };
  socket.onmessage = ({data}) => {
    const {symbol, cents} = JSON.parse(data);
    const row = rows[symbol] ??= table.insertRow();
    row.innerHTML = `<td>${symbol}<td>${(cents / 100).toFixed(2)}`; state.textContent = "live";
  };
}
open();
</script>"""

app = ASyncApp(routes=[Route("/", "GET", page), Route("/prices", handler=watch)], broker=BROKER)

if __name__ == "__main__":
    asyncio.run(main())
