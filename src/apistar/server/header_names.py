"""
Names of headers in lower case, one object for each: a name that every client sends is not kept once for each client.
"""

from __future__ import annotations

from typing import Final

NAMES: Final[dict[bytes, bytes]] = {
    spelling: name.lower()
    for name in (
        b"Accept",
        b"Accept-Encoding",
        b"Accept-Language",
        b"Authorization",
        b"Cache-Control",
        b"Connection",
        b"Content-Length",
        b"Content-Type",
        b"Cookie",
        b"Host",
        b"Origin",
        b"Pragma",
        b"Sec-WebSocket-Extensions",
        b"Sec-WebSocket-Key",
        b"Sec-WebSocket-Protocol",
        b"Sec-WebSocket-Version",
        b"Upgrade",
        b"User-Agent",
        b"X-Forwarded-For",
        b"X-Forwarded-Proto",
    )
    for spelling in (name, name.lower())
}
"""By the two spellings that clients send."""
