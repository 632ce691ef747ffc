"""
The one place that touches what picows does not document: its protocol class, used as the parser of one connection.

`open_parser()` gives a `Parser` for a TCP transport whose opening handshake is over. It is an asyncio protocol for
`tcp.set_protocol()`, or is given bytes with `feed()`. Its frames go to the listener's `on_ws_frame`. To make a parser
takes 15 µs and 4 KiB; `close_parser()` keeps one that is as new for the next connection.

What picows asks of its surroundings is answered by `Surroundings`, so that a connection costs no logger, no timer, no
system call and no real HTTP request:

- its handshake is fed with one constant request, and its 101 goes nowhere;
- its logger is how we learn of a parser error: `error()` comes before its own Close is sent, which we keep from the
  wire by telling picows that the connection is lost; the frame before the error is still delivered after that;
- the TCP transport that it sees cannot be closed by it: who closes, and when, is the listener's business;
- the listener that it has for good is a `Relay`, whose `on_ws_frame` is the real listener's method. picows looks it up
  with every frame, and so finds it without making a bound method each time.

`tests/transports/test_picows_connection.py` holds picows to all of this; the version range is in pyproject.toml.

Source: picows 2.3.1, picows/picows.pyx.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias, cast

import picows
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # its stubs leave out what it does not document

READ_BYTES: Final = 128 * 1024
"""Of one read."""

KEPT_PARSERS: Final = 64
"""For the next connections, of each size of frame: 160 KiB."""

Frame: TypeAlias = picows.WSFrame

CONTINUATION_FRAME: Final = picows.WSMsgType.CONTINUATION
TEXT_FRAME: Final = picows.WSMsgType.TEXT
BINARY_FRAME: Final = picows.WSMsgType.BINARY
CLOSE_FRAME: Final = picows.WSMsgType.CLOSE
PING_FRAME: Final = picows.WSMsgType.PING


class Listener(Protocol):
    """Who is told of everything."""

    def on_ws_frame(self, transport: picows.WSTransport, frame: Frame, /) -> None:
        """A frame; must not raise."""

    def parser_failed(self, code: int, detail: str) -> None:
        """The bytes are no WebSocket frames; only the frame before them may still come."""

    def listener_failed(self) -> None:
        """`on_ws_frame` raised; called in the handler of the exception."""

    def eof_received(self) -> bool | None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class Relay(picows.WSListener):
    """picows' listener; the real one changes with the connection, and picows' is set once."""

    __slots__ = ("on_ws_frame",)

    on_ws_frame: Callable[[picows.WSTransport, Frame], None]  # type: ignore[assignment]  # picows gives no keywords


class Parser(WSProtocol):  # type: ignore[misc]  # of which the type checker knows nothing
    """
    picows' protocol, with the events of TCP handed straight to the owner.

    Attributes:
        owner: The listener of this connection.
    """

    __slots__ = ("loop", "max_frame_bytes", "owner", "room_bytes", "surroundings")

    owner: Listener
    surroundings: Surroundings
    loop: asyncio.AbstractEventLoop
    max_frame_bytes: int
    room_bytes: int
    listener: Relay
    transport: picows.WSTransport

    def get_buffer(self, sizehint: int) -> memoryview:
        """
        Where the next bytes go, READ_BYTES at most.

        picows offers all of the room behind a frame that is not whole yet, as much as the frame again, and parses at
        once whatever came: after a frame of 1 MiB that could be 170,000 empty ones.
        """
        room: memoryview = _get_buffer(self, sizehint)
        return room if len(room) <= READ_BYTES else room[:READ_BYTES]

    def eof_received(self) -> bool | None:
        return self.owner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.owner.connection_lost(exc)

    def pause_writing(self) -> None:
        self.owner.pause_writing()

    def resume_writing(self) -> None:
        self.owner.resume_writing()


def open_parser(tcp: asyncio.Transport, listener: Listener, max_frame_bytes: int) -> Parser:
    """
    A parser in the state after the handshake.

    Args:
        max_frame_bytes: A longer frame fails at its header, with 1009.
    """
    loop = asyncio.get_running_loop()
    kept = _kept.get(max_frame_bytes)
    while kept:
        parser = kept.pop()
        if parser.loop is loop:
            surroundings = parser.surroundings
            surroundings.tcp, surroundings.owner = tcp, listener
            parser.connection_made(surroundings)
            parser.owner = listener
            parser.listener.on_ws_frame = listener.on_ws_frame
            return parser
    return _new_parser(tcp, listener, max_frame_bytes, loop)


def room_bytes(parser: Parser) -> int:
    """How much a parser could take now: less while it holds a part of a frame, twice as much each time it has grown."""
    return len(_get_buffer(parser, -1))


def close_parser(parser: Parser) -> None:
    """
    Let a parser go whose TCP is closed or has another protocol.

    One that failed is not closed but forgotten: what it would still do goes to nobody.
    """
    kept = _kept.setdefault(parser.max_frame_bytes, [])
    if room_bytes(parser) != parser.room_bytes or len(kept) >= KEPT_PARSERS:
        silence(parser)  # half a frame is in it, or it has grown
        return
    surroundings = parser.surroundings
    del surroundings.tcp, surroundings.owner, parser.owner, parser.listener.on_ws_frame
    kept.append(parser)


_kept: Final[dict[int, list[Parser]]] = {}


def _new_parser(
    tcp: asyncio.Transport, listener: Listener, max_frame_bytes: int, loop: asyncio.AbstractEventLoop
) -> Parser:
    relay = Relay()
    relay.on_ws_frame = listener.on_ws_frame
    surroundings = Surroundings(tcp, listener, relay)
    # host, path, is_client_side, listener_factory, logger, disconnect_on_exception, handshake_timeout, auto_ping,
    # ping_idle_timeout, ping_reply_timeout, ping_strategy, auto_pong, max_frame_size, extra_headers, read_buffer_size
    parser = Parser(
        None, None, False, surroundings, surroundings, False, None, False,
        None, None, _PING_STRATEGY, False, max_frame_bytes, None, 0,
    )  # fmt: skip
    parser.owner = listener
    parser.surroundings = surroundings
    parser.loop = loop
    parser.max_frame_bytes = max_frame_bytes
    parser.connection_made(surroundings)
    feed(parser, memoryview(_REQUEST))
    if parser.listener is not relay:
        raise RuntimeError("this picows does not take the handshake; install a version that apistar's metadata allows")
    parser.transport.request.headers = None  # type: ignore[assignment]  # 400 bytes that nobody reads
    parser.room_bytes = room_bytes(parser)
    return parser


def feed(parser: Parser, data: memoryview) -> int:
    """Hand over bytes that something else has read, as many as the parser has room for; how many they were."""
    room = parser.get_buffer(-1)
    size = min(len(room), len(data))
    room[:size] = data[:size]
    parser.buffer_updated(size)
    return size


def silence(parser: Parser) -> None:
    """From now on picows writes nothing on this connection, whatever it is told."""
    WSProtocol.connection_lost(parser, None)


class Surroundings:
    """What picows sees of the world: logger, TCP transport, socket and the factory of its listener, all in one."""

    __slots__ = ("_relay", "owner", "tcp")

    def __init__(self, tcp: asyncio.Transport, owner: Listener, relay: Relay) -> None:
        self.tcp = tcp
        self.owner = owner
        self._relay = relay

    def __call__(self, request: object) -> picows.WSUpgradeResponseWithListener:
        return picows.WSUpgradeResponseWithListener(_SWITCHED, self._relay)

    # The logger

    def isEnabledFor(self, level: int) -> bool:
        return False

    def info(self, message: str, *values: object) -> None: ...
    def debug(self, message: str, *values: object) -> None: ...
    def warning(self, message: str, *values: object) -> None: ...

    def error(self, message: str, *values: Any) -> None:
        code, detail = values[0][:2] if values and isinstance(values[0], tuple) else (1002, message)
        self.owner.parser_failed(int(code), str(detail))

    def exception(self, message: str, *values: object) -> None:
        if message.startswith("WS parser"):
            self.owner.parser_failed(1002, "frame that cannot be parsed")
        else:
            self.owner.listener_failed()

    # The TCP transport

    def get_extra_info(self, name: str) -> Any:
        if name == "socket":
            return self
        return self.tcp.get_extra_info(name) if name == "ssl_object" else None

    @property
    def get_write_buffer_size(self) -> Callable[[], int]:
        return self.tcp.get_write_buffer_size

    @property
    def write(self) -> Callable[[bytes], None]:
        return self.tcp.write

    @property
    def writelines(self) -> Callable[[list[bytes]], None]:
        return self.tcp.writelines

    def close(self) -> None: ...
    def abort(self) -> None: ...

    # The socket

    def fileno(self) -> int:
        return int(self.tcp.get_extra_info("socket").fileno())

    def setsockopt(self, *values: int) -> None: ...

    def getsockopt(self, *values: int) -> int:
        return 0


class _Switched:
    """The 101 as picows wants it; the real one was sent before."""

    status: Final = 101
    headers: Final[dict[str, str]] = {}

    def to_bytes(self) -> bytearray:
        return bytearray()


_SWITCHED: Final = cast("picows.WSUpgradeResponse", _Switched())
_get_buffer: Final = WSProtocol.get_buffer
_PING_STRATEGY: Final = picows.WSAutoPingStrategy.PING_WHEN_IDLE
_REQUEST: Final = (
    b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
