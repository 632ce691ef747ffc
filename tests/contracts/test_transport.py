"""
The contract of `transports/transport.py`, over every transport that there is.

Each test has a real connection: the transport at one end, a client in bytes at the other. What a server cannot do is a
missing capability, and the tests of that capability leave it out.
"""

from __future__ import annotations

import asyncio
import gc
import weakref
import zlib
from collections.abc import Callable

import pytest

from apistar.exceptions import OutboxFull, WebSocketDisconnect
from apistar.limits import DEFAULTS, Limits
from apistar.observer import Observer
from apistar.transports.transport import Capability, Ending, Initiator, Prepared
from tests.contracts.carriers import CANCELLING, CARRIERS, CODES, HEADERS, Carrier, Pair, ended
from tests.transports.wire import TIME_LIMIT_S, frame, until

BINARY, TEXT, CLOSE = 0x82, 0x81, 0x88


@pytest.fixture(params=CARRIERS, ids=lambda carrier: carrier.name)
def carrier(request: pytest.FixtureRequest) -> Carrier:
    chosen: Carrier = request.param
    return chosen


def over(able: Callable[[Carrier], bool]) -> pytest.MarkDecorator:
    """Leave out the servers that cannot do what a test is about."""
    found = [carrier for carrier in CARRIERS if able(carrier)]
    return pytest.mark.parametrize("carrier", found, ids=lambda carrier: carrier.name)


async def receive(pair: Pair) -> str | bytes:
    async with asyncio.timeout(TIME_LIMIT_S):
        message: str | bytes = await pair.transport.receive()
    return message


# Capabilities


async def test_transport_has_the_capabilities_that_are_written_of_its_server(carrier: Carrier) -> None:
    async with carrier.pair() as pair:
        assert pair.transport.capabilities == carrier.capabilities


# The handshake


async def test_transport_that_accepts_answers_with_101_and_the_subprotocol(carrier: Carrier) -> None:
    async with carrier.pair(None, None, b"Sec-WebSocket-Protocol: chat, json") as pair:
        await pair.transport.accept("json", [(b"x-room", b"42")])
        head = (await pair.client.read_head()).lower()
        assert head.startswith(b"http/1.1 101 ")
        assert b"\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n" in head
        assert b"\r\nsec-websocket-protocol: json\r\n" in head
        assert HEADERS in carrier.lacks or b"\r\nx-room: 42\r\n" in head


async def test_transport_that_rejects_answers_with_http(carrier: Carrier) -> None:
    async with carrier.pair() as pair:
        await pair.transport.reject(429, [(b"retry-after", b"7")], b"later")
        head = (await pair.client.read_head()).lower()
        if Capability.DENIAL_RESPONSE in pair.transport.capabilities:
            assert head.startswith(b"http/1.1 429 ")
            assert b"\r\nretry-after: 7\r\n" in head
            assert (await pair.client.reader.readuntil(b"later")).count(b"later") == 1  # in chunks on some servers
        else:
            assert head.startswith(b"http/1.1 403 ")
        assert pair.endings == []


async def test_transport_whose_client_left_before_cannot_accept(carrier: Carrier) -> None:
    async with carrier.pair() as pair:
        pair.client.vanish()
        with pytest.raises(WebSocketDisconnect):
            async with asyncio.timeout(TIME_LIMIT_S):
                if Capability.ABORT in pair.transport.capabilities:
                    await until(lambda: pair.transport.ending is not None, "the loss is known")
                await pair.transport.accept(None, ())
                await pair.transport.receive()  # a server may learn of the loss by answering
        assert len(pair.endings) == 1
        assert CODES in carrier.lacks or pair.endings[0].code == 1006


# Receiving


async def test_reader_gets_messages_of_both_kinds_in_order(carrier: Carrier) -> None:
    async with carrier.pair() as pair:
        await pair.accept()
        pair.client.send(frame(TEXT, b"one") + frame(BINARY, b"two") + frame(TEXT, "drei ü".encode()) + frame(TEXT))
        assert [await receive(pair) for _ in range(4)] == ["one", b"two", "drei ü", ""]
        assert pair.transport.receive_nowait() is None


async def test_reader_that_waits_is_woken_by_a_message(carrier: Carrier) -> None:
    async with carrier.pair() as pair:
        await pair.accept()
        reader = asyncio.ensure_future(receive(pair))
        await asyncio.sleep(0)
        pair.client.send(frame(TEXT, b"now"))
        assert await reader == "now"


@over(lambda carrier: CANCELLING not in carrier.lacks)
async def test_reader_that_is_cancelled_loses_nothing(carrier: Carrier) -> None:
    async with carrier.pair() as pair:
        await pair.accept()
        reader = asyncio.ensure_future(receive(pair))
        await asyncio.sleep(0)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        pair.client.send(frame(TEXT, b"still here"))
        assert await receive(pair) == "still here"


@over(lambda carrier: CANCELLING not in carrier.lacks)
async def test_reader_that_is_cancelled_while_a_message_comes_loses_nothing(carrier: Carrier) -> None:
    async with carrier.pair() as pair:
        await pair.accept()
        for number in range(20):
            reader = asyncio.ensure_future(receive(pair))
            await asyncio.sleep(0)
            pair.client.send(frame(TEXT, b"%d" % number))
            for _ in range(number):
                await asyncio.sleep(0)
            reader.cancel()
            try:
                message = await reader
            except asyncio.CancelledError:
                message = await receive(pair)
            assert message == str(number)


@over(lambda carrier: CODES not in carrier.lacks)
async def test_reader_gets_messages_that_came_before_the_end_and_then_the_ending_every_time(carrier: Carrier) -> None:
    async with carrier.pair() as pair:
        await pair.accept()
        pair.client.send(frame(TEXT, b"one") + frame(TEXT, b"two") + frame(CLOSE, b"\x0f\xa0bye"))
        await ended(pair)
        assert [await receive(pair), await receive(pair)] == ["one", "two"]
        for _ in range(2):
            with pytest.raises(WebSocketDisconnect, match="4000: bye"):
                await receive(pair)
            with pytest.raises(WebSocketDisconnect, match="4000: bye"):
                pair.transport.receive_nowait()


@over(lambda carrier: CODES not in carrier.lacks)
async def test_reader_that_waits_is_woken_by_the_end(carrier: Carrier) -> None:
    async with carrier.pair(Limits(close_timeout_s=0.2)) as pair:
        await pair.accept()
        reader = asyncio.ensure_future(receive(pair))
        await asyncio.sleep(0)
        await pair.transport.close(1000, "")
        with pytest.raises(WebSocketDisconnect, match="1000"):
            await reader


async def test_message_larger_than_the_limit_ends_with_1009(carrier: Carrier) -> None:
    async with carrier.pair(Limits(max_message_bytes=100)) as pair:
        await pair.accept()
        pair.client.send(frame(BINARY, b"x" * 101))
        reader = asyncio.ensure_future(receive(pair))
        with pytest.raises(WebSocketDisconnect, match="max_message_bytes of 100"):
            await reader
        assert (await pair.client.read_close())[0] == 1009
        assert (await ended(pair)).initiator is Initiator.LOCAL


# Sending


@pytest.mark.parametrize(
    ("data", "text", "first", "payload"),
    [
        ("grün", True, TEXT, "grün".encode()),
        (b'{"a":1}', True, TEXT, b'{"a":1}'),
        (b"\x00\xff", False, BINARY, b"\x00\xff"),
        (bytearray(b"ab"), False, BINARY, b"ab"),
        (memoryview(b"abcd")[1:3], False, BINARY, b"bc"),
        (b"", False, BINARY, b""),
        ("x" * 70_000, True, TEXT, b"x" * 70_000),
        (bytearray(b"y" * 9_000), False, BINARY, b"y" * 9_000),
    ],
)
async def test_sender_sends_what_it_says(
    carrier: Carrier, data: str | bytes | bytearray | memoryview, text: bool, first: int, payload: bytes
) -> None:
    if isinstance(data, bytearray):
        data = bytearray(data)  # this test's own
    async with carrier.pair() as pair:
        await pair.accept()
        waiting = pair.transport.send(data, text)
        if waiting is not None:
            await waiting
        if isinstance(data, bytearray):
            data[:] = bytes(len(data))  # what was taken is not what happens to it later
        assert await pair.client.read_frame() == (first, payload)


async def test_messages_of_several_tasks_leave_in_call_order(carrier: Carrier) -> None:
    async with carrier.pair() as pair:
        await pair.accept()

        async def sender(number: int) -> None:
            waiting = pair.transport.send(b"%d" % number, False)
            if waiting is not None:
                await waiting

        async with asyncio.TaskGroup() as tasks:
            for number in range(50):
                tasks.create_task(sender(number))
        assert [await pair.client.read_frame() for _ in range(50)] == [(BINARY, b"%d" % n) for n in range(50)]


@over(lambda carrier: CODES not in carrier.lacks)
async def test_sender_after_the_end_gets_the_ending(carrier: Carrier) -> None:
    async with carrier.pair() as pair:
        await pair.accept()
        pair.client.send(frame(CLOSE, b"\x03\xe9"))
        await ended(pair)
        with pytest.raises(WebSocketDisconnect, match="1001"):
            waiting = pair.transport.send(b"late", False)
            if waiting is not None:
                await waiting
        with pytest.raises(WebSocketDisconnect, match="1001"):
            pair.transport.send_nowait(b"late", False)


async def writable(pair: Pair) -> None:
    """Nothing that was sent before waits any more."""
    told = asyncio.Event()
    pair.transport.call_when_writable(told.set)
    async with asyncio.timeout(TIME_LIMIT_S):
        await told.wait()


async def fill(pair: Pair, size_bytes: int = 100_000) -> int:
    """Send until the client, who does not read, makes the transport wait; the number of messages it took."""
    for number in range(10_000):
        try:
            pair.transport.send_nowait(b"%08d" % number + bytes(size_bytes), False)
        except OutboxFull:
            return number
    raise AssertionError("the outbox never filled")


@over(lambda carrier: Capability.WRITE_PRESSURE in carrier.capabilities)
async def test_sender_that_does_not_wait_is_told_of_a_full_outbox(carrier: Carrier) -> None:
    async with carrier.pair(Limits(outbox_bytes=500_000)) as pair:
        await pair.accept()
        taken = await fill(pair)
        assert 0 < pair.transport.waiting_bytes <= 500_000
        with pytest.raises(OutboxFull, match="outbox is full"):
            pair.transport.send_nowait(bytes(500_000), False)
        for number in range(taken):
            first, payload = await pair.client.read_frame()
            assert (first, payload[:8]) == (BINARY, b"%08d" % number)
        await until(lambda: pair.transport.waiting_bytes == 0, "the outbox is empty")


@over(lambda carrier: Capability.WRITE_PRESSURE in carrier.capabilities)
async def test_senders_that_wait_are_served_in_order_and_a_cancelled_one_queued_nothing(carrier: Carrier) -> None:
    async with carrier.pair(Limits(outbox_bytes=500_000)) as pair:
        await pair.accept()
        taken = await fill(pair)

        async def sender(name: bytes) -> None:
            waiting = pair.transport.send(name + bytes(99_000), False)
            assert waiting is not None, "the outbox is full"
            await waiting

        tasks = [asyncio.ensure_future(sender(name)) for name in (b"a", b"b", b"c", b"d")]
        await asyncio.sleep(0)
        tasks[1].cancel()
        with pytest.raises(OutboxFull):
            pair.transport.send_nowait(b"overtaking", False)
        for _ in range(taken):
            await pair.client.read_frame()
        names = [(await pair.client.read_frame())[1][:1] for _ in range(3)]
        assert names == [b"a", b"c", b"d"]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(result, asyncio.CancelledError) for result in results] == [False, True, False, False]
        pair.transport.send_nowait(b"last", False)
        assert await pair.client.read_frame() == (BINARY, b"last")


@over(lambda carrier: Capability.WRITE_PRESSURE in carrier.capabilities)
async def test_sender_that_waits_is_released_by_the_end(carrier: Carrier) -> None:
    async with carrier.pair(Limits(outbox_bytes=500_000)) as pair:
        await pair.accept()
        await fill(pair)
        waiting = pair.transport.send(bytes(400_000), False)
        assert waiting is not None
        sender = asyncio.ensure_future(waiting)
        await asyncio.sleep(0)
        pair.client.vanish()
        with pytest.raises(WebSocketDisconnect):
            async with asyncio.timeout(TIME_LIMIT_S):
                await sender


@over(lambda carrier: (Capability.ABORT | Capability.WRITE_PRESSURE) in carrier.capabilities)
async def test_client_that_never_reads_is_reset_after_send_timeout_s(carrier: Carrier) -> None:
    async with carrier.pair(Limits(outbox_bytes=500_000, send_timeout_s=0.2)) as pair:
        await pair.accept()
        # Not `fill()`: TCP may still take something after that, and who does not try again is not in its way.
        with pytest.raises(WebSocketDisconnect):
            async with asyncio.timeout(TIME_LIMIT_S):
                while True:
                    waiting = pair.transport.send(bytes(100_000), False)
                    if waiting is not None:
                        await waiting
        ending = await ended(pair)
        assert (ending.code, ending.reason) == (1013, "the outbox did not move for 0.2 s")
        assert await pair.client.is_reset()


# What goes to many


async def test_prepared_messages_arrive_in_order_between_others(carrier: Carrier) -> None:
    big = bytes(70_000)
    async with carrier.pair() as one, carrier.pair() as other:
        for pair in (one, other):
            await pair.accept()
            pair.transport.send_nowait(b"before", False)
            await writable(pair)
        few = Prepared([("ü".encode(), True), (b"\x00", False), (big, False), (b"", True)])
        single = Prepared([(b"single", True)])
        for pair in (one, other):
            assert pair.transport.send_prepared(single)
            await writable(pair)
            assert pair.transport.send_prepared(few)
        for pair in (one, other):
            frames = [await pair.client.read_frame() for _ in range(6)]
            assert frames == [
                (BINARY, b"before"),
                (TEXT, b"single"),
                (TEXT, "ü".encode()),
                (BINARY, b"\x00"),
                (BINARY, big),
                (TEXT, b""),
            ]


@over(lambda carrier: Capability.COMPRESSION in carrier.capabilities)
async def test_prepared_messages_are_compressed_for_each_connection(carrier: Carrier) -> None:
    offer = b"Sec-WebSocket-Extensions: permessage-deflate"
    text = b"a word, and a word, " * 20
    async with carrier.pair(Limits(compression=True), None, offer) as pair, carrier.pair() as plain:
        await pair.accept()
        await plain.accept()
        prepared = Prepared([(text, True), (text, True)])
        assert plain.transport.send_prepared(prepared)
        assert pair.transport.send_prepared(prepared)
        assert [await plain.client.read_frame() for _ in range(2)] == [(TEXT, text)] * 2
        inflate = zlib.decompressobj(-15)
        for _ in range(2):
            first, payload = await pair.client.read_frame()
            assert first == TEXT | 0x40
            assert len(payload) < len(text)
            assert inflate.decompress(payload + b"\x00\x00\xff\xff") == text


@over(lambda carrier: Capability.WRITE_PRESSURE in carrier.capabilities)
async def test_prepared_messages_are_refused_while_something_waits_and_its_end_is_told_once(carrier: Carrier) -> None:
    async with carrier.pair(Limits(outbox_bytes=500_000)) as pair:
        await pair.accept()
        taken = await fill(pair)
        calls: list[str] = []
        prepared = Prepared([(b"late", False)])
        assert not pair.transport.send_prepared(prepared)
        pair.transport.call_when_writable(lambda: calls.append("replaced"))
        pair.transport.call_when_writable(lambda: calls.append("writable"))
        await asyncio.sleep(0)
        assert calls == []
        for _ in range(taken):
            await pair.client.read_frame()
        await until(lambda: bool(calls), "it is writable")
        assert pair.transport.send_prepared(prepared)
        assert await pair.client.read_frame() == (BINARY, b"late")
        assert calls == ["writable"]


async def test_connection_that_is_writable_says_so_at_once_and_after_the_end_never(carrier: Carrier) -> None:
    async with carrier.pair() as pair:
        await pair.accept()
        calls: list[str] = []
        pair.transport.call_when_writable(lambda: calls.append("open"))
        assert calls == []
        await until(lambda: calls == ["open"], "it is writable")
        pair.transport.call_when_writable(lambda: calls.append("aborted"))
        pair.transport.abort()
        pair.transport.call_when_writable(lambda: calls.append("over"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert calls == ["open"]
        with pytest.raises(WebSocketDisconnect):
            pair.transport.send_prepared(Prepared([(b"x", True)]))


# Ending


@over(lambda carrier: CODES not in carrier.lacks)
async def test_peer_that_closes_is_the_one_who_ended_it(carrier: Carrier) -> None:
    async with carrier.pair() as pair:
        await pair.accept()
        pair.client.send(frame(CLOSE, b"\x0b\xb8why not"))
        assert await ended(pair) == Ending(3000, "why not", Initiator.PEER)
        assert (await pair.client.read_close())[0] == 3000
        await pair.client.read_eof()
        assert pair.endings == [Ending(3000, "why not", Initiator.PEER)]


@over(lambda carrier: CODES not in carrier.lacks)
async def test_peer_that_closes_without_a_code_ends_with_1005(carrier: Carrier) -> None:
    async with carrier.pair() as pair:
        await pair.accept()
        pair.client.send(frame(CLOSE))
        assert (await ended(pair)).code == 1005


@pytest.mark.parametrize("leave", [lambda pair: pair.client.vanish(), lambda pair: pair.client.writer.close()])
@over(lambda carrier: CODES not in carrier.lacks)
async def test_peer_that_leaves_without_a_close_ends_with_1006(carrier: Carrier, leave: Callable[[Pair], None]) -> None:
    async with carrier.pair() as pair:
        await pair.accept()
        leave(pair)
        assert (await ended(pair)).code == 1006
        assert [ending.code for ending in pair.endings] == [1006]


async def test_transport_that_closes_says_code_and_reason_and_ends_once(carrier: Carrier) -> None:
    async with carrier.pair() as pair:
        await pair.accept()
        closing = asyncio.ensure_future(pair.transport.close(4001, "enough"))
        assert await pair.client.read_close() == (4001, "enough")
        # A server with threads of its own sends it before the application's task goes on.
        await until(lambda: pair.endings == [Ending(4001, "enough", Initiator.LOCAL)], "it is over")
        pair.client.send(frame(TEXT, b"ignored") + frame(CLOSE, b"\x0f\xa1"))
        await closing
        await pair.transport.close(1000, "again")
        pair.transport.abort()
        assert pair.endings == [Ending(4001, "enough", Initiator.LOCAL)]
        assert pair.transport.ending == Ending(4001, "enough", Initiator.LOCAL)
        if await pair.client.is_reset():
            assert carrier.name == "granian"  # its threads may end TCP before they have read the answer


@over(lambda carrier: Capability.WRITE_PRESSURE in carrier.capabilities)
async def test_transport_that_closes_sends_what_was_taken_before(carrier: Carrier) -> None:
    async with carrier.pair() as pair:
        await pair.accept()
        taken = await fill(pair)
        closing = asyncio.ensure_future(pair.transport.close(1000, ""))
        for number in range(taken):
            assert (await pair.client.read_frame())[1][:8] == b"%08d" % number
        assert await pair.client.read_close() == (1000, "")
        pair.client.send(frame(CLOSE, b"\x03\xe8"))
        await closing


async def test_transport_that_aborts_ends_with_the_code_given(carrier: Carrier) -> None:
    async with carrier.pair() as pair:
        await pair.accept()
        pair.transport.abort(1013, "too slow")
        assert pair.endings == [Ending(1013, "too slow", Initiator.LOCAL)]
        if Capability.ABORT in pair.transport.capabilities:
            assert await pair.client.is_reset()


async def test_everybody_who_waits_for_the_end_is_told(carrier: Carrier) -> None:
    async with carrier.pair() as pair:
        await pair.accept()
        waiters = [asyncio.ensure_future(pair.transport.wait_closed()) for _ in range(3)]
        await asyncio.sleep(0)
        waiters[0].cancel()
        pair.client.send(frame(CLOSE, b"\x03\xe8"))
        await asyncio.wait_for(asyncio.gather(*waiters[1:]), TIME_LIMIT_S)
        await asyncio.wait_for(pair.transport.wait_closed(), TIME_LIMIT_S)


@over(lambda carrier: CODES not in carrier.lacks)
async def test_transport_keeps_nothing_after_the_end(carrier: Carrier) -> None:

    class Application:
        def on_end(self, ending: Ending) -> None:
            self.ending = ending

    async with carrier.pair() as pair:
        application = Application()
        pair.transport.bind(application.on_end, DEFAULTS, None, "/")
        await pair.accept()
        pair.client.send(frame(CLOSE, b"\x03\xe8"))
        await ended(pair)
        assert application.ending.code == 1000
        reference = weakref.ref(application)
        del application
        gc.collect()
        assert reference() is None


# The observer


class Recorder(Observer):
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []

    def opened(self, route: str) -> None:
        self.events.append(("opened", route))

    def closed(self, route: str, code: int) -> None:
        self.events.append(("closed", route, code))

    def received(self, route: str, size_bytes: int) -> None:
        self.events.append(("received", route, size_bytes))

    def sent(self, route: str, size_bytes: int) -> None:
        self.events.append(("sent", route, size_bytes))

    def dropped(self, route: str, messages: int) -> None:
        self.events.append(("dropped", route, messages))

    def refused(self, route: str, status: int) -> None:
        self.events.append(("refused", route, status))


@over(lambda carrier: CODES not in carrier.lacks)
async def test_observer_sees_a_connection_from_its_handshake_to_its_end(carrier: Carrier) -> None:
    recorder = Recorder()
    async with carrier.pair(None, recorder) as pair:
        await pair.accept()
        pair.client.send(frame(TEXT, b"abc"))
        await receive(pair)
        waiting = pair.transport.send(b"xy", False)
        if waiting is not None:
            await waiting
        await pair.client.read_frame()
        pair.client.send(frame(CLOSE, b"\x03\xe9"))
        await ended(pair)
        assert recorder.events == [
            ("opened", "/"),
            ("received", "/", 3),
            ("sent", "/", 2),
            ("closed", "/", 1001),
        ]


async def test_observer_sees_prepared_messages(carrier: Carrier) -> None:
    recorder = Recorder()
    async with carrier.pair(None, recorder) as pair:
        await pair.accept()
        assert pair.transport.send_prepared(Prepared([(b"abc", True), (b"d", False)]))
        assert [await pair.client.read_frame() for _ in range(2)] == [(TEXT, b"abc"), (BINARY, b"d")]
        assert recorder.events == [("opened", "/"), ("sent", "/", 3), ("sent", "/", 1)]


async def test_observer_sees_a_refusal(carrier: Carrier) -> None:
    recorder = Recorder()
    async with carrier.pair(None, recorder) as pair:
        await pair.transport.reject(403, (), b"")
        await pair.client.read_head()
        assert recorder.events == [("refused", "/", 403)]


@over(lambda carrier: Capability.WRITE_PRESSURE in carrier.capabilities)
async def test_observer_sees_what_is_dropped(carrier: Carrier) -> None:
    recorder = Recorder()
    async with carrier.pair(Limits(outbox_bytes=500_000), recorder) as pair:
        await pair.accept()
        await fill(pair)
        assert recorder.events[-1] == ("dropped", "/", 1)
        pair.transport.abort()
        kinds = [event[0] for event in recorder.events]
        assert kinds[-2:] == ["dropped", "closed"]
        assert recorder.events[-2][2] != 0
