"""The token bucket by itself, on a clock that is passed in; and on a server that does not count."""

from __future__ import annotations

import pytest

from apistar import ASyncApp, Limits, Route, TestClient, WebSocket
from apistar.observer import Observer
from apistar.transports.rate import MessageRate


def taken(rate: MessageRate, times: int, now: float) -> int:
    return sum(rate.take(now) for _ in range(times))


def test_rate_allows_a_burst_and_then_what_comes_in() -> None:
    rate = MessageRate(2.0, 5, now=0.0)
    assert taken(rate, 9, 0.0) == 5
    assert taken(rate, 9, 0.25) == 0
    assert taken(rate, 9, 1.0) == 2


def test_rate_saves_no_more_than_a_burst() -> None:
    rate = MessageRate(2.0, 3, now=0.0)
    assert taken(rate, 9, 1000.0) == 3


def test_rate_below_one_allows_one_at_a_time() -> None:
    rate = MessageRate(0.5, 0.5, now=0.0)
    assert taken(rate, 9, 0.0) == 1
    assert taken(rate, 9, 1.0) == 0
    assert taken(rate, 9, 2.0) == 1


@pytest.mark.parametrize("observer", [None, Observer()])
def test_rate_holds_on_any_server(observer: Observer | None) -> None:
    async def echo(ws: WebSocket) -> None:
        await ws.connect()
        async for message in ws:
            await ws.send(message)

    app = ASyncApp([Route("/", handler=echo, limits=Limits(message_rate=0.01, message_burst=2))], observer=observer)
    with TestClient(app).websocket("/") as ws:
        for _ in range(2):
            ws.send("a")
            assert ws.receive() == "a"
        ws.send("a")
        ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (1008, "messages exceed message_rate of 0.01 a second")
