"""
Typed values ⇄ bytes: codecs, the faults they find, and the schemas of message types. Knows no socket.
"""

from .codec import Codec, Decoder, Encoder
from .json import JSON
from .msgpack import MSGPACK

__all__ = ["JSON", "MSGPACK", "Codec", "Decoder", "Encoder"]
