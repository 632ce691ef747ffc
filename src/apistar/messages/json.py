"""
JSON in text frames, the default codec.

Decoding is msgspec's: strict (no coercion), NaN and Infinity are malformed, integers past 4300 digits and floats past
the range of a double are refused; so are doubled keys (`json_keys.py`). A NaN or an infinity becomes `null`, since
JSON has no word for it, and so is no `float` to be sent.

Source: RFC 8259.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from ..types import Data
from . import models
from .codec import Codec
from .json_keys import read_unique


class JSONCodec(Codec):
    """RFC 8259 through msgspec."""

    name = "json"
    title = "JSON"
    subprotocol = "json"
    text = True
    media_type = "application/json"
    keeps_scalars = True

    def reader(self, tp: object) -> Callable[[Data], object]:
        return read_unique(tp, msgspec.json.Decoder(tp, dec_hook=models.load).decode)

    def checker(self, tp: object) -> Callable[[Data], object]:
        return msgspec.json.Decoder(tp, dec_hook=models.vouched).decode

    def writer(self) -> Callable[[object], bytes]:
        return msgspec.json.Encoder(enc_hook=models.dump).encode


JSON: Final = JSONCodec()
