"""
What uvicorn's own HTTP classes know of a request that they hand over, and do not say.

They write the request out again as HTTP/1.1, whatever it was, and leave out what came behind it. While ours is asked to
read it, theirs is still TCP's protocol, so it can be asked. Each question has an answer for an HTTP class that nobody
has seen, too: nothing is known of it.

Sources: `uvicorn/protocols/http/{httptools,h11}_impl.py`; tests/threats/test_plain_uvicorn.py sends the bytes.
"""

from __future__ import annotations

import asyncio
from typing import Any


def http_version_of(http: asyncio.BaseProtocol) -> str:
    """The version of the request that is handed over, such as "1.0"."""
    version: str = (getattr(http, "scope", None) or {}).get("http_version", "1.1")
    return version


def early_bytes_of(http: asyncio.BaseProtocol) -> bytes:
    """What came behind the request in the same read; with httptools it is lost (RFC 6455 §4.1: a client waits)."""
    trailing: tuple[bytes, bool] = getattr(getattr(http, "conn", None), "trailing_data", (b"", False))
    return trailing[0]


def answers_another(http: asyncio.BaseProtocol) -> bool:
    """Whether the answer to a request before this one is not complete; two writers would mix their bytes."""
    cycle = _cycle_of(http)
    return cycle is not None and not cycle.response_complete


def answer_and_close(http: asyncio.BaseProtocol) -> None:
    """End the connection after the answer to the request before this one."""
    cycle = _cycle_of(http)
    if cycle is not None:
        cycle.keep_alive = False


def _cycle_of(http: asyncio.BaseProtocol) -> Any:
    """The request that came last and its answer; `None` where there is none yet."""
    return getattr(http, "cycle", None)
