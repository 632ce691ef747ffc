"""
Channels in an application: joining, publishing, catching up, presence, disconnecting; over the broker in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any, ClassVar

import msgspec
import pytest

from apistar import ASyncApp, AsyncTestClient, Include, Provider, Route, WebSocket, http
from apistar.channels import (
    Broker,
    Channel,
    ChannelLimits,
    Health,
    History,
    MemberJoined,
    MemberLeft,
    MemoryBroker,
    Page,
    Position,
    Presence,
    Published,
    conflate,
    drop_oldest,
)
from apistar.exceptions import (
    ConfigurationError,
    EncodeError,
    RouteConfigurationError,
    UsageError,
    WebSocketDisconnect,
)
from apistar.testing import AsyncWebSocketSession
from tests.channels.simulation import socket
from tests.transports.wire import until


class Say(msgspec.Struct, tag="say"):
    text: str


class Said(msgspec.Struct, tag="said"):
    by: str
    text: str


class Joined(msgspec.Struct, tag="joined"):
    position: Position
    recovered: bool
    members: list[str]


class Room(Channel[Said]):
    """One chat room."""

    topic = "room:{room}"
    history = History(size=5, ttl_s=60)
    presence = Presence(grace_s=0.1, ttl_s=30)


class Ticker(Channel[dict[str, int]]):
    topic = "ticker"


class Numbered(Channel[int]):
    topic = "numbered"
    history = History()
    numbered = True


async def chat(
    ws: WebSocket[Say, Said | Joined | MemberJoined | MemberLeft],
    room: Room,
    name: str = "ann",
    since: int | None = None,
    epoch: str = "",
) -> None:
    await ws.connect()
    position = None if since is None else Position(epoch, since)
    async with room.join(ws, member=name, since=position, presence=True) as joined:
        await ws.send(Joined(joined.position, joined.recovered, await room.members()))
        async for message in ws:
            await room.publish(Said(name, message.text))


async def announce(body: http.Body[Say], rooms: Provider[Room], room: str = "lobby") -> Position:
    async with rooms(room=room) as found:
        return await found.publish(Said("server", body.text))


async def post(body: http.Body[Say], room: Room) -> Position:
    return await room.publish(Said("post", body.text))


async def ticker(ws: WebSocket[str, dict[str, int]], ticker: Ticker) -> None:
    await ws.connect()
    async with ticker.join(ws):
        async for _ in ws:
            pass


async def numbered(ws: WebSocket[str, Published[int]], channel: Numbered) -> None:
    await ws.connect()
    async with channel.join(ws):
        async for _ in ws:
            pass


def application(**options: Any) -> ASyncApp:
    return ASyncApp(
        routes=[
            Route("/chat/{room}", handler=chat),
            Route("/chat/{room}", "POST", post),
            Route("/announce", "POST", announce),
            Include("/feeds", "feeds", [Route("/ticker", handler=ticker), Route("/numbered", handler=numbered)]),
        ],
        **options,
    )


@pytest.fixture
async def app() -> ASyncApp:
    return application()


@pytest.fixture
async def client(app: ASyncApp) -> AsyncIterator[AsyncTestClient]:
    async with AsyncTestClient(app) as opened:
        yield opened


async def enter(stack: contextlib.AsyncExitStack, client: AsyncTestClient, url: str) -> AsyncWebSocketSession:
    """Open a chat and wait until it has joined."""
    session = await stack.enter_async_context(client.websocket(url))
    while (await session.receive_json())["type"] != "joined":
        pass
    return session


def said(by: str, text: str) -> dict[str, str]:
    return {"type": "said", "by": by, "text": text}


# Joining and publishing


async def test_publication_reaches_every_socket_of_the_topic_and_no_other(client: AsyncTestClient) -> None:
    async with contextlib.AsyncExitStack() as stack:
        ann, bob, cy = [
            await enter(stack, client, f"/chat/{room}?name={name}")
            for room, name in (("a", "ann"), ("a", "bob"), ("b", "cy"))
        ]
        assert await ann.receive_json() == {"type": "member_joined", "member": "bob"}
        await ann.send_json({"type": "say", "text": "hi"})
        assert await ann.receive_json() == said("ann", "hi")
        assert await bob.receive_json() == said("ann", "hi")
        await cy.send_json({"type": "say", "text": "alone"})
        assert await cy.receive_json() == said("cy", "alone")


async def test_http_handler_publishes_to_a_topic_of_its_url_and_of_its_choice(client: AsyncTestClient) -> None:
    async with client.websocket("/chat/lobby") as ann:
        await ann.receive_json()
        first = await client.post("/announce", json={"type": "say", "text": "one"})
        second = await client.post("/chat/lobby", json={"type": "say", "text": "two"})
        assert [first.json()["offset"], second.json()["offset"]] == [1, 2]
        assert [await ann.receive_json(), await ann.receive_json()] == [said("server", "one"), said("post", "two")]


async def test_background_code_publishes_through_the_application(app: ASyncApp, client: AsyncTestClient) -> None:
    async with client.websocket("/feeds/ticker") as session:
        await until(lambda: app.hub.statistics()["followers"] == 1, "joined")
        assert await Ticker(app).publish({"gold": 7}) == Position("", 0)
        assert await session.receive_json() == {"gold": 7}


async def test_joining_since_nowhere_is_joining_now(app: ASyncApp) -> None:
    found: list[tuple[Position, bool]] = []

    async def visit(ws: WebSocket, ticker: Ticker) -> None:
        await ws.connect()
        async with ticker.join(ws) as joined:
            found.append((joined.position, joined.recovered))
        async with ticker.join(ws, since=joined.position) as joined, ticker.subscribe(since=joined.position) as reader:
            found.append((joined.position, joined.recovered))
            found.append((reader.position, reader.recovered))
        async with Room(app, room="x").join(ws, since=joined.position) as joined:
            found.append((Position("", joined.position.offset), joined.recovered))
            assert joined.position.epoch

    async with AsyncTestClient(ASyncApp([Route("/", handler=visit)])) as client, client.websocket("/") as session:
        await session.wait_closed()
        assert session.close_code == 1000
    assert found == [(Position("", 0), False)] * 4


async def test_socket_that_left_gets_nothing_more_and_the_topic_is_forgotten(client: AsyncTestClient) -> None:
    seen: list[str] = []

    async def visit(ws: WebSocket[str, str | dict[str, int]], ticker: Ticker) -> None:
        await ws.connect()
        async with ticker.join(ws):
            await ticker.publish({"in": 1})
        await ticker.publish({"out": 2})
        await ws.send("over")

    app = ASyncApp([Route("/", handler=visit)])
    async with AsyncTestClient(app) as other, other.websocket("/") as session:
        seen.append(await session.receive_text())
        seen.append(await session.receive_text())
        await until(lambda: app.hub.statistics()["topics"] == 0, "forgotten")
    assert seen == ['{"in":1}', '"over"']


async def test_values_are_checked_when_they_are_published(app: ASyncApp) -> None:
    with pytest.raises(EncodeError, match="Said"):
        await Room(app, room="x").publish("text")  # type: ignore[arg-type]  # the mistake that is tested


async def test_sockets_get_positions_where_the_channel_numbers(app: ASyncApp, client: AsyncTestClient) -> None:
    async with client.websocket("/feeds/numbered") as session:
        await until(lambda: app.hub.statistics()["followers"] == 1, "joined")
        position = await Numbered(app).publish(7)
        assert position is not None
        assert await session.receive_json() == {
            "data": 7,
            "position": {"epoch": position.epoch, "offset": 1},
        }


async def test_socket_of_another_codec_gets_publications_in_it(app: ASyncApp) -> None:
    app = ASyncApp([Route("/", handler=numbered, codecs=["json", "msgpack"])])
    async with AsyncTestClient(app) as client, client.websocket("/", subprotocols=["msgpack"]) as session:
        await until(lambda: app.hub.statistics()["followers"] == 1, "joined")
        await Numbered(app).publish(7)
        assert msgspec.msgpack.decode(await session.receive_bytes())["data"] == 7


async def test_text_and_bytes_travel_as_they_are() -> None:
    class Lines(Channel[str]):
        topic = "lines"

    class Blobs(Channel[bytes]):
        topic = "blobs"

    async def follow(ws: WebSocket, lines: Lines, blobs: Blobs) -> None:
        await ws.connect()
        async with lines.join(ws), blobs.join(ws):
            await lines.publish('ü"')
            await blobs.publish(b"\x00")
            await ws.receive()

    app = ASyncApp([Route("/", handler=follow)])
    async with AsyncTestClient(app) as client, client.websocket("/") as session:
        assert [await session.receive(), await session.receive()] == ['ü"', b"\x00"]
    with pytest.raises(EncodeError, match="carries str, got int"):
        await Lines(app).publish(1)  # type: ignore[arg-type]  # the mistake that is tested


async def test_repeated_publish_with_one_key_is_one_publication(app: ASyncApp, client: AsyncTestClient) -> None:
    async with client.websocket("/chat/lobby") as session:
        await session.receive_json()
        room = Room(app, room="lobby")
        first = await room.publish(Said("a", "once"), idempotency_key="k")
        assert await room.publish(Said("a", "once"), idempotency_key="k") == first
        await room.publish(Said("a", "end"))
        assert [(await session.receive_json())["text"] for _ in range(2)] == ["once", "end"]


# Catching up


async def test_socket_that_was_away_gets_what_it_missed(app: ASyncApp, client: AsyncTestClient) -> None:
    async with client.websocket("/chat/lobby") as session:
        start = (await session.receive_json())["position"]
    assert start["offset"] == 0, "known although nothing was ever published"
    room = Room(app, room="lobby")
    for number in range(3):
        await room.publish(Said("a", str(number)))
    async with client.websocket(f"/chat/lobby?since=1&epoch={start['epoch']}") as session:
        assert [(await session.receive_json())["text"] for _ in range(2)] == ["1", "2"]
        joined = await session.receive_json()
        assert (joined["recovered"], joined["position"]["offset"]) == (True, 3)
        await room.publish(Said("a", "3"))
        assert (await session.receive_json())["text"] == "3"


@pytest.mark.parametrize(
    ("since", "epoch"),
    [(0, "right"), (7, "wrong"), (99, "right"), (-1, "right"), (8, "x" * 100), (1 << 62, "right"), (8, "")],
)
async def test_recovery_is_all_or_nothing(app: ASyncApp, client: AsyncTestClient, since: int, epoch: str) -> None:
    room = Room(app, room="lobby")
    for number in range(8):
        position = await room.publish(Said("a", str(number)))
    assert position is not None
    epoch = position.epoch if epoch == "right" else epoch
    async with client.websocket(f"/chat/lobby?since={since}&epoch={epoch}") as session:
        joined = await session.receive_json()
        assert (joined["type"], joined["recovered"], joined["position"]["offset"]) == ("joined", False, 8)
        await room.publish(Said("a", "new"))
        assert (await session.receive_json())["text"] == "new"


@pytest.mark.parametrize(
    "since", [Position("x", -1), Position("x", 1 << 53), Position("x" * 65, 1)], ids=["negative", "offset", "epoch"]
)
async def test_broker_is_not_asked_for_a_position_that_no_broker_gave(since: Position) -> None:
    class Asked(MemoryBroker):
        positions_asked: ClassVar[list[Position | None]] = []

        async def read(self, topic: str, history: History, since: Position | None = None) -> Page:
            self.positions_asked.append(since)
            return await super().read(topic, history, since)

    broker = Asked()
    async with Room(broker, room="a").subscribe(since=since) as publications:
        assert not publications.recovered
    assert broker.positions_asked
    assert since not in broker.positions_asked


async def test_recent_publications_can_be_read(app: ASyncApp) -> None:
    room = Room(app, room="lobby")
    assert await room.recent() == []
    for number in range(8):
        await room.publish(Said("a", str(number)))
    assert [one.data.text for one in await room.recent()] == ["3", "4", "5", "6", "7"]
    assert [one.data.text for one in await room.recent(2)] == ["6", "7"]
    assert await room.recent(0) == []
    assert (await room.position()).offset == 8


async def test_handler_iterates_over_publications_and_goes_on_from_a_position(app: ASyncApp) -> None:
    room = Room(app, room="lobby")
    first = await room.publish(Said("a", "0"))
    await room.publish(Said("a", "1"))
    async with room.subscribe(since=first) as publications:
        assert publications.recovered
        await room.publish(Said("a", "2"))
        found = [await anext(publications) for _ in range(2)]
        assert [one.data.text for one in found] == ["1", "2"]
        assert [one.position.offset for one in found if one.position] == [2, 3]
    with pytest.raises(StopAsyncIteration):
        await anext(publications)
    await until(lambda: app.hub.statistics()["topics"] == 0, "forgotten")


async def test_script_publishes_and_subscribes_without_an_application() -> None:
    async with Broker.connect("memory://") as broker:
        room = Room(broker, room="7")
        async with Room(broker, room="7").subscribe() as publications:
            await room.publish(Said("script", "hello"))
            assert (await anext(publications)).data == Said("script", "hello")


# Presence


async def test_members_are_counted_per_member_and_leave_after_the_grace(client: AsyncTestClient) -> None:
    async with client.websocket("/chat/x?name=ann") as watcher:
        assert (await watcher.receive_json())["members"] == ["ann"]
        async with client.websocket("/chat/x?name=bob") as tab:
            await tab.receive_json()
            async with client.websocket("/chat/x?name=bob") as other_tab:
                assert (await other_tab.receive_json())["members"] == ["ann", "bob"]
            await tab.send_json({"type": "say", "text": "still here"})
            assert await watcher.receive_json() == {"type": "member_joined", "member": "bob"}
            assert await watcher.receive_json() == said("bob", "still here")
        assert await watcher.receive_json() == {"type": "member_left", "member": "bob"}


async def test_member_who_comes_back_within_the_grace_never_left() -> None:
    class Slow(Room):
        topic = "slow:{room}"
        presence = Presence(grace_s=30)

    async def stay(ws: WebSocket, room: Slow, name: str) -> None:
        await ws.connect()
        async with room.join(ws, member=name):
            await ws.receive()

    app = ASyncApp([Route("/{room}", handler=stay)])
    async with AsyncTestClient(app) as client, Slow(app, room="1").changes() as changes:
        for _ in range(3):
            async with client.websocket("/1?name=ann"):
                await until(lambda: app.hub.statistics()["members"] == 1, "here")
            await until(lambda: app.hub.statistics()["members"] == 0, "gone")
        async with client.websocket("/1?name=bob"):
            found = [await anext(changes), await anext(changes)]
            assert found == [MemberJoined("ann"), MemberJoined("bob")]
            assert await Slow(app, room="1").members() == ["ann", "bob"]


async def test_member_of_a_lost_socket_leaves_though_its_handler_goes_on() -> None:
    go_on = asyncio.Event()

    async def stubborn(ws: WebSocket, room: Room, name: str) -> None:
        await ws.connect()
        async with room.join(ws, member=name):
            await go_on.wait()

    app = ASyncApp([Route("/{room}", handler=stubborn)])
    async with (
        AsyncTestClient(app) as client,
        Room(app, room="1").changes() as changes,
        client.websocket("/1?name=ann") as session,
    ):
        assert await anext(changes) == MemberJoined("ann")
        await session.close()
        assert await asyncio.wait_for(anext(changes), 5) == MemberLeft("ann")
        go_on.set()


async def test_member_is_disconnected_everywhere_or_in_one_topic(app: ASyncApp, client: AsyncTestClient) -> None:
    async with contextlib.AsyncExitStack() as stack:
        one = await enter(stack, client, "/chat/a?name=ann")
        two = await enter(stack, client, "/chat/b?name=ann")
        bob = await enter(stack, client, "/chat/a?name=bob")
        await Room(app, room="a").disconnect(member="ann", code=4003, reason="out")
        await one.wait_closed()
        assert (one.close_code, one.close_reason) == (4003, "out")
        await app.disconnect(member="ann")
        await two.wait_closed()
        assert two.close_code == 1008
        assert bob.close_code is None
        await app.disconnect(member="nobody")


# What is refused


async def test_joining_before_the_handshake_or_twice_is_an_error() -> None:
    faults: list[str] = []

    async def handler(ws: WebSocket, ticker: Ticker, room: Provider[Room]) -> None:
        for join in (ticker.join(ws), ticker.join(ws, member="ann"), ticker.join(ws, since=Position("e", 1))):
            if ws.connecting and len(faults) == 1:
                await ws.connect()
            try:
                async with join:
                    pass
            except Exception as error:
                faults.append(f"{type(error).__name__}: {error}")
            if len(faults) == 1 and ws.connecting:
                await ws.connect()
        async with ticker.join(ws):
            try:
                async with ticker.join(ws):
                    pass
            except UsageError as error:
                faults.append(str(error))

    app = ASyncApp([Route("/", handler=handler)])
    async with AsyncTestClient(app) as client, client.websocket("/") as session:
        await session.wait_closed()
    assert faults == [
        "WebSocketNotConnected: cannot join before the handshake is complete; call `await ws.connect()` first",
        "UsageError: join() with a member or presence needs presence = True on Ticker",
        "UsageError: join(since=…) needs history = History(…) on Ticker",
        "this WebSocket has joined 'ticker' already",
    ]


@pytest.mark.parametrize("what", ["join", "subscribe", "changes"])
async def test_block_that_is_never_entered_warns(what: str) -> None:
    """`room.join(ws)` by itself reads as if it had joined, and no publication ever comes."""
    room = Room(MemoryBroker(), room="7")
    websocket, _ = await socket()
    with pytest.warns(RuntimeWarning, match="of 'room:7' was never entered, and nothing comes; write `async with`"):
        room.join(websocket) if what == "join" else room.subscribe() if what == "subscribe" else room.changes()


async def test_socket_joins_no_more_topics_than_it_may() -> None:
    async def handler(ws: WebSocket, rooms: Provider[Room]) -> None:
        await ws.connect()
        async with (
            rooms(room="1") as one,
            rooms(room="2") as two,
            rooms(room="3") as three,
            one.join(ws),
            two.join(ws),
            three.join(ws),
        ):
            pass

    app = ASyncApp([Route("/", handler=handler)], channel_limits=ChannelLimits(max_topics_per_socket=2))
    async with AsyncTestClient(app) as client, client.websocket("/") as session:
        await session.wait_closed()
    assert session.close_code == 1008
    assert session.close_reason == "a socket may join max_topics_per_socket of 2"
    assert app.hub.statistics() == dict.fromkeys(("topics", "followers", "sockets", "members"), 0)


async def test_topic_takes_no_more_members_than_it_may() -> None:
    app = application(channel_limits=ChannelLimits(max_members=1))
    async with AsyncTestClient(app) as client, client.websocket("/chat/x?name=ann") as ann:
        await ann.receive_json()
        async with client.websocket("/chat/x?name=bob") as bob:
            await bob.wait_closed()
        assert (bob.close_code, bob.close_reason) == (1013, "topic has its max_members of 1")


async def test_limits_of_payload_key_and_topic(client: AsyncTestClient) -> None:
    app = application(channel_limits=ChannelLimits(max_payload_bytes=50, max_key_bytes=3, max_topic_bytes=10))
    room = Room(app, room="x")
    with pytest.raises(EncodeError, match=r"payload of \d+ bytes exceeds max_payload_bytes of 50"):
        await room.publish(Said("a", "x" * 50))
    with pytest.raises(UsageError, match="idempotency_key exceeds max_key_bytes of 3"):
        await room.publish(Said("a", "x"), idempotency_key="long")
    with pytest.raises(UsageError, match="topic of 11 bytes exceeds max_topic_bytes of 10"):
        Room(app, room="123456")
    with pytest.raises(UsageError, match=r"history\.size of 5 exceeds max_history_size of 4"):
        Room(application(channel_limits=ChannelLimits(max_history_size=4)), room="x")
    async with AsyncTestClient(app) as limited:
        assert (await limited.post("/chat/123456", json={"type": "say", "text": "x"})).status_code == 404
        assert (await limited.post("/chat/%0a", json={"type": "say", "text": "x"})).status_code == 404


async def test_parameters_of_a_client_that_make_no_topic_are_not_found() -> None:
    async def handler(ws: WebSocket, rooms: Provider[Room]) -> None:
        await ws.connect()
        async for message in ws:
            async with rooms(room=message):
                await ws.send("found")

    async with AsyncTestClient(ASyncApp([Route("/", handler=handler)])) as client, client.websocket("/") as session:
        await session.send("x")
        assert await session.receive() == "found"
        await session.send("x" * 300)
        await session.wait_closed()
    assert session.close_code == 4404


@pytest.mark.parametrize("name", ["", "x" * 300])
async def test_member_without_a_name_or_with_a_long_one_is_refused(client: AsyncTestClient, name: str) -> None:
    async with client.websocket(f"/chat/x?name={name}") as session:
        await session.wait_closed()
    assert session.close_code == 1008
    assert session.close_reason == f"member has {len(name)} bytes; 1 to max_member_bytes of 255 are allowed"


def test_parameters_never_make_two_topics_one() -> None:
    class Pair(Channel[int]):
        topic = "pair:{a}-{b}"

    app = ASyncApp()
    topics = [Pair(app, a=a, b=b).topic for a, b in [("1", "2-3"), ("1-2", "3"), ("1%2D2", "3"), ("1", "2"), ("ü", 1)]]
    assert topics[0] == "pair:1-2%2D3"
    assert len(set(topics)) == 5
    assert Room(app, room="a b/c").topic == "room:a b/c"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda app: Room(app), "Room takes the parameters room, got none"),
        (lambda app: Room(app, room="1", other=2), "Room takes the parameters room, got room, other"),
        (lambda app: Channel(app), "Channel has no topic"),
    ],
)
def test_channel_that_is_made_wrongly_says_so(make: Callable[[ASyncApp], object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        make(ASyncApp())


@pytest.mark.parametrize("topic", ["", "a{b", "a}", "{a}{a}", "line\nbreak"])
def test_topic_that_is_no_template_is_a_configuration_error(topic: str) -> None:
    with pytest.raises(ConfigurationError):
        type("Wrong", (Channel,), {"topic": topic})


def test_channel_whose_parameters_the_url_lacks_is_a_configuration_error() -> None:
    async def handler(ws: WebSocket, room: Room) -> None: ...

    with pytest.raises(RouteConfigurationError, match=r"needs \{room\}, which the URL '/' does not have"):
        ASyncApp([Route("/", handler=handler)])


async def test_provider_that_misses_a_parameter_says_which(client: AsyncTestClient) -> None:
    async def handler(rooms: Provider[Room], how: str) -> None:
        async with rooms(**{how: "x"} if how else {}):
            pass

    async with AsyncTestClient(ASyncApp([Route("/", "GET", handler)]), raise_server_exceptions=True) as other:
        with pytest.raises(UsageError, match="takes no parameter 'rom'; it asks for: room"):
            await other.get("/?how=rom")
        with pytest.raises(UsageError, match=r"needs room=…"):
            await other.get("/?how=")


def test_application_says_why_one_process_alone_can_serve_it() -> None:
    reason = application().single_process
    assert reason is not None
    assert reason.startswith("memory:// carries publications of Numbered, Room, Ticker within one process only")
    assert ASyncApp().single_process is None


async def test_application_starts_and_stops_more_than_once(app: ASyncApp) -> None:
    for _ in range(2):
        async with AsyncTestClient(app) as client, client.websocket("/chat/x") as session:
            assert (await session.receive_json())["members"] == ["ann"]
        assert app.hub.statistics() == dict.fromkeys(("topics", "followers", "sockets", "members"), 0)


async def test_socket_that_ends_while_it_joins_leaves_nothing_behind(app: ASyncApp) -> None:
    async with AsyncTestClient(app) as client:
        for _ in range(5):
            session = client.websocket("/chat/x")
            await session.__aenter__()
            await session.close()
            with pytest.raises((WebSocketDisconnect, StopAsyncIteration)):
                while True:
                    await session.receive()
            await session.__aexit__(None, None, None)
        await until(lambda: not any(app.hub.statistics().values()), "nothing is left")


def test_policies_have_names() -> None:
    assert repr(drop_oldest) == "drop_oldest"
    assert repr(conflate("symbol")) == "conflate('symbol')"


async def test_readiness_route_shows_the_health_of_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    app = application(ready_url="/ready")
    async with AsyncTestClient(app) as client:
        assert (await client.get("/ready")).status_code == 200
        monkeypatch.setattr(app.broker, "health", lambda: Health(False, "no answer", 1))
        answer = await client.get("/ready")
        assert answer.status_code == 503
        assert answer.json() == {
            "ready": False,
            "broker": {"url": "memory://", "available": False, "detail": "no answer", "restarts": 1},
        }


async def test_application_that_meets_channels_after_its_start_stops_them_too() -> None:
    app = ASyncApp()
    async with AsyncTestClient(app) as client:
        await client.get("/")
        following = Ticker(app).subscribe()
        publications = await following.__aenter__()
        await Ticker(app).publish({"a": 1})
        assert (await anext(publications)).data == {"a": 1}
    assert not [task for task in asyncio.all_tasks() if "apistar: channels" in task.get_name()]


def test_application_without_channels_imports_nothing_of_them() -> None:
    program = (
        "import sys\nfrom apistar import ASyncApp, Route, WebSocket\n"
        "async def handler(ws: WebSocket): ...\n"
        "ASyncApp([Route('/', handler=handler)])\n"
        "sys.exit(any(name.startswith('apistar.channels') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
