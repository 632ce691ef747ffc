"""
An application of ours whose handshakes may take half a second, for other servers' processes than `run()`'s.
"""

from __future__ import annotations

from apistar import ASyncApp, Limits, Route, http
from tests.handlers import echo, never_answer


async def first() -> str:
    return "first"


async def wait(request: http.Request) -> str:
    """Waits for the client to leave."""
    print("waiting", flush=True)
    while (await request.receive())["type"] != "http.disconnect":
        pass
    print("left alone", flush=True)
    return "late"


app = ASyncApp(
    routes=[
        Route("/echo", handler=echo),
        Route("/never-answer", handler=never_answer),
        Route("/", method="GET", handler=first, name="root"),
        Route("/first", method="GET", handler=first),
        Route("/wait", method="GET", handler=wait),
    ],
    limits=Limits(handshake_timeout_s=0.5),
)
