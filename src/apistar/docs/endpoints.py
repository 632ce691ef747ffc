"""
Where the page is served, below `docs_url`.

| path | what |
|---|---|
| `/docs/` | the page |
| `/docs/assets/{name}` | its scripts and styles |
| `/docs/description` | the application, described in JSON: documented routes and their types |
| `/docs/refusals?url=…` | how a handshake of this browser was refused (`refusals.py`) |

Nothing here reaches further than the application, and nothing changes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ..exceptions import NotFound
from ..http import JSONResponse
from ..routing import Route
from .assets import HEADERS, INDEX, Asset, assets
from .refusals import Refusals, asked_for, ticket_of

if TYPE_CHECKING:
    from ..schema.reference import Reference


def docs_routes(
    url: str, reference: Callable[[], Reference], refusals: Refusals, schema_url: str | None = None
) -> list[Route]:
    """
    The routes of the page; none of them is documented itself.

    Args:
        url: `/docs/`; with or without the slash at the end.
        reference: Describes the application; called when the page is opened for the first time.
        refusals: What the application remembers of refused handshakes.
        schema_url: Where the documents are served, for links to them.
    """
    base = url.rstrip("/")
    page = _Page(f"{base}/", reference, refusals, schema_url)
    handlers: dict[str, Callable[..., Response]] = {
        f"{base}/": page.index,
        f"{base}/assets/{{name}}": page.asset,
        f"{base}/description": page.description,
        f"{base}/refusals": page.refusal,
    }
    return [Route(path, "GET", handler, name=f"docs{path}", documented=False) for path, handler in handlers.items()]


class _Page:
    def __init__(
        self, url: str, reference: Callable[[], Reference], refusals: Refusals, schema_url: str | None
    ) -> None:
        self._url = url
        self._schema_url = schema_url
        self._reference = reference
        self._refusals = refusals
        self._description: Asset | None = None

    # None is async: they run in an `App` too, and describing a thousand routes takes a while, in a worker thread.
    def index(self, request: Request) -> Response:
        return assets()[INDEX].response(request)

    def asset(self, name: str, request: Request) -> Response:
        if name == INDEX or (asset := assets().get(name)) is None:
            raise NotFound("the page has no such part")
        return asset.response(request)

    def description(self, request: Request) -> Response:
        if self._description is None:
            described = {"docs_url": self._url, "schema_url": self._schema_url, "reference": self._reference()}
            self._description = Asset(msgspec.json.encode(described), "application/json")
        return self._description.response(request)

    def refusal(self, request: Request) -> Response:
        headers = {**HEADERS, "Cache-Control": "no-store"}
        found = self._refusals.take(ticket_of(request.scope), asked_for(request.query_params.get("url", "")))
        if found is None:
            # The next question comes over another connection, and perhaps to the process that knows.
            return Response(status_code=204, headers={**headers, "Connection": "close"})
        return JSONResponse(found, headers=headers)
