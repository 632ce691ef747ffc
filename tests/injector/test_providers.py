"""A `Provider`'s block: its value is cleaned up when the block ends, however it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from apistar import ASyncApp, Component, Provider, Route, TestClient


class Session:
    """Something to close."""


class Sessions(Component):
    """Notes how its block ended; keeps a `KeyError` to itself."""

    def __init__(self) -> None:
        self.log: list[str] = []

    async def resolve(self) -> AsyncIterator[Session]:
        self.log.append("opened")
        try:
            yield Session()
        except KeyError:
            self.log.append("kept")
        except Exception as error:
            self.log.append(f"saw {error!r}")
            raise
        finally:
            self.log.append("closed")


@pytest.mark.parametrize(
    ("error", "answer", "log"),
    [
        (None, "behind", ["opened", "closed"]),
        (ValueError("x"), "ValueError('x')", ["opened", "saw ValueError('x')", "closed"]),
        (KeyError("x"), "behind", ["opened", "kept", "closed"]),
    ],
    ids=["returned", "raised", "kept"],
)
def test_provider_hands_what_a_block_raised_to_its_component(
    error: Exception | None, answer: str, log: list[str]
) -> None:
    async def handler(sessions: Provider[Session]) -> str:
        try:
            async with sessions():
                if error is not None:
                    raise error
        except ValueError as raised:
            return repr(raised)
        return "behind"

    component = Sessions()
    with TestClient(ASyncApp([Route("/", handler=handler)], [component])) as client:
        assert client.get("/").text == answer
    assert component.log == log


def test_provider_gives_each_block_a_value_of_its_own() -> None:
    async def handler(sessions: Provider[Session]) -> bool:
        async with sessions() as one, sessions() as other:
            return one is not other

    with TestClient(ASyncApp([Route("/", handler=handler)], [Sessions()])) as client:
        assert client.get("/").json() is True
