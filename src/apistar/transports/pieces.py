"""
Several pieces to TCP in one call.

uvloop writes pieces as they are. asyncio's own `writelines()` joins them in Python 3.11, and in 3.12.0 and 3.13.0 does
not pause the protocol when TCP takes no more, so that what waits for a client that does not read would have no bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


def write_pieces(tcp: asyncio.WriteTransport, pieces: Iterable[bytes]) -> None:
    """Write the pieces in order; flow control counts them."""
    if isinstance(tcp, asyncio.Transport):  # uvloop's transports are none
        tcp.write(b"".join(pieces))
    else:
        tcp.writelines(pieces)
