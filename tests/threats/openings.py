"""
Opening handshakes that no server may take, in bytes: rows 9 to 12 and 23 of the threats.
"""

from __future__ import annotations

from typing import Final

from tests.server.wire import KEY, handshake

PIPELINED: Final = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
FORBIDDEN_LINES: Final = [
    b"X: a\0b",
    b"X: a\rb",
    b"X: a\r\n b",
    b"X: a\r\n\tb",
    b"X: a\nY: b",
    b"X: a\x0bb",
    b"X: a\x0cb",
    b"X: a\x1cb",
    b"X: a\x1db",
    b"X: a\x1eb",
    b"X: a\x7fb",
    b"X: a\x85b",
    b"X: a\xc2\x85b",
    b"X: a\xe2\x80\xa8b",
    b"X : a",
    b"X\t: a",
    b"X",
    b": a",
    b"X\xe9: a",
    b"Sec-WebSocket-Protocol: caf\xc3\xa9",
    b"Sec-WebSocket-Protocol: caf\xe9",
    b"Sec-WebSocket-Extensions: caf\xc3\xa9",
]
NORMALISED_BY_H11: Final = {b"X: a\r\n b", b"X: a\r\n\tb", b"X: a\nY: b"}
"""h11 unfolds lines and takes a lone LF for their end, as RFC 9112 §5.2 and §2.2 allow; nobody sees what was sent."""
BODIES_AND_METHODS: Final = [
    handshake(b"/echo", b"Content-Length: 3", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    handshake(b"/echo", b"Content-Length: 3", b"Content-Length: 3") + b"abc",
    handshake(b"/echo", b"Content-Length: 3", b"Content-Length: 4") + b"abc",
    handshake(b"/echo", b"Content-Length: +3") + b"abc",
    handshake(b"/echo", b"Content-Length: 3, 3") + b"abc",
    handshake(b"/echo", b"Content-Length: 0x3") + b"abc",
    handshake(b"/echo", b"Content-Length: 3") + b"abc",
    handshake(b"/echo", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    handshake(b"/echo", b"Transfer-Encoding: identity"),
    handshake(b"/echo", method=b"POST"),
    handshake(b"/echo", b"Content-Length: 3", method=b"POST") + b"abc",
    handshake(b"/echo", method=b"HEAD"),
]
BROKEN_HANDSHAKES: Final = [
    handshake(version=b"HTTP/1.0"),
    handshake(version=b"HTTP/2.0"),
    handshake(version=b"HTTP/1.2"),
    handshake(without=b"Host"),
    handshake(b"/echo", b"Host: localhost"),
    handshake(b"/echo", b"host: other"),
    handshake(host=b""),
    handshake(host=b"a.b/c?"),
    handshake(host=b"a b"),
    handshake(host=b"a@b"),
    handshake(host=b"a:b"),
    handshake(host=b"a, b"[:1] + b"\\"),
    handshake(host=b"[::1"),
    handshake(without=b"Sec-WebSocket-Key"),
    handshake(sec_websocket_key=b""),
    handshake(sec_websocket_key=b"c2hvcnQ="),
    handshake(sec_websocket_key=KEY[:-2] + b"=="[:1]),
    handshake(sec_websocket_key=KEY[:-3] + b"R=="),
    handshake(sec_websocket_key=b"dGhlIHNhbXBsZSBub25jZQ!="),
    handshake(sec_websocket_key=b"dGhlIHNhbXBsZSBub25jZQ\xc3="),
    handshake(sec_websocket_key=KEY + KEY),
    handshake(b"/echo", b"Sec-WebSocket-Key: " + KEY),
    handshake(b"/echo", b"Sec-WebSocket-Version: 13"),
    handshake(b"/echo", b"Origin: http://a", b"Origin: http://b"),
]
BROKEN_OFFERS: Final = [
    b"",
    b",",
    b"chat,",
    b"chat,,other",
    b"chat other",
    b"chat, chat",
    b"a/b",
    b'"chat"',
    b", ".join(b"p%d" % number for number in range(1000)),
]
