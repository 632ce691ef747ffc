"""
The readiness route: whether this process can do what it is asked for, for load balancers and orchestrators.
"""

from __future__ import annotations

import msgspec

from ..channels import Hub
from ..http import JSONResponse
from ..routing import Route


def readiness_route(url: str, hub: Hub) -> Route:
    """A GET route that answers 200, or 503 while the broker cannot be reached."""

    async def ready() -> JSONResponse:
        health = hub.health()
        document = {"ready": health.available, "broker": {"url": hub.broker.url, **msgspec.to_builtins(health)}}
        return JSONResponse(document, 200 if health.available else 503)

    return Route(url, "GET", ready, documented=False)
