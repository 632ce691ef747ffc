"""
Where the documents are served: below `schema_url`, as JSON, or as YAML if the suffix or `Accept` asks for it.

| path | document |
|---|---|
| `/schema/`, `/schema/openapi` | OpenAPI |
| `/schema/asyncapi` | AsyncAPI |
| the same with `.json` or `.yaml`; `/schema.json`, `/schema.yaml` | in that form |

Nothing is written before somebody asks. The AsyncAPI document names the host that the client asked.

Sources: RFC 9110 §12.5.1 (Accept), RFC 9512 (application/yaml).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from ..routing import Route

if TYPE_CHECKING:
    from .reference import Reference

KEPT_TEXTS: Final = 16
"""Documents kept as text: each kind and form once for each host that was asked."""

_YAML_TYPES: Final = ("application/yaml", "application/x-yaml", "text/yaml", "application/vnd.oai.openapi")
_JSON_TYPES: Final = ("application/json", "application/vnd.oai.openapi+json", "text/html", "application/xhtml+xml")
"""A browser, which asks for HTML by name, is served JSON, which it shows."""


def schema_routes(url: str, reference: Callable[[], Reference]) -> list[Route]:
    """
    The routes that serve the documents; none of them is documented itself.

    Args:
        url: `/schema/`; with or without the slash at the end.
        reference: Describes the application; called once, when the first document is asked for.
    """
    base = url.rstrip("/")
    served = _Documents(reference)
    paths: dict[str, tuple[str | None, str | None]] = {
        f"{base}/": (None, None),
        f"{base}/openapi": ("openapi", None),
        f"{base}/asyncapi": ("asyncapi", None),
    }
    if base:
        paths[base] = (None, None)
    for suffix in ("json", "yaml"):
        paths[f"{base or '/openapi'}.{suffix}"] = (None, suffix)
        paths[f"{base}/openapi.{suffix}"] = ("openapi", suffix)
        paths[f"{base}/asyncapi.{suffix}"] = ("asyncapi", suffix)
    return [
        Route(path, "GET", served.handler(kind or "openapi", suffix), name=f"schema{path}", documented=False)
        for path, (kind, suffix) in paths.items()
    ]


class _Documents:
    def __init__(self, reference: Callable[[], Reference]) -> None:
        self._read = reference
        self._reference: Reference | None = None
        self._texts: dict[tuple[str, str, str], str] = {}

    def handler(self, kind: str, suffix: str | None) -> Callable[[Request], Response]:
        # Not async: writing the documents of a thousand routes takes a while and happens in a worker thread.
        def serve_schema(request: Request) -> Response:
            form = suffix or ("yaml" if _prefers_yaml(request.headers.get("accept", "")) else "json")
            text = self._text(kind, form, str(request.base_url).rstrip("/"), request.scope.get("root_path", ""))
            headers = {"Vary": "Accept", "Cache-Control": "no-cache"}
            return Response(text, media_type=f"application/{form}", headers=headers)

        serve_schema.__annotations__ = {"request": Request, "return": Response}
        return serve_schema

    def _text(self, kind: str, form: str, base_url: str, root_path: str) -> str:
        from .documents import Format, Kind, document, text
        from .reference import Server

        where = base_url if kind == "asyncapi" else root_path
        key = (kind, form, where)
        if key not in self._texts:
            if self._reference is None:
                self._reference = self._read()
            servers = [Server(where)] if where else []
            if len(self._texts) >= KEPT_TEXTS:
                self._texts.clear()
            self._texts[key] = text(document(self._reference, Kind(kind), servers), Format(form))
        return self._texts[key]


def _prefers_yaml(accept: str) -> bool:
    """Whether YAML is asked for by name, and JSON is not asked for more."""
    weights = {"yaml": 0.0, "json": 0.0}
    for entry in accept.lower().split(","):
        media_type, _, parameters = entry.strip().partition(";")
        if (media_type := media_type.strip()) in _YAML_TYPES:
            weights["yaml"] = max(weights["yaml"], _weight(parameters))
        elif media_type in _JSON_TYPES:
            weights["json"] = max(weights["json"], _weight(parameters))
    return weights["yaml"] > 0 and weights["yaml"] >= weights["json"]


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
