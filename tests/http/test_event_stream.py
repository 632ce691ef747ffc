"""
An async generator of `ServerSentEvent` is an event stream (WHATWG HTML §9.2).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec
import pytest
from starlette.requests import ClientDisconnect

from apistar import ASyncApp, Component, Limits, Route, TestClient, WebSocket, http
from apistar.exceptions import ConfigurationError, EncodeError, NotFound, UnsupportedType
from apistar.http import ServerSentEvent
from apistar.limits import DEFAULTS
from apistar.types import Event


class Token(msgspec.Struct, tag="token"):
    text: str


class Done(msgspec.Struct, tag="done"):
    words: int


class Asked(msgspec.Struct):
    words: list[str]


class Model:
    """What a handler asks for."""


class ModelComponent(Component):
    """Notes how it ended."""

    def __init__(self, log: list[object]) -> None:
        self._log = log

    async def resolve(self) -> AsyncIterator[Model]:
        try:
            yield Model()
            self._log.append("closed")
        except BaseException as error:
            self._log.append(error)
            raise


def client_of(handler: Any, method: str = "GET", **options: Any) -> TestClient:
    return TestClient(ASyncApp([Route("/", method, handler)], **options))


def waiting(log: list[str], limits: Limits = DEFAULTS) -> ASyncApp:
    """Yields one event and waits until it is stopped."""

    async def answer() -> AsyncIterator[ServerSentEvent[str]]:
        try:
            yield ServerSentEvent("a")
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # clean-up may wait
            log.append("stopped")

    return ASyncApp([Route("/", handler=answer)], limits=limits)


class Peer:
    """
    A client by hand: one request, its events as they come, and its leaving when it likes.

    Attributes:
        sent: What the application has sent.
        stuck: It takes nothing more.
    """

    def __init__(self, app: ASyncApp, method: str = "GET") -> None:
        self.sent: list[Event] = []
        self._news = asyncio.Condition()
        self._left = asyncio.Event()
        self._asked = False
        self.stuck = False
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "headers": [(b"host", b"testserver")],
            "client": ("192.0.2.1", 1),
            "server": ("testserver", 80),
        }
        self.exchange = asyncio.ensure_future(app(scope, self._receive, self._send))

    def leave(self) -> None:
        self._left.set()

    async def read(self, count: int) -> list[bytes]:
        """The first pieces of the body, once so many are there."""
        async with asyncio.timeout(5), self._news:
            await self._news.wait_for(lambda: len(self.sent) > count)
        return [event["body"] for event in self.sent[1 : count + 1]]

    async def ended(self) -> None:
        async with asyncio.timeout(5):
            await self.exchange

    async def _receive(self) -> Event:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, event: Event) -> None:
        async with self._news:
            self.sent.append(event)
            self._news.notify_all()
        if self.stuck:
            await asyncio.Event().wait()


def test_stream_has_fields_in_lines_and_data_as_json() -> None:
    async def answer() -> AsyncIterator[ServerSentEvent[Token | Done]]:
        yield ServerSentEvent(Token("one\ntwo"), id="1")
        yield ServerSentEvent(Done(2), event="done", id="2", retry_ms=500)
        yield ServerSentEvent(comment="that\nis all")

    response = client_of(answer).get("/")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-accel-buffering"] == "no"  # nginx would keep the events
    assert "content-length" not in response.headers
    assert response.text == (
        'id: 1\ndata: {"type":"token","text":"one\\ntwo"}\n\n'
        'event: done\nid: 2\nretry: 500\ndata: {"type":"done","words":2}\n\n'
        ": that\n: is all\n\n"
    )


def test_text_is_data_as_it_is_in_as_many_lines_as_it_has() -> None:
    async def lines() -> AsyncIterator[ServerSentEvent[str]]:
        yield ServerSentEvent("a\nb\r\nc\rd\u2028e")
        yield ServerSentEvent("")

    assert client_of(lines).get("/").content.decode() == "data: a\ndata: b\ndata: c\ndata: d\u2028e\n\ndata: \n\n"


def test_events_without_a_type_carry_anything() -> None:
    async def anything() -> AsyncGenerator[ServerSentEvent, None]:  # type: ignore[type-arg]  # what is tested
        yield ServerSentEvent({"a": 1})
        yield ServerSentEvent(None)

    assert client_of(anything).get("/").text == 'data: {"a":1}\n\ndata: null\n\n'


def test_stream_takes_bodies_headers_and_components_with_clean_up() -> None:
    log: list[object] = []

    async def answer(
        asked: http.Body[Asked], model: Model, last_event_id: http.Header[int] = 0
    ) -> AsyncIterator[ServerSentEvent[str]]:
        for number, word in enumerate(asked.words[last_event_id:], last_event_id + 1):
            yield ServerSentEvent(word, id=str(number))
        log.append("ended")

    client = client_of(answer, "POST", components=[ModelComponent(log)])
    response = client.post("/", json={"words": ["a", "b", "c"]}, headers={"Last-Event-ID": "2"})
    assert response.text == "id: 3\ndata: c\n\n"
    assert log == ["ended", "closed"]
    assert client.post("/", json={"words": 1}).status_code == 400


def test_exception_before_the_first_value_is_an_answer() -> None:
    jobs: list[str] = []

    async def answer() -> AsyncIterator[ServerSentEvent[str]]:
        await asyncio.sleep(0)
        if not jobs:
            raise NotFound("there is no job 7")
        yield ServerSentEvent("never")

    response = client_of(answer).get("/")
    assert (response.status_code, response.json()["detail"]) == (404, "there is no job 7")


def test_fault_after_the_first_value_ends_the_stream_before_its_end() -> None:
    async def answer() -> AsyncIterator[ServerSentEvent[str]]:
        yield ServerSentEvent("a")
        raise ZeroDivisionError("oh")

    with pytest.raises(ZeroDivisionError):
        client_of(answer).get("/")


def test_hooks_see_the_answer_before_it_is_sent() -> None:
    class Names:
        def on_response(self, response: http.Response) -> None:
            response.headers["x-model"] = "star"

    class Closed:
        def on_response(self) -> http.Response:
            return http.JSONResponse({"closed": True}, 503)

    log: list[str] = []

    async def answer() -> AsyncIterator[ServerSentEvent[str]]:
        try:
            yield ServerSentEvent("a")
        finally:
            log.append("ended")

    assert client_of(answer, event_hooks=[Names]).get("/").headers["x-model"] == "star"
    assert client_of(answer, event_hooks=[Closed]).get("/").status_code == 503
    assert log == ["ended", "ended"]


class NoContent:
    """A hook; a page that is told 204 does not come back (WHATWG HTML §9.2.3)."""

    def on_response(self, response: http.Response) -> None:
        response.status_code = 204


@pytest.mark.parametrize(("method", "hooks"), [("HEAD", []), ("GET", [NoContent])])
def test_answer_without_content_is_the_head_alone_and_stops_the_generator(method: str, hooks: list[type]) -> None:
    log: list[str] = []

    async def answer() -> AsyncIterator[ServerSentEvent[str]]:
        try:
            while True:
                yield ServerSentEvent("a")
                await asyncio.sleep(0)
        finally:
            log.append("ended")

    response = client_of(answer, event_hooks=hooks).request(method, "/")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert (response.content, log) == (b"", ["ended"])


async def test_generator_is_stopped_where_it_waits_when_the_client_goes() -> None:
    log: list[str] = []

    peer = Peer(waiting(log))
    assert await peer.read(1) == [b"data: a\n\n"]
    peer.leave()
    await peer.ended()
    assert log == ["stopped"]


async def test_generator_is_stopped_before_its_first_value_when_the_client_goes() -> None:
    log: list[str] = []
    thinking = asyncio.Event()

    async def answer() -> AsyncIterator[ServerSentEvent[str]]:
        try:
            thinking.set()
            await asyncio.Event().wait()
            yield ServerSentEvent("never")
        finally:
            log.append("stopped")

    peer = Peer(ASyncApp([Route("/", handler=answer)]))
    await thinking.wait()
    peer.leave()
    await peer.ended()
    assert (log, peer.sent) == (["stopped"], [])


async def test_generator_that_waits_for_nothing_is_stopped_when_the_client_goes() -> None:
    async def answer() -> AsyncIterator[ServerSentEvent[str]]:
        while True:
            yield ServerSentEvent("a")

    peer = Peer(ASyncApp([Route("/", handler=answer)]))
    await peer.read(1000)
    peer.leave()
    await peer.ended()


async def test_quiet_stream_begins_and_is_kept_alive_by_comments() -> None:
    going_on = asyncio.Event()

    async def answer() -> AsyncIterator[ServerSentEvent[str]]:
        await going_on.wait()
        yield ServerSentEvent("a")

    peer = Peer(ASyncApp([Route("/", handler=answer)], limits=Limits(ping_interval_s=0.01)))
    assert await peer.read(3) == [b":\n\n"] * 3
    going_on.set()
    await peer.ended()
    assert [event["body"] for event in peer.sent if event.get("body", b":\n\n") != b":\n\n"] == [b"data: a\n\n", b""]


async def test_comments_that_keep_it_alive_come_as_far_apart_as_pings() -> None:
    peer = Peer(waiting([], Limits(ping_interval_s=0.1)))
    await peer.read(1)
    await asyncio.sleep(0.35)
    assert len(peer.sent) - 2 in (1, 2, 3)
    peer.leave()
    await peer.ended()


async def test_event_that_is_being_sent_is_not_interrupted_and_its_time_is_not_doubled() -> None:
    limits = Limits(ping_interval_s=0.05, send_timeout_s=0.5)
    going_on = asyncio.Event()

    async def answer() -> AsyncIterator[ServerSentEvent[str]]:
        yield ServerSentEvent("a")
        await going_on.wait()
        yield ServerSentEvent("b")

    peer = Peer(ASyncApp([Route("/", handler=answer)], limits=limits))
    await peer.read(1)
    peer.stuck = True
    going_on.set()
    begin = asyncio.get_running_loop().time()
    await peer.ended()
    assert [event["body"] for event in peer.sent[1:]] == [b"data: a\n\n", b"data: b\n\n"]
    assert asyncio.get_running_loop().time() - begin < 0.9


async def test_stream_that_ends_as_its_client_leaves_has_ended() -> None:
    going_on = asyncio.Event()

    async def answer() -> AsyncIterator[ServerSentEvent[str]]:
        yield ServerSentEvent("a")
        await going_on.wait()

    peer = Peer(ASyncApp([Route("/", handler=answer)]))
    await peer.read(1)
    going_on.set()
    peer.leave()
    await peer.ended()
    assert peer.sent[-1] == {"type": "http.response.body", "body": b""}


async def test_client_that_takes_nothing_is_given_up() -> None:
    log: list[str] = []

    async def answer() -> AsyncIterator[ServerSentEvent[str]]:
        try:
            while True:
                yield ServerSentEvent("a")
        finally:
            log.append("stopped")

    app = ASyncApp([Route("/", handler=answer)], limits=Limits(send_timeout_s=0.05, ping_interval_s=None))
    peer = Peer(app)
    await peer.read(1)
    peer.stuck = True
    await peer.ended()
    assert log == ["stopped"]


async def test_generator_runs_in_one_task_so_that_what_it_holds_between_values_holds() -> None:
    seen: list[object] = []

    async def answer() -> AsyncIterator[ServerSentEvent[str]]:
        async with asyncio.timeout(5), asyncio.TaskGroup():
            for _ in range(2):
                seen.append(asyncio.current_task())
                yield ServerSentEvent("a")
        seen.append(asyncio.current_task())

    peer = Peer(ASyncApp([Route("/", handler=answer)]))
    await peer.ended()
    assert len(set(seen)) == 1


async def test_cancelled_exchange_waits_for_the_clean_up() -> None:
    log: list[str] = []

    peer = Peer(waiting(log))
    await peer.read(1)
    peer.exchange.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await peer.ended()
    assert log == ["stopped"]


def test_clean_ups_see_that_the_client_has_gone() -> None:
    seen: list[object] = []

    async def answer(model: Model) -> AsyncIterator[ServerSentEvent[str]]:
        yield ServerSentEvent("a")
        await asyncio.Event().wait()

    async def leave() -> None:
        peer = Peer(ASyncApp([Route("/", handler=answer)], components=[ModelComponent(seen)]))
        await peer.read(1)
        peer.leave()
        await peer.ended()

    asyncio.run(leave())
    assert [type(error) for error in seen] == [ClientDisconnect]


# What is wrong


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"event": "a\nb"}, "event of a ServerSentEvent has a line break"),
        ({"id": "a\rb"}, "id of a ServerSentEvent has a line break"),
        ({"id": "a\0"}, "id of a ServerSentEvent has a NUL"),
        ({"retry_ms": -1}, "retry_ms of a ServerSentEvent is negative: -1"),
    ],
)
def test_field_that_would_make_another_event_is_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(EncodeError, match=says):
        ServerSentEvent("a", **fields)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (Token("a"), r"value of type Token in an event stream; yield http.ServerSentEvent\(…\)"),
        (ServerSentEvent(Done(1)), "value of type Done: the outgoing type is Token"),
        (ServerSentEvent(Token(7)), r"no Token: \$.text: expected str, got int"),  # type: ignore[arg-type]  # what is tested
    ],
)
def test_value_of_another_type_is_a_fault_of_the_handler(value: Any, says: str) -> None:
    async def answer() -> AsyncIterator[ServerSentEvent[Token]]:
        yield value

    with pytest.raises(EncodeError, match=says):
        client_of(answer).get("/")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"data": 7}, "value of type int: the data of this stream is str"),
        *(
            ({name: "\ud800"}, "cannot encode a text: surrogates not allowed")
            for name in ("data", "id", "event", "comment")
        ),
    ],
)
def test_text_that_is_none_is_a_fault_of_the_handler(fields: dict[str, Any], says: str) -> None:
    async def answer() -> AsyncIterator[ServerSentEvent[str]]:
        yield ServerSentEvent(**fields)

    with pytest.raises(EncodeError, match=says):
        client_of(answer).get("/")


def test_types_that_no_stream_carries_are_found_on_start_up() -> None:
    async def mixed() -> AsyncIterator[ServerSentEvent[Token] | Token]:
        yield Token("a")

    async def binary() -> AsyncIterator[ServerSentEvent[bytes]]:
        yield ServerSentEvent(b"a")

    async def socket(ws: WebSocket) -> AsyncIterator[ServerSentEvent[str]]:
        yield ServerSentEvent("a")

    with pytest.raises(UnsupportedType, match=r"mixed .*every value is to be a ServerSentEvent"):
        client_of(mixed)
    with pytest.raises(UnsupportedType, match=r"binary .*is text and cannot carry bytes"):
        client_of(binary)
    with pytest.raises(ConfigurationError, match=r"socket .*yields http.ServerSentEvent and is plain HTTP"):
        client_of(socket)


def test_schema_has_the_type_of_the_data() -> None:
    async def answer(last_event_id: http.Header = "") -> AsyncIterator[ServerSentEvent[Token]]:
        yield ServerSentEvent(Token("a"))

    document = client_of(answer).get("/schema/").json()
    operation = document["paths"]["/"]["get"]
    [(media_type, media)] = operation["responses"]["200"]["content"].items()
    assert media_type == "text/event-stream"
    data = media["schema"]["items"]["properties"]["data"]
    assert data["contentMediaType"] == "application/json"
    assert data["contentSchema"] == {"$ref": "#/components/schemas/Token"}
    assert operation["parameters"][0]["name"] == "last-event-id"
