"""The examples of channels, driven as their readers would drive them."""

from __future__ import annotations

import asyncio
import runpy
from typing import Any

import pytest

from apistar import AsyncTestClient
from examples import cursors, prices
from tests.channels.engines import EVERY_ENGINE, SHARED
from tests.server.processes import ROOT
from tests.transports.wire import until


@pytest.mark.parametrize("carrier", ["memory", *EVERY_ENGINE])
async def test_room_remembers_tells_who_is_here_and_lets_clients_come_back(
    carrier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if carrier != "memory":
        engine = SHARED[carrier]()
        engine.flush()
        monkeypatch.setenv("BROKER", engine.url)
    app = runpy.run_path(str(ROOT / "examples" / "rooms.py"))["app"]
    async with AsyncTestClient(app) as client:
        async with client.websocket("/rooms/x?name=Ada") as ada:
            await ada.send_json({"type": "enter"})
            entered = await ada.receive_json()
            assert (entered["members"], entered["recent"], entered["recovered"]) == (["Ada"], [], False)
            for text in ("one", "two"):
                await ada.send_json({"type": "say", "text": text})
            said = [await ada.receive_json() for _ in range(2)]
            assert [one["data"]["text"] for one in said] == ["one", "two"]
            async with client.websocket("/rooms/x?name=Bob") as bob:
                await bob.send_json({"type": "enter", "since": said[0]["position"]})
                assert (await bob.receive_json())["data"]["text"] == "two"
                entered = await bob.receive_json()
                assert (entered["recovered"], entered["members"], entered["recent"]) == (True, ["Ada", "Bob"], [])
                assert await ada.receive_json() == {"type": "member_joined", "member": "Bob"}
        async with client.websocket("/rooms/x?name=Cy") as cy:
            await cy.send_json({"type": "enter", "since": {"epoch": "lost", "offset": 1}})
            entered = await cy.receive_json()
            assert (entered["recovered"], [one["text"] for one in entered["recent"]]) == (False, ["one", "two"])
            assert (await client.delete("/rooms/x/members?name=Cy")).json() == {"removed": "Cy"}
            await cy.wait_closed()
            assert (cy.close_code, cy.close_reason) == (4003, "removed")


async def test_dashboard_shows_what_a_script_publishes() -> None:
    async with AsyncTestClient(prices.app) as client:
        assert "Prices" in (await client.get("/")).text
        async with client.websocket("/prices") as session:
            await until(lambda: prices.app.hub.statistics()["followers"] == 1, "it watches")
            await prices.feed(prices.app.broker, rounds=2, pause_s=0)
            seen = [await session.receive_json() for _ in range(6)]
    assert [price["symbol"] for price in seen] == ["apples", "bread", "cheese"] * 2


async def test_cursors_move_for_everybody_and_vanish_with_their_window() -> None:
    async with AsyncTestClient(cursors.app) as client:
        assert "<script>" in (await client.get("/")).text
        async with client.websocket("/boards/main") as first:
            await until(lambda: cursors.app.hub.statistics()["followers"] == 1, "one is here")
            async with client.websocket("/boards/main") as second:
                member = (await first.receive_json())["member"]
                await second.send_json({"x": 0.5, "y": 0.25})
                moved: dict[str, Any] = {"type": "cursor", "who": member, "x": 0.5, "y": 0.25}
                assert await first.receive_json() == moved
                assert await second.receive_json() == moved
            assert await asyncio.wait_for(first.receive_json(), 5) == {"type": "member_left", "member": member}
