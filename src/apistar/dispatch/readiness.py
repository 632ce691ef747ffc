"""
The readiness route: whether this process can do what it is asked for, for load balancers and orchestrators.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from ..http import JSONResponse
from ..routing import Route

if TYPE_CHECKING:
    from ..channels import Hub


def readiness_route(url: str, hub: Callable[[], Hub]) -> Route:
    """A GET route that answers 200, or 503 while the broker cannot be reached."""

    async def ready() -> JSONResponse:
        here = hub()
        health = here.health()
        document = {"ready": health.available, "broker": {"url": here.broker.url, **msgspec.to_builtins(health)}}
        return JSONResponse(document, 200 if health.available else 503)

    return Route(url, "GET", ready, documented=False)
