"""
The handshake of a connection that a person asked for, and in words what kept it from succeeding (RFC 6455 §4.1).
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from typing import Any, Final, cast
from urllib.parse import urlsplit

import click
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus, InvalidURI, NegotiationError
from websockets.http11 import Response
from websockets.typing import Origin, Subprotocol

from ..log_text import printable
from .client import CLOSE_TIMEOUT_S, MAX_MESSAGE_BYTES, Connect, Connection
from .failure import Failure
from .transcript import Transcript

TOKEN: Final = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
"""RFC 9110 §5.6.2."""


async def connected(
    url: str,
    *,
    headers: Sequence[str],
    subprotocols: Sequence[str],
    origin: str | None,
    cookies: Sequence[str],
    insecure: bool,
    timeout_s: float,
) -> ClientConnection:
    """
    Connect to `url`.

    Raises:
        InvalidStatus: If the server refused with an HTTP response.
        Failure: If there is no connection for another reason; it says which, and what to do.
    """
    place = _place(url)
    for name in subprotocols:
        if TOKEN.fullmatch(name) is None:
            raise click.UsageError(f"--subprotocol {name!r} is none; letters, digits and !#$%&'*+-.^_`|~ make one")
    if origin is not None and not origin.isprintable():
        raise click.UsageError(f"--origin {origin!r} is none; write scheme://host:port")
    settings: dict[str, Any] = {}
    if url.startswith("wss://"):
        settings["ssl"] = _lenient() if insecure else ssl.create_default_context()
    if _is_loopback(url):
        settings["proxy"] = None
    with _in_words(url, place, timeout_s):
        return await Connect(
            url,
            additional_headers=_headers(headers, cookies),
            origin=cast("Origin | None", origin),
            subprotocols=cast("Sequence[Subprotocol]", subprotocols) or None,
            open_timeout=timeout_s,
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MAX_MESSAGE_BYTES,
            create_connection=Connection,
            user_agent_header="apistar ws",
            **settings,
        )


@contextlib.contextmanager
def _in_words(url: str, place: str, timeout_s: float) -> Iterator[None]:
    """Say what kept a handshake from succeeding, and what to do; a refusal with a status passes as it is."""
    try:
        yield
    except InvalidURI as error:
        raise Failure(f"{url} is no address of a WebSocket: {error.msg}; write ws://HOST:PORT/PATH") from None
    except InvalidStatus:
        raise
    except NegotiationError as error:
        raise Failure(f"{place} chose what was not offered: {printable(str(error))}") from None
    except InvalidMessage as error:
        raise Failure(
            f"{place} gave no answer of HTTP/1.1{_why(error)}; does it speak HTTP here? If it speaks TLS, write wss://"
        ) from None
    except InvalidHandshake as error:
        raise Failure(f"{place} answered, but not as a WebSocket: {printable(str(error))}") from None
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


def show_refusal(response: Response, transcript: Transcript) -> None:
    """Print the response with which a server refused the handshake."""
    click.secho(f"refused with {response.status_code} {printable(response.reason_phrase)}", fg="red", err=True)
    for name, value in response.headers.raw_items():
        click.echo(f"  {printable(name)}: {printable(value)}", err=True)
    if response.body:
        text = bytes(response.body).decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n")
        click.echo("", err=True)
        for line in transcript.folded(text):
            click.echo(f"  {line}", err=True)
    if 300 <= response.status_code < 400 and "Location" in response.headers:
        click.echo("it sends elsewhere, and nothing was sent there; connect to that address if you trust it", err=True)


def _why(error: InvalidMessage) -> str:
    cause = error.__cause__
    return f" ({printable(str(cause))})" if cause is not None and str(cause) else ""


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


def _place(url: str) -> str:
    """Host and port, for a person."""
    try:
        parts = urlsplit(url)
        if not url.isprintable():
            raise ValueError("it has control characters")
        _ = parts.port  # it is read where it is asked for
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise Failure(
            f"{printable(url)} is no address of a WebSocket: {str(error) or 'it cannot be read'}; write ws://HOST:PORT/PATH"
        ) from None
    return parts.netloc


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
