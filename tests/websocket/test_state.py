"""The transition table, over every pair of state and event."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apistar.websocket.state import TRANSITIONS, WebSocketEvent, WebSocketState, after

ALLOWED = {
    (WebSocketState.CONNECTING, WebSocketEvent.ACCEPT): WebSocketState.CONNECTED,
    (WebSocketState.CONNECTING, WebSocketEvent.REJECT): WebSocketState.CLOSED,
    (WebSocketState.CONNECTING, WebSocketEvent.LOST): WebSocketState.CLOSED,
    (WebSocketState.CONNECTED, WebSocketEvent.CLOSE): WebSocketState.CLOSED,
    (WebSocketState.CONNECTED, WebSocketEvent.LOST): WebSocketState.CLOSED,
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(WebSocketState, WebSocketEvent)))
def test_table_knows_every_pair(state: WebSocketState, event: WebSocketEvent) -> None:
    if (state, event) in ALLOWED:
        assert after(state, event) is ALLOWED[state, event]
    else:
        with pytest.raises(KeyError):
            after(state, event)


@given(st.lists(st.sampled_from(WebSocketEvent)))
def test_any_order_of_events_ends_at_most_once(events: list[WebSocketEvent]) -> None:
    state, ends = WebSocketState.CONNECTING, 0
    for event in events:
        if event not in TRANSITIONS[state]:
            continue
        state = after(state, event)
        ends += state is WebSocketState.CLOSED
    assert ends == (state is WebSocketState.CLOSED)
