"""The router, against a naive matcher that tries every route in turn."""

from __future__ import annotations

import datetime
import enum
import re
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apistar.exceptions import (
    MethodNotAllowed,
    NotFound,
    RouteConfigurationError,
    UpgradeRequired,
    UsageError,
)
from apistar.routing import Include, Match, Mount, Path, Route, RouteKind, Router, table


class Colour(enum.Enum):
    RED = "red"
    DARK_BLUE = "dark blue"


@dataclass
class Target:
    """What the application would have compiled."""

    url: str
    kind: RouteKind = RouteKind.HTTP
    path_types: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"handler of {self.url}"


def handler() -> None:
    return None


def router_of(*urls: str, **types: Any) -> Router[Target]:
    return Router(table([Route(url, "GET", handler, name=url) for url in urls], compiler(types)))


def compiler(types: dict[str, Any], kind: RouteKind = RouteKind.HTTP) -> Any:
    def compile(route: Route, path: Path, documented: bool) -> Target:
        return Target(path.template, kind, {name: types.get(name, str) for name in path.names})

    return compile


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    return None


@pytest.mark.parametrize(
    ("urls", "path", "url", "params"),
    [
        (["/", "/a"], "/", "/", {}),
        (["/a", "/{x}"], "/a", "/a", {}),
        (["/{x}", "/a"], "/a", "/a", {}),
        (["/a/{x}", "/{x}/b"], "/a/b", "/a/{x}", {"x": "b"}),
        (["/a/c", "/{x}/b"], "/a/b", "/{x}/b", {"x": "a"}),
        (["/a/{+rest}", "/{x}/b"], "/a/b", "/a/{+rest}", {"rest": "b"}),
        (["/{+rest}", "/a/{x}"], "/a/b", "/a/{x}", {"x": "b"}),
        (["/{+rest}"], "/a/b//c", "/{+rest}", {"rest": "a/b//c"}),
        (["/files/{+rest}"], "/files/", "/files/{+rest}", {"rest": ""}),
        (["/a/"], "/a/", "/a/", {}),
    ],
)
def test_literal_beats_parameter_beats_rest(urls: list[str], path: str, url: str, params: dict[str, Any]) -> None:
    match = router_of(*urls).match(path, "GET")
    assert (match.target.url, match.params) == (url, params)


@pytest.mark.parametrize("path", ["", "a", "/b", "/a/", "//a", "/a//", "/x/", "/x/..", "/x/.", "/x/\0", "/x/\ufffd"])
def test_path_that_is_none_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        router_of("/a", "/x/{y}").match(path, "GET")


UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("annotation", "good", "value", "bad"),
    [
        (int, "-12", -12, ["+3", "1_000", " 5", "007", "1.0", "٣", "x"]),
        (float, "1.5", 1.5, ["nan", "inf", "-Infinity", "1e999", "x"]),
        (bool, "true", True, ["yes", "x"]),
        (uuid.UUID, str(UUID), UUID, ["1234", "x"]),
        (datetime.date, "2026-11-23", datetime.date(2026, 11, 23), ["2026-13-01", "23.11.2026"]),
        (Colour, "dark blue", Colour.DARK_BLUE, ["DARK_BLUE", "green"]),
    ],
)
def test_value_that_does_not_convert_is_not_found(annotation: Any, good: str, value: Any, bad: list[str]) -> None:
    router = router_of("/{x}", x=annotation)
    assert router.match(f"/{good}", "GET").params == {"x": value}
    assert unquote(router.url_for("/{x}", x=value)) == f"/{good}"
    for text in bad:
        with pytest.raises(NotFound):
            router.match(f"/{text}", "GET")


def test_typed_sibling_is_tried_before_one_that_takes_any_text() -> None:
    def compile(route: Route, path: Path, documented: bool) -> Target:
        return Target(route.name, RouteKind.HTTP, {"x": int if route.name == "number" else str})

    routes = [Route("/{x}", "GET", handler, name="text"), Route("/{x}", "GET", handler, name="number")]
    router = Router(table(routes, compile))
    assert router.match("/12", "GET").target.url == "number"
    assert router.match("/ab", "GET").target.url == "text"


def test_annotation_that_no_path_can_carry_is_refused() -> None:
    with pytest.raises(RouteConfigurationError, match="parameter 'x' is annotated as"):
        router_of("/{x}", x=dict)


def test_url_answers_to_its_methods_and_refuses_others() -> None:
    routes = [Route("/", method, handler, name=method) for method in ("GET", "POST")]
    router = Router(table(routes, compiler({})))
    assert router.match("/", "HEAD").route.name == "GET"
    assert router.match("/", "POST").route.name == "POST"
    assert router.match("/", "OPTIONS").allow == ["GET", "HEAD", "OPTIONS", "POST"]
    with pytest.raises(MethodNotAllowed) as refused:
        router.match("/", "DELETE")
    assert refused.value.headers["Allow"] == "GET, HEAD, OPTIONS, POST"


def test_own_head_and_options_come_before_the_tables() -> None:
    routes = [Route("/", method, handler, name=method) for method in ("GET", "HEAD", "OPTIONS")]
    router = Router(table(routes, compiler({})))
    assert router.match("/", "HEAD").route.name == "HEAD"
    assert router.match("/", "OPTIONS").route.name == "OPTIONS"


def test_websocket_and_http_do_not_answer_for_each_other() -> None:
    sockets = table([Route("/ws", handler=handler)], compiler({}, RouteKind.WEBSOCKET))
    pages = table([Route("/page", "GET", handler)], compiler({}))
    router: Router[Target] = Router([*sockets, *pages])
    assert router.match_websocket("/ws").target.url == "/ws"
    with pytest.raises(UpgradeRequired):
        router.match("/ws", "GET")
    with pytest.raises(NotFound):
        router.match_websocket("/page")


def test_mount_takes_what_no_route_takes() -> None:
    items: list[Mount | Route] = [
        Mount("/api", nothing),
        Route("/api/own", "GET", handler),
        Route("/{+rest}", "GET", handler),
    ]
    router = Router(table(items, compiler({})))
    assert router.match("/api/own", "GET").target.url == "/api/own"
    for path in ("/api", "/api/", "/api/x/y"):
        match = router.match(path, "GET")
        assert match.mount is not None
        assert match.prefix == "/api"
    assert router.match("/apix", "GET").target.url == "/{+rest}"


def test_include_prefixes_urls_and_names() -> None:
    router = Router(table([Include("/v1", "v1", [Route("/x/{y}", "GET", handler, name="x")])], compiler({})))
    assert router.url_for("v1:x", y="ä b") == "/v1/x/%C3%A4%20b"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [("", "cannot stand for"), ("a/b", r"\{\+x\} takes slashes"), ("..", "cannot stand for"), ("\0", "cannot stand")],
)
def test_reverse_refuses_what_could_not_be_matched(value: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        router_of("/{x}").url_for("/{x}", x=value)


@pytest.mark.parametrize(("params", "sentence"), [({}, "needs 'x'"), ({"x": "1", "y": "2"}, "takes no 'y'")])
def test_reverse_names_missing_and_unknown_parameters(params: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        router_of("/{x}").url_for("/{x}", **params)


# Against the oracle

SEGMENTS = st.sampled_from(["a", "b", "c", "{x}", "{y}", "{+rest}"])
TEXT = st.text(st.sampled_from(list("abc/.%\0é\ufffd")), max_size=12)


@st.composite
def templates(draw: st.DrawFn) -> str:
    parts = draw(st.lists(SEGMENTS, min_size=1, max_size=4))
    names: list[str] = []
    for index, part in enumerate(parts):
        if part == "{+rest}" and index < len(parts) - 1:
            parts[index] = "a"
        elif part.startswith("{"):
            parts[index] = "b" if part in names else part
            names.append(part)
    return "/" + "/".join(parts)


def oracle(urls: list[str], path: str) -> set[str]:
    """Every template that has this path, whatever comes first."""
    found = set()
    for url in urls:
        pattern = re.sub(r"\\\{\\\+\w+\\\}", "(?s:.*)", re.escape(url))
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", pattern)
        match = re.fullmatch(pattern, path)
        values = "" if match is None else path
        plain = all(
            part in url.split("/") or (part.isprintable() and part not in (".", "..") and "\ufffd" not in part)
            for part in values.split("/")
        )
        if match is not None and plain:
            found.add(url)
    return found


@given(st.lists(templates(), min_size=1, max_size=8), st.one_of(TEXT.map("/".__add__), TEXT))
def test_router_agrees_with_the_naive_matcher(urls: list[str], path: str) -> None:
    unique = list({re.sub(r"\w+(?=\})", "", url): url for url in urls}.values())
    router = router_of(*unique)
    expected = oracle(unique, path)
    if not expected:
        with pytest.raises(NotFound):
            router.match(path, "GET")
    else:
        match: Match[Target] = router.match(path, "GET")
        assert match.target.url in expected


@given(
    st.lists(templates(), min_size=1, max_size=8),
    st.data(),
)
def test_reverse_then_match_gives_the_parameters_back(urls: list[str], data: st.DataObject) -> None:
    unique = list({re.sub(r"\w+(?=\})", "", url): url for url in urls}.values())
    router = router_of(*unique)
    url = data.draw(st.sampled_from(unique))
    path = Path(url)
    params = {name: data.draw(st.text(min_size=1, max_size=6), label=name) for name in path.names}
    try:
        built = router.url_for(url, **params)
    except UsageError:
        return
    decoded = unquote(built)
    match = router.match(decoded, "GET")
    assert match.target.url in oracle(unique, decoded)
    if match.target.url == url:
        assert match.params == params
