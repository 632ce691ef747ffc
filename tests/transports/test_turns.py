"""A body that is sent without waiting for anything leaves others their turn."""

from __future__ import annotations

import asyncio

import pytest

from apistar.transports.turns import TURN_PIECES, TurnTaking, taking_turns
from apistar.types import BODY_CLOCK_EXTENSION, Event, Scope


async def nowhere(event: Event) -> None:
    """Takes everything at once."""


@pytest.mark.parametrize(("more", "turns"), [(True, [TURN_PIECES, 2 * TURN_PIECES]), (False, [])])
async def test_others_have_their_turn_after_so_many_pieces_with_more_to_come(more: bool, turns: list[int]) -> None:
    send = TurnTaking(nowhere)
    loop = asyncio.get_running_loop()
    sent = 0
    seen: list[int] = []

    def look() -> None:
        seen.append(sent)
        loop.call_soon(look)

    loop.call_soon(look)
    for _ in range(3 * TURN_PIECES - 1):
        sent += 1
        await send({"type": "http.response.body", "body": b"x", "more_body": more})
    assert seen == turns


@pytest.mark.parametrize("extensions", [None, {}, {"other": {}}])
def test_server_that_takes_turns_itself_is_called_as_it_is(extensions: dict[str, object] | None) -> None:
    scope: Scope = {"type": "http", "extensions": extensions}
    assert isinstance(taking_turns(scope, nowhere), TurnTaking)
    assert taking_turns({**scope, "extensions": {BODY_CLOCK_EXTENSION: None}}, nowhere) is nowhere
