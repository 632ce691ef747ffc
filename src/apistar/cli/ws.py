"""
`apistar ws URL`: talk to a WebSocket from a terminal or a script.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import signal
import socket
import ssl
import sys
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final, cast
from urllib.parse import urlsplit

import click
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
    NegotiationError,
)
from websockets.http11 import Response
from websockets.typing import Origin, Subprotocol

from .endings import Ending
from .failure import Failure
from .lines import piped_lines, typed_lines
from .transcript import Transcript, escaped
from .typed import HELP, Close, Help, Message, Ping, understood

REFUSED: Final = 4
ENDED_BADLY: Final = 5
"""Exit codes, beside those of `main.py`."""
MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
MAX_SHOWN_BODY: Final = 4000


@click.command(short_help="Talk to a WebSocket.")
@click.argument("url")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Send a header; repeatable.")
@click.option("-s", "--subprotocol", "subprotocols", multiple=True, metavar="NAME", help="Offer it; repeatable.")
@click.option("--origin", metavar="ORIGIN", help="Send an Origin, as a browser does.")
@click.option("--cookie", "cookies", multiple=True, metavar="NAME=VALUE", help="Send a cookie; repeatable.")
@click.option("-k", "--insecure", is_flag=True, help="Accept any certificate of the server.")
@click.option("--timeout", "timeout_s", default=10.0, show_default=True, metavar="SECONDS", help="For the handshake.")
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


# Connecting


async def _talk(url: str, options: dict[str, Any], transcript: Transcript, terminal: bool, wait_s: float) -> int:
    try:
        connection = await _connected(url, **options)
    except InvalidStatus as refused:
        _show_refusal(refused.response)
        return REFUSED
    chosen = f", subprotocol {connection.subprotocol}" if connection.subprotocol else ""
    hint = "; /help lists commands, ctrl-d ends" if terminal else ""
    transcript.note(f"connected to {url}{chosen}{hint}", "green")
    session = _Session(connection, transcript, terminal, wait_s)
    await session.run()
    ending = session.ending()
    well = ending.normal or session.asked_to_close
    transcript.note(str(ending), "green" if well else "red")
    return 1 if session.failed else 0 if well else ENDED_BADLY


async def _connected(
    url: str,
    *,
    headers: Sequence[str],
    subprotocols: Sequence[str],
    origin: str | None,
    cookies: Sequence[str],
    insecure: bool,
    timeout_s: float,
) -> ClientConnection:
    settings: dict[str, Any] = {}
    if url.startswith("wss://"):
        settings["ssl"] = _lenient() if insecure else ssl.create_default_context()
    if _is_loopback(url):
        settings["proxy"] = None
    place = urlsplit(url).netloc
    try:
        return await connect(
            url,
            additional_headers=_headers(headers, cookies),
            origin=cast("Origin | None", origin),
            subprotocols=cast("Sequence[Subprotocol]", subprotocols) or None,
            open_timeout=timeout_s,
            max_size=MAX_MESSAGE_BYTES,
            user_agent_header="apistar ws",
            **settings,
        )
    except InvalidURI as error:
        raise Failure(f"{url} is no address of a WebSocket: {error.msg}; write ws://HOST:PORT/PATH") from None
    except InvalidStatus:
        raise
    except NegotiationError as error:
        raise Failure(f"{place} chose what was not offered: {error}") from None
    except InvalidMessage:
        raise Failure(f"{place} does not speak HTTP here; if it speaks TLS, write wss://") from None
    except InvalidHandshake as error:
        raise Failure(f"{place} answered, but not as a WebSocket: {escaped(str(error))}") from None
    except ssl.SSLCertVerificationError as error:
        raise Failure(
            f"the certificate of {place} is not to be trusted: {error.verify_message}; --insecure takes any"
        ) from None
    except ssl.SSLError as error:
        raise Failure(f"{place} does not speak TLS here ({error.reason}); if it speaks none, write ws://") from None
    except ConnectionRefusedError:
        raise Failure(f"nothing listens at {place}; is the server running, and is this its port?") from None
    except socket.gaierror:
        raise Failure(f"no host is known as {urlsplit(url).hostname}") from None
    except TimeoutError:
        raise Failure(f"no answer from {place} within {timeout_s:g} s; --timeout gives it longer") from None
    except (ConnectionError, EOFError) as error:
        if url.startswith("wss://"):
            raise Failure(f"{place} does not speak TLS here (it hung up); if it speaks none, write ws://") from None
        raise Failure(f"{place} hung up during the handshake: {error}") from None
    except OSError as error:
        raise Failure(f"no connection to {place}: {error.strerror or error}") from None


def _headers(headers: Sequence[str], cookies: Sequence[str]) -> list[tuple[str, str]]:
    result: list[tuple[str, str]] = []
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon or not name.strip() or not header.isprintable():
            raise click.UsageError(f"--header {header!r} is no header; write 'Name: value'")
        result.append((name.strip(), value.strip()))
    for cookie in cookies:
        if "=" not in cookie or ";" in cookie or not cookie.isprintable():
            raise click.UsageError(f"--cookie {cookie!r} is no cookie; write name=value")
    if cookies:
        result.append(("Cookie", "; ".join(cookies)))
    return result


def _lenient() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _is_loopback(url: str) -> bool:
    """Whether a proxy of the environment is none of its business."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _show_refusal(response: Response) -> None:
    click.secho(f"refused with {response.status_code} {escaped(response.reason_phrase)}", fg="red", err=True)
    for name, value in response.headers.raw_items():
        click.echo(f"  {escaped(name)}: {escaped(value)}", err=True)
    if response.body:
        text = bytes(response.body).decode("utf-8", "replace")[:MAX_SHOWN_BODY]
        click.echo("", err=True)
        for line in text.splitlines():
            click.echo(f"  {escaped(line)}", err=True)


# Talking


class _Session:
    """
    One open connection, and who types into it.

    Attributes:
        asked_to_close: Whether a typed line did.
        failed: Whether something that was piped in could not be sent.
    """

    def __init__(self, connection: ClientConnection, transcript: Transcript, terminal: bool, wait_s: float) -> None:
        self._connection = connection
        self._transcript = transcript
        self._terminal = terminal
        self._wait_s = wait_s
        self.asked_to_close = False
        self.failed = False
        self._heard = asyncio.Event()
        self._pings: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Talk until one side closes."""
        stop = asyncio.Event()
        if not self._terminal:
            with contextlib.suppress(NotImplementedError):
                asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
        receiving = asyncio.create_task(self._receive())
        sending = asyncio.create_task(self._send())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({receiving, sending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and not receiving.done():
                sending.result()
                if not self._terminal and not self.failed:
                    await self._settle(receiving, stopping)
        finally:
            for task in (sending, stopping, *self._pings):
                task.cancel()
            await asyncio.gather(sending, stopping, *self._pings, return_exceptions=True)
            await self._connection.close()
            await receiving

    async def _receive(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                self._transcript.received(await self._connection.recv())
                self._heard.set()

    async def _settle(self, *over: asyncio.Task[Any]) -> None:
        """Wait until nothing came for a time."""
        heard = True
        while heard and not any(task.done() for task in over):
            self._heard.clear()
            waiting = asyncio.create_task(self._heard.wait())
            timeout_s = None if self._wait_s == float("inf") else self._wait_s
            await asyncio.wait({waiting, *over}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            heard = waiting.done()
            waiting.cancel()

    async def _send(self) -> None:
        """Send what is typed, to its end."""
        lines = cast("AsyncGenerator[str]", typed_lines() if self._terminal else piped_lines())
        async with contextlib.aclosing(lines):
            async for line in lines:
                try:
                    await self._carry_out(line)
                except click.UsageError as error:
                    self._transcript.note(error.message, "red")
                    self.failed = not self._terminal
                except ConnectionClosed:
                    return
                if self.failed or self.asked_to_close:
                    return

    async def _carry_out(self, line: str) -> None:
        """Do what a line says."""
        match understood(line):
            case Message(data):
                await self._connection.send(data)
                self._transcript.sent(data)
            case Ping(data):
                pong = await self._connection.ping(data or None)
                self._transcript.control("▸", "ping", data)
                task = asyncio.create_task(self._report(pong))
                self._pings.add(task)
                task.add_done_callback(self._pings.discard)
            case Close(code, reason):
                self.asked_to_close = True
                await self._connection.close(code, reason)
            case Help():
                self._transcript.note(HELP)

    async def _report(self, pong: Any) -> None:
        with contextlib.suppress(ConnectionClosed):
            round_trip_s: float = await pong
            self._transcript.control("◂", "pong", f"{round_trip_s * 1000:.1f} ms")
            self._heard.set()

    def ending(self) -> Ending:
        """Who closed, and with what."""
        protocol = self._connection.protocol
        received, sent = protocol.close_rcvd, protocol.close_sent
        if received is not None and (protocol.close_rcvd_then_sent or sent is None):
            return Ending(received.code, received.reason, "the server")
        if sent is not None:
            return Ending(sent.code, sent.reason, "this client")
        return Ending(1006, "", "nobody")
