"""
`apistar ws URL`: talk to a WebSocket from a terminal or a script.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any, Final

import click
from websockets.exceptions import InvalidStatus

from .handshake import connected, show_refusal
from .session import Session
from .transcript import Transcript

REFUSED: Final = 4
ENDED_BADLY: Final = 5
"""Exit codes, beside those of `main.py`."""


@click.command(short_help="Talk to a WebSocket.")
@click.argument("url")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Send a header; repeatable.")
@click.option("-s", "--subprotocol", "subprotocols", multiple=True, metavar="NAME", help="Offer it; repeatable.")
@click.option("--origin", metavar="ORIGIN", help="Send an Origin, as a browser does.")
@click.option("--cookie", "cookies", multiple=True, metavar="NAME=VALUE", help="Send a cookie; repeatable.")
@click.option("-k", "--insecure", is_flag=True, help="Accept any certificate of the server.")
@click.option(
    "--timeout",
    "timeout_s",
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    type=click.FloatRange(0, min_open=True),
    help="For the handshake.",
)
@click.option(
    "--wait",
    "wait_s",
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    type=click.FloatRange(0),
    help="After piped input: close when nothing came for so long; inf never.",
)
@click.option("--plain", is_flag=True, help="Print payloads alone, without time and kind.")
@click.option("--full", is_flag=True, help="Fold no long messages.")
def ws(url: str, plain: bool, full: bool, wait_s: float, **options: Any) -> None:
    """
    Connect to the WebSocket at URL, send what is typed, print what comes.

    A line is sent as a text message; /help lists the commands for JSON, bytes, files, pings and closing. Input may be
    piped. The scheme may be left out, and so may the host: /chat is ws://127.0.0.1:8000/chat.

    \b
    Examples:
      apistar ws ws://127.0.0.1:8000/echo
      apistar ws /chat/lobby --cookie session=1 --subprotocol msgpack
      echo '{"type": "say", "text": "hi"}' | apistar ws /chat/lobby --plain

    \b
    Exit codes:
      0  closed normally (1000, 1001, 1005), or by you
      1  no connection, or piped input that cannot be sent
      4  the handshake was refused
      5  closed with another code, or lost
    """
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    transcript = Transcript(plain=plain, full=full, both=terminal)
    status = asyncio.run(_talk(_address(url), options, transcript, terminal, wait_s))
    if status:
        sys.exit(status)


def _address(url: str) -> str:
    """The URL, with what may be left out."""
    scheme, separator, rest = url.partition("://")
    if separator:
        return {"http": "ws", "https": "wss"}.get(scheme.lower(), scheme) + separator + rest
    if url.startswith("/"):
        return f"ws://127.0.0.1:8000{url}"
    return f"ws://127.0.0.1{url}" if url.startswith(":") else f"ws://{url}"


async def _talk(url: str, options: dict[str, Any], transcript: Transcript, terminal: bool, wait_s: float) -> int:
    try:
        connection = await connected(url, **options)
    except InvalidStatus as refused:
        show_refusal(refused.response, transcript)
        return REFUSED
    chosen = f", subprotocol {connection.subprotocol}" if connection.subprotocol else ""
    hint = "; /help lists commands, ctrl-d ends" if terminal else ""
    transcript.note(f"connected to {url}{chosen}{hint}", "green")
    session = Session(connection, transcript, terminal, wait_s)
    await session.run()
    ending = session.ending()
    well = ending.normal or session.asked_to_close
    transcript.note(str(ending), "green" if well else "red")
    return 1 if session.failed else 0 if well else ENDED_BADLY
