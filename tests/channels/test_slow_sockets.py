"""
Sockets that read slowly, fail or leave in the middle: each has its own outbox and policy, and nobody else notices.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import Any

import msgspec
import pytest
from starlette.requests import HTTPConnection

from apistar import WebSocket
from apistar.channels import (
    Channel,
    ChannelLimits,
    History,
    Hub,
    MemoryBroker,
    Policy,
    conflate,
    disconnect,
    drop_oldest,
)
from apistar.channels.policy import BATCH_MESSAGES
from apistar.exceptions import PublicationsLost, UsageError
from apistar.limits import Limits
from apistar.observer import Observer
from apistar.transports.native import NativeTransport
from apistar.transports.transport import Prepared
from tests.channels.simulation import FakeTransport, socket
from tests.transports.wire import serving, until


class Price(msgspec.Struct):
    symbol: str
    cents: int


class Prices(Channel[Price]):
    topic = "prices"


class Lines(Channel[str]):
    topic = "lines"


class Kept(Channel[str]):
    topic = "kept"
    history = History(size=1000)


class Counting(Observer):
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def published(self, channel: str, size_bytes: int) -> None:
        self.counts[f"{channel} published"] += 1

    def delivered(self, channel: str, deliveries: int) -> None:
        self.counts[f"{channel} delivered"] += deliveries

    def undelivered(self, channel: str, messages: int) -> None:
        self.counts[f"{channel} undelivered"] += messages


@pytest.fixture
def observer() -> Counting:
    return Counting()


@pytest.fixture
def hub(observer: Counting) -> Hub:
    return Hub(MemoryBroker(), ChannelLimits(outbox_messages=4, outbox_bytes=100), observer)


async def turn() -> None:
    """What was published in this turn of the loop is handed on in the next."""
    await asyncio.sleep(0)


def texts(transport: FakeTransport) -> list[str]:
    return [payload.decode() for payload in transport.taken]


# Batches


async def test_publications_of_one_turn_are_written_together(hub: Hub) -> None:
    websocket, transport = await socket()
    async with Lines(hub).join(websocket):
        for number in range(3):
            await Lines(hub).publish(str(number))
        await turn()
        await Lines(hub).publish("3")
        await turn()
    assert texts(transport) == ["0", "1", "2", "3"]
    assert transport.batches == [3, 1]


async def test_publication_is_framed_once_for_each_codec_however_many_sockets(hub: Hub) -> None:
    framed: list[Prepared] = []

    class Counting(FakeTransport):
        def send_prepared(self, prepared: Prepared) -> bool:
            framed.append(prepared)
            return super().send_prepared(prepared)

    async with contextlib.AsyncExitStack() as stack:
        for _ in range(50):
            websocket, _ = await socket(Counting())
            await stack.enter_async_context(Lines(hub).join(websocket))
        for text in ("a", "b"):
            await Lines(hub).publish(text)
            await turn()
    assert len(framed) == 100
    assert len({id(prepared) for prepared in framed}) == 2, "the same bytes for all"


async def test_burst_is_cut_into_batches_of_bounded_size(hub: Hub) -> None:
    websocket, transport = await socket()
    async with Lines(hub).join(websocket):
        for number in range(BATCH_MESSAGES * 2 + 5):
            await Lines(hub).publish(str(number))
        assert transport.batches == [BATCH_MESSAGES] * 2
    assert len(transport.taken) == BATCH_MESSAGES * 2 + 5, "who leaves gets what came before"


async def test_socket_that_joins_between_gets_nothing_that_came_before(hub: Hub) -> None:
    first, one = await socket()
    second, other = await socket()
    async with Lines(hub).join(first):
        await Lines(hub).publish("before")
        async with Lines(hub).join(second):
            await Lines(hub).publish("after")
        await Lines(hub).publish("late")
        await turn()
    assert texts(one) == ["before", "after", "late"]
    assert texts(other) == ["after"]


# Policies


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (drop_oldest, ["6", "7", "8", "9"]),
        (conflate(lambda text: int(text) % 3), ["9", "7", "8"]),
    ],
)
async def test_policy_acts_on_a_full_outbox(hub: Hub, observer: Counting, policy: Policy, expected: list[str]) -> None:
    slow, transport = await socket()
    healthy, other = await socket()
    async with Lines(hub).join(slow, policy=policy) as joined, Lines(hub).join(healthy):
        transport.blocked = True
        for number in range(10):
            await Lines(hub).publish(str(number))
            await turn()
        assert texts(other) == [str(number) for number in range(10)]
        transport.unblock()
        assert texts(transport) == expected
        assert joined.dropped == 10 - len(expected)
        assert observer.counts["lines undelivered"] == joined.dropped
        await Lines(hub).publish("10")
        await turn()
        assert texts(transport) == [*expected, "10"], "it is in the plain loop again"


async def test_outbox_is_bounded_in_bytes_too(hub: Hub) -> None:
    websocket, transport = await socket()
    async with Lines(hub).join(websocket, policy=drop_oldest):
        transport.blocked = True
        for letter in "abc":
            await Lines(hub).publish(letter * 60)
            await turn()
        transport.unblock()
        assert texts(transport) == ["c" * 60]


async def test_one_publication_larger_than_the_outbox_is_taken(hub: Hub) -> None:
    websocket, transport = await socket()
    async with Lines(hub).join(websocket):
        transport.blocked = True
        await Lines(hub).publish("x" * 500)
        await turn()
        transport.unblock()
        assert texts(transport) == ["x" * 500]


async def test_field_that_publications_do_not_have_is_refused_when_a_socket_joins(hub: Hub) -> None:
    websocket, _ = await socket()
    sentence = r"conflate\('simbol'\): Price has no field 'simbol'; its fields are symbol, cents"
    with pytest.raises(UsageError, match=sentence):
        Prices(hub).join(websocket, policy=conflate("simbol"))
    with pytest.raises(UsageError, match=sentence):
        Prices(hub).subscribe(policy=conflate("simbol"))


async def test_newest_price_per_symbol_is_kept_by_the_name_of_a_field(hub: Hub) -> None:
    websocket, transport = await socket()
    async with Prices(hub).join(websocket, policy=conflate("symbol")) as joined:
        transport.blocked = True
        for cents in range(5):
            for symbol in ("a", "b"):
                await Prices(hub).publish(Price(symbol, cents))
            await turn()
        transport.unblock()
    assert [msgspec.json.decode(payload, type=Price) for payload in transport.taken] == [Price("a", 4), Price("b", 4)]
    assert joined.dropped == 8


async def test_slow_socket_is_disconnected_by_default_and_others_are_not(hub: Hub, observer: Counting) -> None:
    slow, transport = await socket()
    healthy, other = await socket()
    async with Lines(hub).join(slow, policy=disconnect), Lines(hub).join(healthy):
        transport.blocked = True
        for number in range(10):
            await Lines(hub).publish(str(number))
            await turn()
        assert (slow.close_code, slow.close_reason) == (1013, "too slow for a channel")
        assert texts(other) == [str(number) for number in range(10)]
    assert observer.counts["lines undelivered"] == 5
    assert observer.counts["lines published"] == 10


async def test_loop_that_is_too_slow_for_its_policy_is_told(hub: Hub) -> None:
    async with Lines(hub).subscribe() as publications:
        for number in range(10):
            await Lines(hub).publish(str(number))
        await turn()
        with pytest.raises(PublicationsLost, match="publications of 'lines' are lost: the loop over them is too slow"):
            async for _ in publications:
                pass
    async with Lines(hub).subscribe(policy=drop_oldest) as publications:
        for number in range(10):
            await Lines(hub).publish(str(number))
        await turn()
        assert [(await anext(publications)).data for _ in range(4)] == ["6", "7", "8", "9"]
        assert publications.dropped == 6


async def test_history_longer_than_the_outbox_is_replayed_whole(hub: Hub) -> None:
    start = await Kept(hub).position()
    for number in range(300):
        await Kept(hub).publish(str(number))
    websocket, transport = await socket()
    async with Kept(hub).join(websocket, since=start) as joined:
        assert joined.recovered
    assert texts(transport) == [str(number) for number in range(300)]


# Faults


async def test_fault_of_one_socket_stays_with_it(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    broken, transport = await socket()
    healthy, other = await socket()
    transport.fault = RuntimeError("of the transport")
    async with Lines(hub).join(broken), Lines(hub).join(healthy):
        await Lines(hub).publish("x")
        await turn()
        assert texts(other) == ["x"]
        assert broken.close_code == 1011
    assert "cannot send to a socket of lines" in caplog.text


async def test_key_that_raises_ends_its_own_socket_only(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    def key(text: str) -> str:
        raise ValueError("no key")

    wrong, transport = await socket()
    healthy, other = await socket()
    async with Lines(hub).join(wrong, policy=conflate(key)), Lines(hub).join(healthy):
        transport.blocked = True
        await Lines(hub).publish("x")
        await turn()
        assert texts(other) == ["x"]
        assert wrong.close_code == 1011
    assert "no key" in caplog.text


async def test_publication_of_another_type_is_left_out_and_logged(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    async with Prices(hub).subscribe() as publications:
        await hub.broker.publish("prices", b"not json")
        await Prices(hub).publish(Price("a", 1))
        await turn()
        with pytest.raises(Exception, match="JSON"):
            await anext(publications)
        assert (await anext(publications)).data == Price("a", 1)


async def test_publishing_from_within_a_delivery_keeps_the_order(hub: Hub) -> None:
    websocket, transport = await socket()
    async with Lines(hub).join(websocket), Lines(hub).subscribe() as publications:

        async def answer() -> None:
            async for publication in publications:
                if publication.data.isdigit() and int(publication.data) < 5:
                    await Lines(hub).publish(str(int(publication.data) + 1))
                elif publication.data == "5":
                    return

        answering = asyncio.ensure_future(answer())
        await Lines(hub).publish("0")
        await answering
        await turn()
    assert texts(transport) == ["0", "1", "2", "3", "4", "5"]


# The real thing


async def test_slow_reader_does_not_delay_others_over_tcp() -> None:
    """A client that reads nothing, among others that do: theirs arrive all, and its memory is bounded."""
    hub = Hub(MemoryBroker(), ChannelLimits(outbox_messages=20, outbox_bytes=200_000))
    finished = asyncio.Event()
    seats: list[Any] = []

    async def follow(native: NativeTransport) -> None:
        websocket: WebSocket[Any, Any] = WebSocket(native, HTTPConnection({"type": "websocket", "path": "/"}))
        native._on_end = websocket.on_end
        websocket._state = type(websocket.state).CONNECTED
        async with Lines(hub).join(websocket, policy=drop_oldest) as seat:
            seats.append(seat)
            await finished.wait()

    async with serving(Limits(), follow) as server:
        slow = await server.open(receive_buffer_bytes=4096)
        clients = [await server.open() for _ in range(3)]
        await until(lambda: len(seats) == 4, "everybody joined")

        seen: list[list[int]] = [[] for _ in clients]

        async def read(client: Any, numbers: list[int]) -> None:
            for _ in range(600):
                numbers.append(int((await client.read_frame())[1][:4]))

        readers = [asyncio.ensure_future(read(*pair)) for pair in zip(clients, seen, strict=True)]
        for number in range(600):
            await Lines(hub).publish(f"{number:04d}" + "x" * 20_000)
            if number % 8 == 7:  # as fast as those who read can
                # No type of a lambda with defaults is inferred.
                await until(lambda number=number: all(len(numbers) > number for numbers in seen), "it is read")  # type: ignore[misc]
        await asyncio.gather(*readers)
        assert seen == [list(range(600))] * 3
        assert sum(seat.dropped for seat in seats) > 0
        waiting = [seat.outbox.size_bytes for seat in seats if seat.outbox is not None]
        assert waiting
        assert max(waiting) <= 200_000
        finished.set()
        slow.vanish()
    await hub.stop()
