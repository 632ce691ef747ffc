"""Any path, method and query on any set of typed routes: an answer below 500; and from a name back to parameters."""

from __future__ import annotations

import datetime
import enum
import inspect
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import unquote

import msgspec
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from apistar import ASyncApp, Include, Route, WebSocket, http
from apistar.exceptions import ConfigurationError, UsageError
from apistar.types import Event


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(min_size=1, max_size=6),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    uuid.UUID: st.uuids(),
    datetime.date: st.dates(),
    datetime.datetime: st.datetimes(timezones=st.just(datetime.UTC)),
    Colour: st.sampled_from(Colour),
    Level: st.sampled_from(Level),
    Literal["a", "b"]: st.sampled_from(["a", "b"]),
    Annotated[int, msgspec.Meta(ge=0, le=9)]: st.integers(0, 9),
}
TYPES = list(VALUES)


def handler_of(types: dict[str, Any], socket: bool) -> Callable[..., Any]:
    """A handler that takes these path parameters, and a few of the query."""

    async def handler(**values: Any) -> None:
        for name, annotation in types.items():
            wanted = annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation
            if isinstance(wanted, type):
                assert isinstance(values[name], wanted), (name, values[name])
        if socket:
            await values["ws"].connect()

    query: dict[str, Any] = {"ws": WebSocket} if socket else {"q": int | None, "tags": list[str] | None}
    annotations = {**types, **query, "params": http.QueryParams}
    handler.__annotations__ = annotations
    # The type checker knows no signature of a function.
    handler.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=tp) for name, tp in annotations.items()]
    )
    return handler


@st.composite
def routes(draw: st.DrawFn) -> Route | Include:
    parts = draw(st.lists(st.sampled_from(["a", "b", "", "{x}", "{y}", "{z}"]), min_size=1, max_size=4))
    names = list(dict.fromkeys(part for part in parts if part.startswith("{")))
    parts = [part for index, part in enumerate(parts) if part not in names or parts.index(part) == index]
    types = {part[1:-1]: draw(st.sampled_from(TYPES)) for part in names}
    if draw(st.booleans()) and draw(st.booleans()):
        parts.append("{+rest}")
        types["rest"] = str
    socket = draw(st.booleans())
    method = draw(st.sampled_from(["GET", "POST", "HEAD", "OPTIONS"]))
    route = Route("/" + "/".join(parts), method, handler_of(types, socket), name=str(draw(st.integers())))
    return Include("/in", "in", [route]) if draw(st.booleans()) and draw(st.booleans()) else route


SEGMENTS = st.one_of(
    st.sampled_from(
        ["a", "b", "", ".", "..", "in", "1", "-1", "1.5", "true", "red", "2026-01-02", "\0", "%2e", "\ufffd"]
    ),
    st.text(max_size=5),
)
PATHS = st.one_of(st.lists(SEGMENTS, max_size=5).map(lambda parts: "/" + "/".join(parts)), st.text(max_size=8))


async def answer(app: ASyncApp, path: str, method: str, query: bytes, kind: str = "http") -> int:
    """The status of the answer to a request, or to a handshake (101 where it is completed)."""
    events: list[Event] = []

    async def receive() -> Event:
        if kind == "http":
            return {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "websocket.connect"} if not events else {"type": "websocket.disconnect", "code": 1000}

    async def send(event: Event) -> None:
        events.append(event)

    scope: dict[str, Any] = {
        "type": kind, "path": path, "root_path": "", "scheme": kind, "headers": [], "query_string": query,
        "client": None, "extensions": {"websocket.http.response": {}}, "method": method, "subprotocols": [],
    }  # fmt: skip
    await app(scope, receive, send)
    assert events
    return 101 if events[0]["type"] == "websocket.accept" else int(events[0]["status"])


@settings(deadline=None, max_examples=100)
@given(
    st.lists(routes(), max_size=6),
    st.lists(PATHS, min_size=1, max_size=6),
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "BREW", ""]),
    st.one_of(st.binary(max_size=12), st.sampled_from([b"q=1", b"q=x", b"tags=a&tags=b", b"q=%ff", b"&&=", b"q"])),
)
@example([Route("/{x}", handler=handler_of({"x": int}, False))], ["/" + "9" * 5000], "GET", b"")
@example(
    [Route("/{x}", handler=handler_of({"x": datetime.datetime}, False))], ["/0001-01-01T00:00:00+23:59"], "GET", b""
)
async def test_any_request_is_answered_below_500(
    entries: list[Route | Include], paths: list[str], method: str, query: bytes
) -> None:
    try:
        app = ASyncApp(entries, schema_url=None)
    except ConfigurationError:
        assume(False)
    for path in paths:
        assert await answer(app, path, method, query) in (200, 204, 307, 400, 404, 405, 426)
        assert await answer(app, path, "GET", query, "websocket") in (101, 400, 404)


@settings(deadline=None, max_examples=100)
@given(st.data())
async def test_reverse_then_match_gives_typed_parameters_back(data: st.DataObject) -> None:
    types = {name: data.draw(st.sampled_from(TYPES), label=name) for name in ("x", "y")}
    app = ASyncApp([Route("/a/{x}/b/{y}", "GET", handler_of(types, False), name="it")], schema_url=None)
    given_values = {name: data.draw(VALUES[annotation]) for name, annotation in types.items()}
    try:
        url = app.reverse_url("it", **given_values)
    except UsageError:  # a text that is no segment
        assume(False)
    assert url.isascii()
    assert app.router.match(unquote(url), "GET").params == given_values
