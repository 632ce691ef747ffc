"""What a WebSocket knows of its end, and whom it tells."""

from __future__ import annotations

import pytest

from tests.channels.simulation import socket


@pytest.mark.parametrize(("code", "broken"), [(1000, False), (1001, False), (1002, True), (1006, False), (1009, True)])
async def test_socket_is_broken_by_a_rule_that_was_not_kept(code: int, broken: bool) -> None:
    websocket, transport = await socket()
    transport.abort(code, "why")
    assert (websocket.broken, websocket.close_code, websocket.close_reason) == (broken, code, "why")


async def test_socket_that_its_handler_closed_is_not_broken() -> None:
    websocket, _ = await socket()
    await websocket.close(1008, "not you")
    assert (websocket.broken, websocket.close_code) == (False, 1008)


async def test_callback_is_called_at_the_end_once_and_at_once_behind_it() -> None:
    websocket, transport = await socket()
    called: list[str] = []
    websocket.call_when_closed(lambda: called.append("first"))
    websocket.call_when_closed(lambda: called.append("second"))
    transport.abort(1001)
    transport.abort(1002)
    assert called == ["first", "second"]
    websocket.call_when_closed(lambda: called.append("late"))
    assert called == ["first", "second", "late"]
