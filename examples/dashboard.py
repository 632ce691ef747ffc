"""
A live dashboard: an async generator is the whole socket, and a page draws what it yields.

    apistar run examples.dashboard:app
    open http://127.0.0.1:8000/
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from typing import Annotated

from msgspec import Meta, Struct

from apistar import ASyncApp, Route

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Dashboard</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }
  svg { width: 100%; height: 10rem; background: #8881; border-radius: .5rem }
  polyline { fill: none; stroke: #0a8; stroke-width: 2; vector-effect: non-scaling-stroke }
</style>
<h1>Load</h1>
<svg viewBox="0 0 60 100" preserveAspectRatio="none" role="img" aria-label="CPU of the server, the last minute">
  <polyline id="line"/>
</svg>
<p id="words" aria-live="off">connecting</p>
<script>
  const values = [];
  const socket = new WebSocket(location.href.replace("http", "ws") + "load");
  socket.onmessage = (event) => {
    const { cpu_percent, load, watchers } = JSON.parse(event.data);
    values.push(cpu_percent);
    if (values.length > 61) values.shift();
    line.setAttribute("points", values.map((value, index) => `${index},${99 - value * 0.98}`).join(" "));
    words.textContent = `${cpu_percent.toFixed(1)} % CPU, load ${load.toFixed(2)}, ${watchers} watching`;
  };
  socket.onclose = (event) => { words.textContent = `closed with ${event.code}`; };
</script>
"""


class Load(Struct):
    """How busy the server is."""

    cpu_percent: float
    load: float
    watchers: int


watchers = 0


async def load(every_s: Annotated[float, Meta(ge=0.01, le=60)] = 1) -> AsyncIterator[Load]:
    """
    Tell how busy the server is, again and again.

    Args:
        every_s: Seconds between two values.
    """
    global watchers
    watchers += 1
    try:
        while True:
            spent, started = time.process_time(), time.monotonic()
            await asyncio.sleep(every_s)
            share = (time.process_time() - spent) / (time.monotonic() - started)
            yield Load(min(100 * share, 100), os.getloadavg()[0], watchers)
    finally:
        watchers -= 1  # runs when the peer leaves, too


async def page() -> str:
    return PAGE


app = ASyncApp(routes=[Route("/", handler=page), Route("/load", handler=load)], title="Dashboard")
