"""The connections of a broker, as its engine sees them."""

from __future__ import annotations

from enum import Enum, auto


class Connections(Enum):
    """Of a broker: what may be cut from the engine's side."""

    LISTENING = auto()
    COMMANDS = auto()
