"""
Order, bounds and time limits of the generic transport, on a server whose `send` waits for as long as a test wants.

The same promises of the native transport are in `tests/contracts/test_transport.py`, where a client does not read.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from apistar.exceptions import OutboxFull, WebSocketDisconnect
from apistar.limits import Limits
from apistar.transports import asgi
from apistar.transports.asgi import ASGITransport
from apistar.transports.transport import Ending
from apistar.types import Event
from tests.transports.wire import TIME_LIMIT_S, until


class SlowServer:
    """An ASGI server in memory; `open` lets messages pass."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.sent: list[str] = []
        self.waiting = 0
        self.taken = 0
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.events.put_nowait({"type": "websocket.connect"})

    async def receive(self) -> Event:
        event = await self.events.get()
        self.taken += event["type"] == "websocket.receive"
        return event

    async def send(self, event: Event) -> None:
        self.waiting += 1
        try:
            await self.open.wait()
        finally:
            self.waiting -= 1
        if event["type"] == "websocket.send":
            self.sent.append(event["text"])

    def say(self, text: str) -> None:
        self.events.put_nowait({"type": "websocket.receive", "text": text})

    def leave(self, code: int = 1001) -> None:
        self.events.put_nowait({"type": "websocket.disconnect", "code": code, "reason": ""})


async def opened(**limits: Any) -> tuple[SlowServer, ASGITransport, list[Ending]]:
    server = SlowServer()
    return server, *await opened_on(server, **limits)


async def opened_on(server: SlowServer, **limits: Any) -> tuple[ASGITransport, list[Ending]]:
    endings: list[Ending] = []
    transport = ASGITransport({"asgi": {"spec_version": "2.4"}}, server.receive, server.send)
    transport.bind(endings.append, Limits(**limits), None, "/")
    await transport.accept(None, ())
    return transport, endings


async def send(transport: ASGITransport, text: str) -> None:
    waiting = transport.send(text, True)
    if waiting is not None:
        await waiting


async def test_messages_of_several_tasks_leave_in_call_order() -> None:
    server, transport, _ = await opened()
    server.open.clear()
    tasks = [asyncio.ensure_future(send(transport, str(number))) for number in range(20)]
    await until(lambda: server.waiting == 1, "the first waits")
    server.open.set()
    await asyncio.gather(*tasks)
    await until(lambda: len(server.sent) == 20, "all are out")
    assert server.sent == [str(number) for number in range(20)]


async def test_full_outbox_makes_senders_wait_and_a_cancelled_one_queued_nothing() -> None:
    server, transport, _ = await opened(outbox_messages=2)
    server.open.clear()
    tasks = [asyncio.ensure_future(send(transport, name)) for name in "abcdefg"]
    await until(lambda: server.waiting == 1 and tasks[2].done(), "a is under way, b and c are queued")
    assert [task.done() for task in tasks] == [False, True, True, False, False, False, False]
    with pytest.raises(OutboxFull, match="2 messages of 2 bytes wait for the client"):
        transport.send_nowait("overtaking", True)
    tasks[4].cancel()
    server.open.set()
    results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), TIME_LIMIT_S)
    await until(lambda: len(server.sent) == 6, "all but the cancelled one are out")
    assert server.sent == list("abcdfg")
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [name == "e" for name in "abcdefg"]


async def test_outbox_is_bounded_in_bytes() -> None:
    server, transport, _ = await opened(outbox_bytes=10)
    server.open.clear()
    transport.send_nowait("x" * 10, True)
    await until(lambda: server.waiting == 1, "the first is under way")
    with pytest.raises(OutboxFull):
        transport.send_nowait("x", True)
    server.open.set()
    await until(lambda: transport.waiting_bytes == 0, "the outbox is empty")
    transport.send_nowait("y", True)
    await until(lambda: server.sent == ["x" * 10, "y"], "both are out")


async def test_send_that_takes_too_long_ends_the_connection_for_everybody() -> None:
    server, transport, endings = await opened(send_timeout_s=0.05, outbox_messages=1)
    server.open.clear()
    tasks = [asyncio.ensure_future(send(transport, name)) for name in "abc"]
    reader = asyncio.ensure_future(transport.receive())
    results = await asyncio.wait_for(asyncio.gather(*tasks, reader, return_exceptions=True), TIME_LIMIT_S)
    codes = [result.code if isinstance(result, WebSocketDisconnect) else result for result in results]
    assert codes == [1013, None, 1013, 1013]
    assert [ending.reason for ending in endings] == ["the outbox did not move for 0.05 s"]


async def test_senders_that_wait_learn_of_the_end() -> None:
    server, transport, endings = await opened(outbox_messages=1)
    server.open.clear()
    tasks = [asyncio.ensure_future(send(transport, name)) for name in "abc"]
    await until(lambda: server.waiting == 1 and tasks[1].done(), "a is under way, b is queued, c waits")
    waiter = asyncio.ensure_future(transport.wait_closed())
    server.leave(4001)
    await asyncio.wait_for(waiter, TIME_LIMIT_S)
    with pytest.raises(WebSocketDisconnect, match="4001"):
        await asyncio.wait_for(tasks[2], TIME_LIMIT_S)
    assert [ending.code for ending in endings] == [4001]
    server.open.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert server.sent in ([], ["a"])


async def test_who_reads_ahead_stops_at_the_bound_of_the_inbox() -> None:
    server, transport, _ = await opened(inbox_messages=3)
    waiter = asyncio.ensure_future(transport.wait_closed())
    for number in range(10):
        server.say(str(number))
    await until(lambda: server.taken >= 3, "the inbox is full")
    for _ in range(20):
        await asyncio.sleep(0)
    assert server.taken == 3
    assert [await transport.receive() for _ in range(10)] == [str(number) for number in range(10)]
    server.leave()
    await asyncio.wait_for(waiter, TIME_LIMIT_S)


async def test_messages_that_came_before_the_end_are_given_first() -> None:
    server, transport, _ = await opened()
    waiter = asyncio.ensure_future(transport.wait_closed())
    server.say("one")
    server.say("two")
    server.leave(1001)
    await asyncio.wait_for(waiter, TIME_LIMIT_S)
    assert [await transport.receive() for _ in range(2)] == ["one", "two"]
    with pytest.raises(WebSocketDisconnect, match="1001"):
        await transport.receive()


async def test_close_lets_what_was_taken_leave_first() -> None:
    server, transport, _ = await opened()
    server.open.clear()
    for name in "abc":
        transport.send_nowait(name, True)
    closing = asyncio.ensure_future(transport.close(1000, ""))
    await until(lambda: server.waiting == 1, "a is under way")
    server.open.set()
    await asyncio.wait_for(closing, TIME_LIMIT_S)
    assert server.sent == list("abc")


# A send that the server refuses


class Refusing(SlowServer):
    """Refuses to send, and says how the connection ended if it is told to."""

    def __init__(self, fault: Exception, says: bool) -> None:
        super().__init__()
        self.fault = fault
        self.says = says

    async def send(self, event: Event) -> None:
        if event["type"] == "websocket.send":
            if self.says:
                self.leave(4001)
            raise self.fault


@pytest.mark.parametrize("receiving", [False, True])
@pytest.mark.parametrize(
    ("fault", "says", "code"),
    [
        (OSError(), True, 4001),
        (RuntimeError("late"), True, 4001),
        (OSError(), False, 1006),
        (RuntimeError("late"), False, None),
    ],
)
async def test_sender_that_is_refused_learns_how_it_ended(
    fault: Exception, says: bool, code: int | None, receiving: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "LEARN_TIMEOUT_S", 0.05)
    server = Refusing(fault, says)
    transport, endings = await opened_on(server)
    reading = asyncio.ensure_future(transport.receive()) if receiving else None
    await asyncio.sleep(0)
    waiting = transport.send("a", True)
    assert waiting is not None
    with pytest.raises(RuntimeError if code is None else WebSocketDisconnect) as raised:
        await waiting
    assert [ending.code for ending in endings] == [code or 1006]
    assert code is None or cast("WebSocketDisconnect", raised.value).code == code
    if reading is not None:
        reading.cancel()
    await asyncio.sleep(0.01)  # for what was cancelled to end
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
