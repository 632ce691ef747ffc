"""
What processes tell each other over a topic's channel of PostgreSQL.

A notification is a line, `<call> <parts to come> <coding> <kind> …`, and a part of a payload. The coding is `T` for
ASCII, `B` for base64. The payload of a message is that of its parts, one after the other.

| kind | then |
|---|---|
| `P` | a publication without history |
| `H epoch offset tag previous` | a publication with history, and the tag of the one before it, if there was one |
| `J`, `L` | the name of a member that joined, left |
"""

from __future__ import annotations

import logging
from binascii import a2b_base64
from typing import Final

from .records import Position, PresenceEvent, Publication

log: Final = logging.getLogger("apistar.channels")


class Assembly:
    """Puts the parts of messages together; those of one transaction come together, so one message is open at a time."""

    __slots__ = ("_call", "_parts", "_to_come")

    def __init__(self) -> None:
        self._call = ""
        self._to_come = 0
        self._parts: list[str] = []

    def add(self, notification: str) -> bytes | None:
        """
        The whole message, if this was its last part.

        What makes no sense is a message that `parse` refuses; parts that nothing follows are dropped.
        """
        call, _, rest = notification.partition(" ")
        to_come, _, rest = rest.partition(" ")
        if self._parts and (call != self._call or to_come != str(self._to_come - 1)):
            log.warning("parts of a message came on a channel of ours, and no end; they are dropped")
            self._parts.clear()
        if to_come == "0" and not self._parts:
            return rest.encode()
        if not to_come.isdecimal():
            return b"?" + rest.encode()
        head, _, part = rest.partition("\n")
        self._call, self._to_come = call, int(to_come)
        self._parts.append(part)
        if self._to_come:
            return None
        whole = f"{head}\n{''.join(self._parts)}".encode()
        self._parts.clear()
        return whole


def parse(message: bytes) -> Publication | PresenceEvent:
    """
    Read a message.

    Raises:
        ValueError: If it is none; somebody else notifies our channels.
    """
    head, _, body = message.partition(b"\n")
    coding, *kind = head.split(b" ")
    if coding == b"B":
        body = a2b_base64(body)
    elif coding != b"T":
        raise ValueError(f"a message on a channel of ours begins with {head[:20]!r}")
    match kind:
        case [b"P"]:
            return Publication(body)
        case [b"H", epoch, offset, tag, previous]:
            return Publication(body, Position(epoch.decode(), int(offset), tag.decode()), previous.decode())
        case [(b"J" | b"L") as change]:
            return PresenceEvent(body.decode(), joined=change == b"J")
    raise ValueError(f"a message on a channel of ours begins with {head[:20]!r}")
