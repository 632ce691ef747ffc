"""
What breaks clients: each row is a change of one type or one route, and what is said of it for either direction.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from apistar import ASyncApp, Component, Include, Limits, Route, WebSocket, http
from apistar.exceptions import ConfigurationError, NotFound
from apistar.schema.asyncapi import asyncapi
from apistar.schema.comparison import compare, report
from apistar.schema.documents import Format, Kind, check, document, text
from apistar.schema.narrowing import Change
from apistar.schema.openapi import openapi


def struct(*fields: Any, name: str = "Thing", **options: Any) -> type[msgspec.Struct]:
    return msgspec.defstruct(name, fields, **options)


def holding(tp: Any) -> type[msgspec.Struct]:
    return struct(("value", tp))


Say = struct(("text", str), name="Say", tag="say")
Speak = struct(("text", str), name="Speak", tag="say")
Leave = struct(name="Leave", tag="leave")
Colours = enum.Enum("Colours", {"RED": "red"})
# Another version of the application has the same name for it.
MoreColours = enum.Enum("Colours", {"RED": "red", "BLUE": "blue"})  # type: ignore[misc]

BREAKS = "breaking"
FINE = "compatible"

# What a type was, what it is now, what that is where clients send it, where they get it, and the words.
CHANGES: list[tuple[str, Any, Any, str, str, str]] = [
    ("required field added", struct(), struct(("a", int)), BREAKS, FINE, "a: was added"),
    ("optional field added", struct(), struct(("a", int, 1)), FINE, FINE, "a: was added"),
    ("field removed", struct(("a", int)), struct(), FINE, BREAKS, "a: was removed"),
    (
        "field removed that is refused now",
        struct(("a", int)),
        struct(forbid_unknown_fields=True),
        BREAKS,
        BREAKS,
        "a: was removed",
    ),
    ("field made required", struct(("a", int, 1)), struct(("a", int)), BREAKS, FINE, "a: is now required"),
    ("field made optional", struct(("a", int)), struct(("a", int, 1)), FINE, BREAKS, "a: may now be missing"),
    ("int to str", holding(int), holding(str), BREAKS, BREAKS, "value: is no longer integer, but string"),
    ("int to float", holding(int), holding(float), FINE, BREAKS, "value: may now be number, was integer"),
    ("float to int", holding(float), holding(int), BREAKS, FINE, "value: is no longer number, but integer"),
    ("int to int or None", holding(int), holding(int | None), FINE, BREAKS, "value: may now be null"),
    ("int or None to int", holding(int | None), holding(int), BREAKS, FINE, "value: is no longer null"),
    ("int to Any", holding(int), holding(Any), FINE, BREAKS, "value: is now anything, was integer"),
    ("Any to int", holding(Any), holding(int), BREAKS, FINE, "value: is now integer, was anything"),
    ("minimum", holding(int), holding(Annotated[int, Meta(ge=1)]), BREAKS, FINE, "value: minimum is now 1, was none"),
    (
        "lower minimum",
        holding(Annotated[int, Meta(ge=1)]),
        holding(Annotated[int, Meta(ge=0)]),
        FINE,
        BREAKS,
        "value: minimum is now 0, was 1",
    ),
    (
        "shorter",
        holding(Annotated[str, Meta(max_length=9)]),
        holding(Annotated[str, Meta(max_length=5)]),
        BREAKS,
        FINE,
        "value: maxLength is now 5, was 9",
    ),
    (
        "other pattern",
        holding(Annotated[str, Meta(pattern="a")]),
        holding(Annotated[str, Meta(pattern="b")]),
        BREAKS,
        BREAKS,
        'value: pattern is now "b", was "a"',
    ),
    ("value of an enum added", holding(Colours), holding(MoreColours), FINE, BREAKS, 'Colours: may now be "blue"'),
    ("value of an enum removed", holding(MoreColours), holding(Colours), BREAKS, FINE, 'Colours: is no longer "blue"'),
    (
        "value of a Literal removed",
        holding(Literal["a", "b"]),
        holding(Literal["a"]),
        BREAKS,
        FINE,
        'value: is no longer "b"',
    ),
    ("str to Literal", holding(str), holding(Literal["a"]), BREAKS, FINE, 'value: is now one of "a"'),
    ("items", holding(list[int]), holding(list[str]), BREAKS, BREAKS, "value[]: is no longer integer, but string"),
    (
        "values of a mapping",
        holding(dict[str, int]),
        holding(dict[str, str]),
        BREAKS,
        BREAKS,
        "value.*: is no longer integer, but string",
    ),
    (
        "item of a tuple",
        holding(tuple[int, str]),
        holding(tuple[int, int]),
        BREAKS,
        BREAKS,
        "value[1]: is no longer string, but integer",
    ),
    (
        "tuple made longer",
        holding(tuple[int]),
        holding(tuple[int, int]),
        BREAKS,
        BREAKS,
        "value: minItems is now 2, was 1",
    ),
    ("member added", holding(Say | None), holding(Say | Leave | None), FINE, BREAKS, "value: may now be Leave"),
    ("member removed", holding(Say | Leave), holding(Say), BREAKS, FINE, "value: is no longer Leave"),
    (
        "nested field",
        holding(struct(("a", int), name="Inner")),
        holding(struct(("a", str), name="Inner")),
        BREAKS,
        BREAKS,
        "Inner.a: is no longer integer, but string",
    ),
    (
        "default",
        struct(("a", int, 1)),
        struct(("a", int, 2)),
        FINE,
        FINE,
        "was written differently",
    ),
    (
        "description",
        holding(Annotated[int, Meta(description="one")]),
        holding(Annotated[int, Meta(description="other")]),
        FINE,
        FINE,
        "description: was changed",
    ),
]
IDS = [row[0] for row in CHANGES]


def app_with(*handlers: Callable[..., Any], **options: Any) -> ASyncApp:
    return ASyncApp([Route(f"/{handler.__name__}", "POST", handler, **options) for handler in handlers])


def annotated(handler: Callable[..., Any], **annotations: Any) -> Callable[..., Any]:
    handler.__annotations__ = {name.rstrip("_"): annotation for name, annotation in annotations.items()}
    return handler


def posting(tp: Any, returned: Any = None) -> ASyncApp:
    async def post(body: Any) -> Any: ...

    # A type made at run time.
    return app_with(annotated(post, body=http.Body[tp], return_=returned))  # type: ignore[misc]


def talking(incoming: Any, outgoing: Any, **options: Any) -> ASyncApp:
    async def talk(ws: Any) -> None: ...

    return app_with(annotated(talk, ws=WebSocket[incoming, outgoing]), **options)


def differences(before: ASyncApp, after: ASyncApp) -> list[Change]:
    found = compare(openapi(before.reference()), openapi(after.reference()))
    return found + compare(asyncapi(before.reference()), asyncapi(after.reference()))


def verdict(changes: list[Change]) -> str:
    assert changes
    assert [change.breaking for change in changes] == sorted((change.breaking for change in changes), reverse=True)
    return BREAKS if changes[0].breaking else FINE


@pytest.mark.parametrize(("name", "before", "after", "sent", "got", "words"), CHANGES, ids=IDS)
@pytest.mark.parametrize("carrier", ["body", "returned", "received", "sent"])
def test_change_of_a_type_breaks_clients_by_its_direction(
    carrier: str, name: str, before: Any, after: Any, sent: str, got: str, words: str
) -> None:
    builds: dict[str, Callable[[Any], ASyncApp]] = {
        "body": posting,
        "returned": lambda tp: posting(int, tp),
        "received": lambda tp: talking(tp, str),
        "sent": lambda tp: talking(str, tp),
    }
    build = builds[carrier]
    changes = differences(build(before), build(after))
    assert words in report(changes)
    assert verdict(changes) == (sent if carrier in ("body", "received") else got), report(changes)


@pytest.mark.parametrize("before", [row[1] for row in CHANGES], ids=IDS)
def test_application_that_did_not_change_has_no_differences(before: Any) -> None:
    assert differences(posting(before, before), posting(before, before)) == []
    assert differences(talking(before, before), talking(before, before)) == []


# Messages


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ((Say | Leave, str), (Say, str), ["breaking    /talk, clients send: Leave was removed"]),
        ((str, Say | Leave), (str, Say), ["breaking    /talk, clients get: Leave was removed"]),
        ((Say, str), (Say | Leave, str), ["compatible  /talk, clients send: Leave was added"]),
        ((str, Say), (str, Say | Leave), ["compatible  /talk, clients get: Leave was added"]),
        (
            (str, str),
            (bytes, str),
            ["breaking    /talk, clients send: Text was removed", "compatible  /talk, clients send: Binary was added"],
        ),
        (
            (Say | Leave, str),
            (Speak | Leave, str),
            ["compatible  /talk, clients send, Say: is now called Speak, with the same tag"],
        ),
    ],
    ids=["removed, sent", "removed, got", "added, sent", "added, got", "another kind", "renamed"],
)
def test_change_of_the_messages_of_a_socket(before: Any, after: Any, lines: list[str]) -> None:
    assert report(differences(talking(*before), talking(*after))).split("\n") == lines


def test_message_that_another_route_makes_share_its_name_did_not_change() -> None:
    def app(*types: Any) -> ASyncApp:
        routes = []
        for index, tp in enumerate(types):

            async def handler(ws: Any) -> None: ...

            socket = WebSocket[tp, str]  # type: ignore[valid-type]  # a type made at run time
            routes.append(Route(f"/{index}", handler=annotated(handler, ws=socket), name=f"talk{index}"))
        return ASyncApp(list(reversed(routes)))

    one = struct(("a", int), name="Talk", tag="talk")
    other = struct(("b", int), name="Talk", tag="talk", module="elsewhere")
    lines = report(differences(app(one), app(one, other))).split("\n")
    assert not any(line.startswith("breaking") for line in lines), lines


def test_codecs_are_compared() -> None:
    both, one = talking(Say, Say, codecs=["json", "msgpack"]), talking(Say, Say)
    assert "breaking    /talk: subprotocol msgpack was removed" in report(differences(both, one))
    assert "compatible  /talk: subprotocol msgpack was added" in report(differences(one, both))
    binary = talking(Say, Say, codecs=["msgpack"])
    assert "breaking    /talk, clients send, Say: frame is now binary" in report(differences(one, binary))


def test_smaller_limit_breaks_clients() -> None:
    def app(limit: int) -> ASyncApp:
        return talking(str, str, limits=Limits(max_message_bytes=limit))

    assert "breaking    /talk: messages may now have 5 bytes, could have 9" in report(differences(app(9), app(5)))
    assert "compatible  /talk: messages may now have 9 bytes, could have 5" in report(differences(app(5), app(9)))


# Routes and parameters


async def show(id: int, page: int = 1) -> str:
    return ""


async def show_renamed(key: int, page: int = 1) -> str:
    return ""


async def show_more(id: int, order: str, page: int = 1) -> str:
    return ""


async def show_less(id: int) -> str:
    return ""


async def show_all(id: int, page: int) -> str:
    return ""


async def show_missing(id: int, page: int = 1) -> str:
    raise NotFound("no such thing")


class User:
    pass


class UserComponent(Component):
    security = {"bearer": {"type": "http", "scheme": "bearer"}}

    def resolve(self) -> User:
        return User()


class KeyComponent(Component):
    security = {"bearer": {"type": "apiKey", "in": "header", "name": "X-Key"}}

    def resolve(self) -> User:
        return User()


async def show_to_users(id: int, user: User, page: int = 1) -> str:
    return ""


async def talk(ws: WebSocket, page: int = 1) -> None: ...


async def talk_more(ws: WebSocket, order: http.Header, page: int = 1) -> None: ...


async def talk_or_not(ws: WebSocket, page: int = 1) -> None:
    if page < 1:
        raise NotFound("no such page")
    await ws.connect()
    await ws.close(4001)


async def talk_to_users(ws: WebSocket, user: User, page: int = 1) -> None: ...


def routed(url: str, handler: Callable[..., Any], method: str = "GET") -> ASyncApp:
    return ASyncApp([Route(url, method, handler, name="it")], [UserComponent()])


BEFORE = routed("/things/{id}", show)
SOCKET = routed("/talk", talk)


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (BEFORE, routed("/things/{key}", show_renamed), {"compatible  openapi: was written differently"}),
        (
            BEFORE,
            routed("/thing/{id}", show),
            {"breaking    GET /things/{id}: was removed", "compatible  GET /thing/{id}: was added"},
        ),
        (
            BEFORE,
            routed("/things/{id}", show, "PUT"),
            {"breaking    GET /things/{id}: was removed", "compatible  PUT /things/{id}: was added"},
        ),
        (
            BEFORE,
            routed("/things/{id}", show_more),
            {"breaking    GET /things/{id}, query parameter order: was added, required"},
        ),
        (
            routed("/things/{id}", show_less),
            BEFORE,
            {"compatible  GET /things/{id}, query parameter page: was added, optional"},
        ),
        (
            BEFORE,
            routed("/things/{id}", show_less),
            {"compatible  GET /things/{id}, query parameter page: was removed"},
        ),
        (
            BEFORE,
            routed("/things/{id}", show_all),
            {"breaking    GET /things/{id}, query parameter page: is now required"},
        ),
        (
            BEFORE,
            routed("/things/{id}", show_missing),
            {"compatible  paths./things/{id}.get.responses.404.description: was changed"},
        ),
        (BEFORE, routed("/things/{id}", show_to_users), {"breaking    GET /things/{id}: now asks for bearer"}),
        (routed("/things/{id}", show_to_users), BEFORE, {"compatible  GET /things/{id}: no longer asks for bearer"}),
        (SOCKET, routed("/talk", talk_more), {"breaking    /talk, header order: was added, required"}),
        (
            SOCKET,
            routed("/talk", talk_to_users),
            {
                "breaking    /talk, clients send: now asks for bearer",
                "breaking    /talk, clients get: now asks for bearer",
            },
        ),
        (
            SOCKET,
            routed("/talk", talk_or_not),
            {
                "compatible  /talk: may now be refused with 404",
                "compatible  /talk: may now be closed with 4001",
            },
        ),
        (
            routed("/talk", talk_or_not),
            SOCKET,
            {
                "compatible  /talk: is no longer refused with 404",
                "compatible  /talk: is no longer closed with 4001",
            },
        ),
        (
            routed("/talk", talk_to_users),
            ASyncApp([Route("/talk", handler=talk_to_users)], [KeyComponent()]),
            {"breaking    security scheme bearer: is another one"},
        ),
        (SOCKET, ASyncApp(), {"breaking    /talk: was removed"}),
        (ASyncApp(), SOCKET, {"compatible  /talk: was added"}),
    ],
    ids=[
        "path parameter renamed",
        "path changed",
        "method changed",
        "required parameter added",
        "optional parameter added",
        "parameter removed",
        "parameter made required",
        "denial described",
        "security added",
        "security removed",
        "header of a socket added",
        "security of a socket added",
        "endings added",
        "endings removed",
        "security changed",
        "socket removed",
        "socket added",
    ],
)
def test_change_of_a_route(before: ASyncApp, after: ASyncApp, lines: set[str]) -> None:
    found = set(report(differences(before, after)).split("\n"))
    assert lines <= found, found
    assert any(line.startswith(BREAKS) for line in found) is any(line.startswith(BREAKS) for line in lines), found


def test_change_of_the_data_of_an_event_stream_breaks_clients() -> None:
    async def numbers() -> AsyncIterator[http.ServerSentEvent[int]]:
        yield http.ServerSentEvent(1)

    async def floats() -> AsyncIterator[http.ServerSentEvent[float]]:
        yield http.ServerSentEvent(1.5)

    before, after = (ASyncApp([Route("/", handler=handler, name="tell")]) for handler in (numbers, floats))
    lines = report(differences(before, after)).split("\n")
    assert any(line.startswith(BREAKS) and ".data:" in line for line in lines), lines


def test_documents_of_two_kinds_cannot_be_compared() -> None:
    reference = BEFORE.reference()
    with pytest.raises(ConfigurationError, match="the two documents are not of one kind"):
        compare(openapi(reference), asyncapi(reference))


# `--check`


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("form", Format)
def test_check_finds_nothing_in_a_document_of_the_same_application(kind: Kind, form: Format) -> None:
    reference = talking(Say | Leave, Say).reference()
    assert check(reference, text(document(reference, kind), form)) == []


def test_check_does_not_mind_where_the_application_runs() -> None:
    from apistar.schema.reference import Server

    reference = SOCKET.reference()
    written = text(asyncapi(reference, [Server("https://here.example")]), Format.JSON)
    assert check(reference, written) == []


def test_check_sees_a_tag_change() -> None:
    one = ASyncApp([Include("/v1", "first", [Route("/talk", handler=talk)])])
    other = ASyncApp([Include("/v1", "second", [Route("/talk", handler=talk)])])
    changes = check(other.reference(), text(asyncapi(one.reference()), Format.JSON))
    assert changes
    assert not any(change.breaking for change in changes), report(changes)
