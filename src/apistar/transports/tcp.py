"""
What asyncio does not say or do of a TCP connection, and the operating system does.

Sources: socket(7), `SO_LINGER`; tcp(7), `SIOCOUTQ`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from typing import Final

NO_LINGER: Final = struct.pack("ii", 1, 0)


def reset(tcp: asyncio.Transport) -> None:
    """Drop a connection with a reset, and what the operating system holds for the peer."""
    sock = tcp.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):  # it is gone already
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    tcp.abort()


def unacknowledged_bytes(tcp: asyncio.Transport) -> int:
    """What the kernel has and the client's has not acknowledged; 0 where the kernel does not tell."""
    if sys.platform != "linux":
        return 0
    import fcntl
    import termios

    try:
        told = fcntl.ioctl(tcp.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
    except (AttributeError, OSError, ValueError):  # closed meanwhile, or no socket
        return 0
    return int.from_bytes(told, sys.byteorder)
