"""
How a log record becomes lines: uvicorn's format, where no exception can forge a line or move the cursor.

The text of an exception may be a client's (`ValueError(f"no such room: {room}")`). Its lines are indented, so that none
begins as a record does, and control characters are shown and not sent to the terminal.
"""

from __future__ import annotations

import logging
import re
from types import TracebackType
from typing import Final, TypeAlias

from uvicorn.logging import DefaultFormatter

INDENT: Final = "    "

ExceptionInfo: TypeAlias = "tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]"


class Lines(DefaultFormatter):
    """Formats records for people."""

    def formatException(self, ei: ExceptionInfo) -> str:
        return shown(super().formatException(ei))


def shown(text: str) -> str:
    """Several lines of text, indented, with control characters escaped."""
    return "\n".join(INDENT + _CONTROL.sub(_escape, line) for line in text.split("\n"))


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


class NoLostSends(logging.Filter):
    """
    Leaves out asyncio's line for each write to a connection that is lost already.

    Whoever only sends has 64 of them before the loop can say that its client is gone (`WebSocket.send`); a client that
    resets its connection must not write the log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return bool(record.msg != "socket.send() raised exception.")
