"""
What processes tell each other over a topic's pub/sub channel.

| first byte | then |
|---|---|
| `P` | the payload of a publication without history |
| `H` | epoch, offset, tag and the tag of the one before, with spaces between; a line feed, the payload |
| `J`, `L` | the name of a member that joined, left |
"""

from __future__ import annotations

from .records import Position, PresenceEvent, Publication


def channel_of(topic: str) -> str:
    """A topic's channel, and the prefix of its keys; the braces make it one hash tag of a Redis Cluster."""
    safe = topic.replace("%", "%25").replace("{", "%7B").replace("}", "%7D")
    return f"apistar:{{{safe}}}"


def topic_of(channel: bytes) -> str:
    """The way back."""
    return channel[len("apistar:{") : -1].decode().replace("%7B", "{").replace("%7D", "}").replace("%25", "%")


def plain(payload: bytes) -> bytes:
    """The message of a publication without history; Redis writes the others itself."""
    return b"P" + payload


def parse(message: bytes) -> Publication | PresenceEvent:
    """
    Read a message.

    Raises:
        ValueError: If it is none; somebody else publishes to our channels.
    """
    kind = message[:1]
    if kind == b"P":
        return Publication(message[1:])
    if kind == b"H":
        end = message.index(b"\n")
        position, _, previous = message[1:end].rpartition(b" ")
        return Publication(message[end + 1 :], position_of(position), previous.decode())
    if kind in (b"J", b"L"):
        return PresenceEvent(message[1:].decode(), joined=kind == b"J")
    raise ValueError(f"a message on a channel of ours begins with {kind!r}")


def position_of(text: bytes) -> Position:
    """A position as the scripts write it: epoch, offset and tag, with spaces between."""
    epoch, offset, tag = text.split(b" ")
    return Position(epoch.decode(), int(offset), tag.decode())
