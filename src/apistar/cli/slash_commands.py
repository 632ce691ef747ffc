"""
What a typed line means: a text to send, or a command that begins with a slash.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import click
import msgspec

from ..exceptions import CLOSE_REASON_LIMIT_BYTES

HELP: Final = """\
A line is sent as a text message. A line that begins with a slash is a command:
  /json VALUE           send JSON, checked and without spaces
  /binary HEX           send bytes: /binary 00 ff 41
  /file PATH            send a file as one binary message
  /textfile PATH        send a file as one text message
  /ping [TEXT]          send a ping; its time is shown when the pong comes
  /close [CODE [TEXT]]  close with a code and a reason; 1000 where none is given
  /help                 show this
  //…                   send a text that begins with one slash"""


@dataclass(frozen=True, slots=True)
class Message:
    """To be sent."""

    data: str | bytes


@dataclass(frozen=True, slots=True)
class Ping:
    data: str


@dataclass(frozen=True, slots=True)
class Close:
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Help:
    """Of these commands."""


Typed: TypeAlias = Message | Ping | Close | Help

PING_LIMIT_BYTES: Final = 125
"""RFC 6455 §5.5: a control frame holds so many."""
SENDABLE: Final = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011})
"""Close codes below 3000 that a client may send."""


def understood(line: str) -> Typed:
    """
    Say what a line means.

    Raises:
        click.UsageError: If it begins with a slash and is no command, or the command cannot be carried out.
    """
    try:
        line.encode()
    except UnicodeEncodeError:
        raise click.UsageError("not sent: the line is not UTF-8; /file sends bytes") from None
    if not line.startswith("/"):
        return Message(line)
    if line.startswith("//"):
        return Message(line[1:])
    name, _, rest = line.partition(" ")
    rest = rest.strip()
    match name:
        case "/json":
            return Message(_json(rest))
        case "/binary":
            return Message(_bytes(rest))
        case "/file":
            return Message(_file(rest))
        case "/textfile":
            try:
                return Message(_file(rest).decode())
            except UnicodeDecodeError:
                raise click.UsageError(f"{rest} is not UTF-8; /file sends it as bytes") from None
        case "/ping":
            if len(rest.encode()) > PING_LIMIT_BYTES:
                raise click.UsageError(f"a ping holds {PING_LIMIT_BYTES} bytes, not {len(rest.encode())}")
            return Ping(rest)
        case "/close":
            return _close(rest)
        case "/help":
            return Help()
    raise click.UsageError(f"{name} is no command; /help lists them, and /{name}… sends it as a text")


def _json(text: str) -> str:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise click.UsageError(f"not sent: {text!r} is not JSON: {error}") from None
    return msgspec.json.format(text, indent=-1)


def _bytes(digits: str) -> bytes:
    try:
        return binascii.unhexlify("".join(digits.split()))
    except (binascii.Error, ValueError):
        raise click.UsageError("not sent: /binary takes pairs of hexadecimal digits, as in /binary 00 ff 41") from None


def _file(path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise click.UsageError(f"not sent: {path or '(no file)'} cannot be read: {error.strerror}") from None


def _close(rest: str) -> Close:
    digits, _, reason = rest.partition(" ")
    code = int(digits) if digits.isascii() and digits.isdigit() else 0 if digits else 1000
    if not (code in SENDABLE or 3000 <= code < 5000):
        raise click.UsageError("a client may close with 1000 to 1003, 1007 to 1011, and 3000 to 4999 (RFC 6455 §7.4)")
    if len(reason.encode()) > CLOSE_REASON_LIMIT_BYTES:
        raise click.UsageError(f"a close reason holds {CLOSE_REASON_LIMIT_BYTES} bytes, not {len(reason.encode())}")
    return Close(code, reason)
