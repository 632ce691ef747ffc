"""
How a connection ended, in words (RFC 6455 §7.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from ..log_text import printable

MEANINGS: Final = {
    1000: "normal closure",
    1001: "going away",
    1002: "protocol error",
    1003: "kind of message not accepted",
    1005: "no code given",
    1006: "connection lost",
    1007: "invalid data",
    1008: "against a policy",
    1009: "message too big",
    1010: "extension missing",
    1011: "error in the server",
    1012: "the server restarts",
    1013: "try again later",
    1014: "bad gateway",
    1015: "TLS failed",
}
NORMAL: Final = frozenset({1000, 1001, 1005})


@dataclass(frozen=True, slots=True)
class Ending:
    """
    Attributes:
        code: Of the Close; 1006 where there was none.
        by: "the server", "this client" or "nobody".
        unanswered: Whether the other side sent no Close back.
    """

    code: int
    reason: str
    by: str
    unanswered: bool = False

    @property
    def normal(self) -> bool:
        return self.code in NORMAL

    def __str__(self) -> str:
        reason = f": {printable(self.reason)}" if self.reason else ""
        if self.by == "nobody":
            return f"lost without a Close (1006, {meaning(1006)}){reason}"
        silence = "; the server sent no Close back" if self.unanswered else ""
        return f"closed by {self.by} with {self.code} ({meaning(self.code)}){reason}{silence}"


def meaning(code: int) -> str:
    """What a close code says; an API Star server adds an HTTP status to 4000."""
    if code in MEANINGS:
        return MEANINGS[code]
    if 4400 <= code < 4600:
        try:
            return f"as HTTP {code - 4000} {HTTPStatus(code - 4000).phrase}"
        except ValueError:
            pass
    if 4000 <= code < 5000:
        return "the application's own"
    return "registered by a library" if 3000 <= code < 4000 else "unknown"
