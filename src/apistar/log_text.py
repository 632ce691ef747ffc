"""
Text that somebody else chose, as a log or a terminal may show it: no line break forges a line, no code moves a cursor.
"""

from __future__ import annotations

from .types import Scope


def escaped(text: str) -> str:
    """Text for a log: ASCII, in one line."""
    return text if text.isascii() and text.isprintable() else text.encode("unicode_escape").decode("ascii")


def printable(text: str) -> str:
    """Text for people, in any script: what is not printable is written out, and nothing else."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def client_of(scope: Scope) -> str:
    """The peer's address and port, escaped; nothing where it has none, as over a unix socket."""
    client = scope.get("client")
    return escaped(f"{client[0]}:{client[1]}") if client else ""
