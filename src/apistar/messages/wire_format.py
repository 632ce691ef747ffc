"""
What a codec is to the rest of this room: its names, its kind of frame, and how it reads and writes one type.

`codec.py` builds upon this the decoders and encoders that others use; what guards them, and what reads models, needs no
more than this.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from ..types import Data


class WireFormat(ABC):
    """
    How typed values stand on the wire.

    Attributes:
        name: As routes write it.
        title: As errors write it.
        subprotocol: What a client offers to ask for it (RFC 6455 §1.9).
        text: Whether its messages travel in text frames; in binary ones otherwise.
        media_type: Of an HTTP body in this codec.
        keeps_scalars: Whether text, integers, finite floats, booleans and nothing, once encoded, always decode to what
            they were; a Struct of such fields is then checked by their classes instead of being decoded.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    subprotocol: ClassVar[str]
    text: ClassVar[bool]
    media_type: ClassVar[str]
    keeps_scalars: ClassVar[bool] = False

    @abstractmethod
    def reader(self, tp: object) -> Callable[[Data], object]:
        """Decode without translating errors; any `ValueError`, as msgspec's are, means a message that does not fit."""

    def checker(self, tp: object) -> Callable[[Data], object]:
        """Decode what `writer()` made, to check it; a reader that validates models anew may leave that out here."""
        return self.reader(tp)

    @abstractmethod
    def writer(self) -> Callable[[object], bytes]:
        """Encode any value without checking its type; pydantic's models included (`models.dump`)."""
