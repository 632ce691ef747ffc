"""
Close codes of RFC 6455 §7.4.1 and the IANA registry, under the names that Starlette's users know.
"""

from __future__ import annotations

from typing import Final

WS_1000_NORMAL_CLOSURE: Final = 1000
WS_1000_OK: Final = WS_1000_NORMAL_CLOSURE
WS_1001_GOING_AWAY: Final = 1001
WS_1002_PROTOCOL_ERROR: Final = 1002
WS_1003_UNSUPPORTED_DATA: Final = 1003
WS_1005_NO_STATUS_RCVD: Final = 1005
WS_1006_ABNORMAL_CLOSURE: Final = 1006
WS_1007_INVALID_FRAME_PAYLOAD_DATA: Final = 1007
WS_1008_POLICY_VIOLATION: Final = 1008
WS_1009_MESSAGE_TOO_BIG: Final = 1009
WS_1010_MANDATORY_EXT: Final = 1010
WS_1011_INTERNAL_ERROR: Final = 1011
WS_1012_SERVICE_RESTART: Final = 1012
WS_1013_TRY_AGAIN_LATER: Final = 1013
WS_1014_BAD_GATEWAY: Final = 1014
WS_1015_TLS_HANDSHAKE: Final = 1015

HTTP_CLOSE_CODES: Final = 4000
"""An `HTTPException` after `connect()` closes with this plus its status: 4403, 4404 (RFC 6455 §7.4.2)."""

NORMAL_CODES: Final = frozenset({1000, 1001, 1005})
"""Endings that a loop over messages takes as its end: the peer closed on purpose; a browser's `close()` sends 1005."""

BROKEN_CODES: Final = frozenset({1002, 1003, 1007, 1008, 1009, 1010, 1013})
"""Endings that somebody's mistake or a limit has brought about."""


def is_sendable(code: object) -> bool:
    """Whether a Close frame may carry this code (RFC 6455 §7.4.1 and §7.4.2)."""
    return isinstance(code, int) and (code in _SENDABLE or 3000 <= code <= 4999)


_SENDABLE: Final = frozenset({1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014})
