"""
What `picows_connection.py` relies on, though picows does not document it. If one of these fails after an upgrade of
picows, look there before anything else.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Callable
from typing import Any, cast

import picows
import pytest

from apistar.transports.picows_connection import READ_BYTES, Parser, close_parser, feed, open_parser
from tests.transports.wire import frame, until

INIT_PARAMETERS = (
    "host_port ws_path is_client_side ws_listener_factory logger disconnect_on_exception websocket_handshake_timeout "
    "enable_auto_ping auto_ping_idle_timeout auto_ping_reply_timeout auto_ping_strategy enable_auto_pong "
    "max_frame_size extra_headers read_buffer_init_size"
)


class TCP:
    """A transport that writes to a socket pair and remembers what picows asks for."""

    def __init__(self) -> None:
        self.ours, self.peers = socket.socketpair()
        self.ours.setblocking(False)
        self.peers.setblocking(False)
        self.calls: list[str] = []

    def get_extra_info(self, name: str) -> socket.socket | None:
        return self.ours if name == "socket" else None

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: bytes) -> None:
        self.calls.append(f"write {len(data)}")

    def writelines(self, data: list[bytes]) -> None:
        self.calls.append("writelines")

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")

    def written(self) -> bytes:
        try:
            return self.peers.recv(65536)
        except BlockingIOError:
            return b""


class Listener:
    """Remembers frames and failures, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        self.events.append((int(cast(int, frame.msg_type)), frame.get_payload_as_bytes(), frame.tail_size))
        if frame.get_payload_as_bytes() == b"raise":
            raise ValueError("a fault of the listener")

    def parser_failed(self, code: int, detail: str) -> None:
        self.events.append(("failed", code, detail))

    def listener_failed(self) -> None:
        self.events.append(("listener failed",))

    def eof_received(self) -> bool | None:
        self.events.append(("eof",))
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append(("lost", exc))

    def pause_writing(self) -> None:
        self.events.append(("pause",))

    def resume_writing(self) -> None:
        self.events.append(("resume",))


@pytest.fixture
async def opened() -> Any:
    tcp, listener = TCP(), Listener()
    parser = open_parser(cast(asyncio.Transport, tcp), listener, 1000)
    yield parser, listener, tcp
    tcp.ours.close()
    tcp.peers.close()


Opened = tuple[Parser, Listener, TCP]


def test_picows_has_the_constructor_that_we_call() -> None:
    signature = inspect.signature(Parser.__init__)
    names = " ".join(name for name in signature.parameters if name != "self")
    assert names in (INIT_PARAMETERS, "args kwargs"), "picows' WSProtocol takes other arguments"


async def test_picows_is_open_after_our_constant_request_and_writes_nothing(opened: Opened) -> None:
    parser, listener, tcp = opened
    assert parser.owner is listener
    assert parser.transport.underlying_transport is not None
    assert tcp.written() == b""
    assert not [call for call in tcp.calls if call != "write 0"]


async def test_picows_has_a_small_buffer_and_no_dictionary(opened: Opened) -> None:
    parser, _, _ = opened
    assert len(parser.get_buffer(-1)) <= 2048
    assert not hasattr(parser, "__dict__")


async def test_picows_hands_over_frames_and_says_how_much_stands_behind_them(opened: Opened) -> None:
    parser, listener, _ = opened
    data = frame(0x81, b"one") + frame(0x82, b"two") + b"\x81"
    assert feed(parser, memoryview(data)) == len(data)
    assert listener.events == [(1, b"one", 10), (2, b"two", 1)]


async def test_picows_gives_the_bits_of_a_frame() -> None:
    class Bits(Listener):
        def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
            self.events.append((frame.fin, frame.rsv1, frame.rsv2, frame.rsv3, frame.payload_size))

    tcp, listener = TCP(), Bits()
    parser = open_parser(cast(asyncio.Transport, tcp), listener, 1000)
    feed(parser, memoryview(frame(0x52, b"abc")))
    assert listener.events == [(0, 1, 0, 1, 3)]
    tcp.ours.close()
    tcp.peers.close()


async def test_picows_sends_a_frame_for_an_integer_opcode(opened: Opened) -> None:
    parser, _, tcp = opened
    send = cast(Callable[[int, str | bytes], None], parser.transport.send)
    send(1, "ü")
    send(2, b"b")
    assert tcp.written() == b"\x81\x02\xc3\xbc\x82\x01b"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\x83\x80\x00\x00\x00\x00", 1002),
        (b"\x82\x01x", 1002),
        (frame(0x82, b"x" * 1001), 1009),
        (frame(0x88, b"\x03\xe8\xff"), 1007),
    ],
)
async def test_picows_tells_its_logger_of_an_error_delivers_the_frame_before_and_writes_nothing(
    opened: Opened, sent: bytes, code: int
) -> None:
    from apistar.transports.picows_connection import silence

    parser, listener, tcp = opened
    failed = listener.parser_failed

    def silencing(code: int, detail: str) -> None:
        silence(parser)
        failed(code, detail)

    listener.parser_failed = silencing  # type: ignore[method-assign]  # seen by picows only when it fails
    feed(parser, memoryview(frame(0x81, b"before") + sent))
    assert [event[:2] for event in listener.events] == [("failed", code), (1, b"before")]
    assert tcp.written() == b""
    await asyncio.sleep(0.05)  # picows disconnects 10 ms after an error
    assert "close" not in tcp.calls
    assert "abort" not in tcp.calls


async def test_picows_tells_its_logger_of_a_fault_in_the_listener(opened: Opened) -> None:
    parser, listener, tcp = opened
    feed(parser, memoryview(frame(0x81, b"raise")))
    assert listener.events[-1] == ("listener failed",)
    assert tcp.written() == b""


async def test_picows_hands_on_the_events_of_tcp(opened: Opened) -> None:
    parser, listener, _ = opened
    parser.pause_writing()
    parser.resume_writing()
    parser.eof_received()
    parser.connection_lost(None)
    assert listener.events == [("pause",), ("resume",), ("eof",), ("lost", None)]


async def test_picows_keeps_nothing_once_the_parser_is_let_go() -> None:
    import gc
    import weakref

    tcp, listener = TCP(), Listener()
    parser = open_parser(cast(asyncio.Transport, tcp), listener, 1000)
    feed(parser, memoryview(frame(0x81, b"one")))
    reference = weakref.ref(listener)
    parser.connection_lost(None)
    close_parser(parser)
    del parser, listener

    def gone() -> bool:
        gc.collect()
        return reference() is None

    await until(gone, "the listener is collected")
    tcp.ours.close()
    tcp.peers.close()


async def test_picows_is_given_a_part_of_its_room_for_one_read() -> None:
    tcp, listener = TCP(), Listener()
    parser = open_parser(cast(asyncio.Transport, tcp), listener, 1_000_000)
    rooms = []
    sent = memoryview(frame(0x82, bytes(1_000_000)))
    while sent:
        rooms.append(len(parser.get_buffer(-1)))
        sent = sent[feed(parser, sent) :]
    assert max(rooms) == READ_BYTES
    assert len(listener.events) == 1
    tcp.ours.close()
    tcp.peers.close()


async def test_parser_that_is_as_new_serves_the_next_connection() -> None:
    first_tcp, first = TCP(), Listener()
    parser = open_parser(cast(asyncio.Transport, first_tcp), first, 1001)
    feed(parser, memoryview(frame(0x81, b"one")))
    close_parser(parser)

    second_tcp, second = TCP(), Listener()
    again = open_parser(cast(asyncio.Transport, second_tcp), second, 1001)
    assert again is parser
    feed(again, memoryview(frame(0x81, b"two") + b"\x83"))
    send = cast(Callable[[int, str | bytes], None], again.transport.send)
    send(2, b"b")
    assert first.events == [(1, b"one", 0)]
    assert second.events == [(1, b"two", 1)]
    assert (first_tcp.written(), second_tcp.written()) == (b"", b"\x82\x01b")

    close_parser(again)  # half a frame is in it
    third = open_parser(cast(asyncio.Transport, first_tcp), Listener(), 1001)
    assert third is not parser
    other_size = open_parser(cast(asyncio.Transport, first_tcp), Listener(), 1002)
    assert other_size is not third
    for tcp in (first_tcp, second_tcp):
        tcp.ours.close()
        tcp.peers.close()
