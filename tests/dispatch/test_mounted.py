"""What is mounted: the path and the lifespan that it sees. What it answers is in `tests/compatibility`."""

from __future__ import annotations

import pytest

from apistar.dispatch.mounted import path_below_root
from apistar.dispatch.mounted_lifespan import MountedLifespanFailed, mounted_lifespan
from apistar.types import Receive, Scope, Send


@pytest.mark.parametrize(
    ("root", "path", "below"),
    [
        ("", "/", "/"),
        ("", "/v1/x", "/v1/x"),
        ("/v1", "/v1", "/"),
        ("/v1", "/v1/", "/"),
        ("/v1", "/v1/x/", "/x/"),
        ("/v1", "/v1x", "/v1x"),
        ("/v1", "/x/v1", "/x/v1"),
        ("/v1", "/", "/"),
    ],
)
def test_route_is_found_by_the_path_below_the_root(root: str, path: str, below: str) -> None:
    assert path_below_root({"path": path, "root_path": root}) == below
    if not root:
        assert path_below_root({"path": path}) == below


async def test_event_that_does_not_belong_to_a_lifespan_is_refused_where_it_is_sent() -> None:
    said: list[str] = []

    async def answers(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await send({"type": "http.response.start", "status": 200})
        except RuntimeError as error:
            said.append(str(error))
        await send({"type": "lifespan.startup.complete"})

    async with mounted_lifespan(answers, "/inner"):
        assert said == ["ASGI event 'http.response.start' does not belong to a lifespan"]


async def test_shutdown_that_fails_is_told_with_the_mount() -> None:
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        for what in ("startup.complete", "shutdown.failed"):
            await receive()
            await send({"type": f"lifespan.{what}", "message": "still busy"})

    with pytest.raises(MountedLifespanFailed, match=r"^the shutdown of /inner failed: still busy$"):
        async with mounted_lifespan(fails, "/inner"):
            pass
