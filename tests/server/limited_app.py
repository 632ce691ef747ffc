"""
An application whose routes have limits of their own.
"""

from __future__ import annotations

from apistar import ASyncApp, Limits, Route, WebSocket
from tests.handlers import deaf, echo, push


async def leave(ws: WebSocket) -> None:
    await ws.connect()


app = ASyncApp(
    routes=[
        Route("/echo", handler=echo),
        Route("/large", handler=echo, name="large", limits=Limits(max_message_bytes=3_000_000)),
        Route("/small", handler=echo, name="small", limits=Limits(max_message_bytes=10)),
        Route("/whole", handler=echo, name="whole", limits=Limits(max_fragments=2)),
        Route("/pinged", handler=echo, name="pinged", limits=Limits(ping_interval_s=0.1, ping_timeout_s=0.2)),
        Route("/idle", handler=echo, name="idle", limits=Limits(idle_timeout_s=0.2)),
        Route("/leave", handler=leave, limits=Limits(close_timeout_s=0.2)),
        Route("/deaf", handler=deaf, limits=Limits(inbox_messages=2)),
        Route("/push", handler=push, limits=Limits(outbox_bytes=70_000, send_timeout_s=0.4)),
        Route("/rate", handler=echo, name="rate", limits=Limits(message_rate=1.0, message_burst=2)),
        Route("/unlimited", handler=echo, name="unlimited", limits=Limits(message_rate=None)),
        Route("/crowd", handler=echo, name="crowd", limits=Limits(max_connections=2)),
        Route("/deflate", handler=echo, name="deflate", limits=Limits(compression=True)),
    ],
    limits=Limits(max_message_bytes=1000, message_rate=50.0, max_connections=100),
)
