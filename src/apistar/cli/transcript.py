"""
What goes over a WebSocket, as lines for a terminal.

    12:00:01.123 ◂ text    hello
    12:00:01.456 ◂ json    {"type":"said","by":"Ada"}
    12:00:02.001 ◂ binary  3 bytes
                   00000000  00 ff 41                                          |..A|

Nothing that the peer sends reaches the terminal as a control character: whatever is not printable is escaped, so that
no message can move the cursor, change a title, or look like another line (`log_text.py`).
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Final

import click
import msgspec

from ..log_text import printable
from . import colours

MAX_PARSED: Final = 4_000_000
"""Characters of a text that is looked at as JSON: values of Python take up to forty times the room."""
MAX_LINES: Final = 40
MAX_CHARACTERS: Final = 8000
MAX_DUMPED_BYTES: Final = 512
"""Of one message, unless everything is asked for."""
INDENT: Final = 23
"""Columns before a message: time, direction, kind."""

COLOURS: Final = {"◂": "cyan", "▸": "green"}


def hex_dump(data: bytes) -> Iterator[str]:
    """Sixteen bytes in a line: where, in hexadecimal, and as ASCII."""
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        digits = f"{row[:8].hex(' ')}  {row[8:].hex(' ')}".strip()
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{start:08x}  {digits:<49} |{shown}|"


def is_json(text: str) -> bool:
    """Whether a text is a JSON object or array, and not just a word that happens to be JSON."""
    if len(text) > MAX_PARSED or not text[:1000].lstrip().startswith(("{", "[")):
        return False
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return False
    return True


class Transcript:
    """
    Prints messages on standard output, and everything else on standard error.

    Args:
        plain: Payloads alone: a text as it is, binary as its bytes, one message a line.
        full: Fold nothing.
        both: Show what is sent, too.
    """

    def __init__(self, *, plain: bool = False, full: bool = False, both: bool = False) -> None:
        self._plain = plain
        self._full = full
        self._both = both
        self._terminal = sys.stdout.isatty()
        self._colours = self._terminal and colours.wanted() is not False

    def received(self, message: str | bytes) -> None:
        """Show a message of the peer."""
        if not self._plain:
            self._message("◂", message)
        elif isinstance(message, str):
            # Somebody's pipe gets it to the letter; a terminal does not.
            self._write(printable(message) if self._terminal else message)
        elif self._terminal:
            self._write(message.hex(" "))
        else:
            sys.stdout.flush()
            sys.stdout.buffer.write(message + b"\n")
            sys.stdout.buffer.flush()

    def sent(self, message: str | bytes) -> None:
        """Show a message of our own."""
        if self._both and not self._plain:
            self._message("▸", message)

    def control(self, direction: str, kind: str, text: str = "") -> None:
        """Show a control frame."""
        if not self._plain:
            self._row(direction, kind, [printable(text)])

    def note(self, text: str, colour: str | None = None) -> None:
        """Tell a person something."""
        sys.stdout.flush()
        target = sys.stdout if self._both else sys.stderr
        target.write(f"{click.style(text, fg=colour) if target.isatty() and colours.wanted() is not False else text}\n")
        target.flush()

    def _message(self, direction: str, message: str | bytes) -> None:
        if isinstance(message, bytes):
            shown = message if self._full else message[:MAX_DUMPED_BYTES]
            lines = [_counted(len(message), "byte"), *hex_dump(shown)]
            if len(shown) < len(message):
                lines.append(f"… {_counted(len(message) - len(shown), 'more byte')}; --full shows all")
            self._row(direction, "binary", lines)
        elif is_json(message):
            self._row(direction, "json", self.folded(self._json(message)))
        else:
            self._row(direction, "text", self.folded(message))

    def _json(self, text: str) -> str:
        """In one line where it fits."""
        compact = msgspec.json.format(text, indent=-1)
        return compact if len(compact) <= _columns() - INDENT else msgspec.json.format(text, indent=2)

    def folded(self, text: str) -> list[str]:
        """Escaped lines, no more than are shown of one message."""
        shown = text if self._full else text[:MAX_CHARACTERS]
        lines = shown.split("\n")
        shown_lines = lines if self._full else lines[:MAX_LINES]
        result = [printable(line) for line in shown_lines]
        if len(shown_lines) < len(lines):
            result.append(f"… {_counted(text.count(chr(10)) + 1 - len(shown_lines), 'more line')}; --full shows all")
        elif len(shown) < len(text):
            result.append(f"… {_counted(len(text) - len(shown), 'more character')}; --full shows all")
        return result

    def _row(self, direction: str, kind: str, lines: list[str]) -> None:
        time = f"{datetime.now():%H:%M:%S.%f}"[:-3]
        head = f"{time} {direction} {kind:<7} "
        if self._colours:
            head = f"{click.style(time, dim=True)} {click.style(f'{direction} {kind:<7}', fg=COLOURS[direction])} "
        self._write(head + f"\n{' ' * INDENT}".join(lines))

    def _write(self, text: str) -> None:
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(f"{text}\n".encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _columns() -> int:
    return shutil.get_terminal_size().columns
