"""What listens, over a line whose every answer the test gives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from apistar.channels import listening as listening_module
from apistar.channels.listening import Listening
from apistar.exceptions import BrokerUnavailable
from tests.transports.wire import TIME_LIMIT_S, until

TIMEOUT_S = 5.0


class LineFault(Exception):
    """Of the technology."""


class FakeLine:
    """
    A line to an engine that does at once what it is asked for, and says so when the test lets it.

    Attributes:
        heard: By the engine: topics that it sends.
        asked: Every command, in order.
        blocked: Whoever sends waits.
    """

    faults: tuple[type[Exception], ...] = (LineFault,)

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.heard: set[str] = set()
        self.asked: list[str] = []
        self.closed = False
        self._coming: asyncio.Queue[list[tuple[str, bytes | None]] | Exception] = asyncio.Queue()

    async def open(self) -> None:
        if self._engine.gone:
            raise LineFault("nobody is there")

    async def close(self) -> None:
        self.closed = True

    async def listen(self, topics: Sequence[str]) -> None:
        await self._engine.takes.wait()
        self.heard.update(topics)
        self.asked.append(f"listen {' '.join(topics)}")
        if self._engine.confirms:
            self.come(*((topic, None) for topic in topics))

    async def unlisten(self, topic: str) -> None:
        await self._engine.takes.wait()
        self.heard.discard(topic)
        self.asked.append(f"unlisten {topic}")

    async def ask(self) -> None:
        self.asked.append("ask")
        if self._engine.answers:
            self.come()

    def come(self, *messages: tuple[str, bytes | None]) -> None:
        self._coming.put_nowait(list(messages))

    def fail(self, error: Exception) -> None:
        self._coming.put_nowait(error)

    async def receive(self, timeout_s: float) -> Sequence[tuple[str, bytes | None]] | None:
        try:
            async with asyncio.timeout(timeout_s):
                found = await self._coming.get()
        except TimeoutError:
            return None
        if isinstance(found, Exception):
            raise found
        return found


class Engine:
    """
    Attributes:
        lines: That were made, in order.
        takes: Commands; whoever sends one waits for it.
        confirms: That it listens.
        answers: Questions.
        gone: Nobody can connect.
    """

    def __init__(self) -> None:
        self.lines: list[FakeLine] = []
        self.takes = asyncio.Event()
        self.takes.set()
        self.confirms = True
        self.answers = True
        self.gone = False
        self.told: list[tuple[str, bytes]] = []
        self.words: list[str] = []
        self.fault: Exception | None = None

    @property
    def line(self) -> FakeLine:
        """The newest one."""
        return self.lines[-1]

    def connect(self) -> FakeLine:
        self.lines.append(FakeLine(self))
        return self.line

    def tell(self, topic: str, message: bytes) -> None:
        self.told.append((topic, message))
        if self.fault is not None:
            raise self.fault

    def listening(self, timeout_s: float = TIMEOUT_S) -> Listening:
        return Listening(
            self.connect,
            "fake://",
            timeout_s,
            self.tell,
            lambda: self.words.append("interrupted"),
            lambda: self.words.append("resumed"),
        )


@pytest.fixture
async def engine() -> Engine:
    return Engine()


@pytest.fixture
async def listening(engine: Engine) -> AsyncIterator[Listening]:
    made = engine.listening()
    yield made
    await made.close()


async def test_second_who_subscribes_does_not_depend_on_the_first(engine: Engine, listening: Listening) -> None:
    """Who is cancelled before it has sent anything."""
    await listening.subscribe("other")
    engine.takes.clear()
    sending = asyncio.ensure_future(listening.subscribe("slow"))
    await asyncio.sleep(0)
    first = asyncio.ensure_future(listening.subscribe("t"))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(listening.subscribe("t"))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first})
    engine.takes.set()
    async with asyncio.timeout(1):
        await asyncio.gather(sending, second)
    assert "t" in engine.line.heard


async def test_subscription_that_was_given_up_is_taken_back_when_it_is_confirmed(engine: Engine) -> None:
    """Else the engine sends a topic that nobody wants, for as long as the connection lasts."""
    listening = engine.listening(timeout_s=0.05)
    await listening.subscribe("other")
    engine.confirms = False
    with pytest.raises(BrokerUnavailable, match=r"fake://: no answer within 0\.05 s"):
        await listening.subscribe("t")
    assert engine.line.heard == {"other", "t"}
    engine.line.come(("t", None))
    await until(lambda: engine.line.heard == {"other"}, "it is taken back")
    await listening.close()


async def test_topic_that_is_dropped_while_all_are_subscribed_again_is_not_sent(
    engine: Engine, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening_module, "TOPICS_PER_COMMAND", 1)
    await asyncio.gather(*(listening.subscribe(topic) for topic in "abc"))
    engine.takes.clear()
    engine.line.fail(LineFault("gone"))
    await until(lambda: listening._line is not None and len(engine.lines) == 2, "a line is there again")
    dropping = asyncio.ensure_future(listening.unsubscribe("c"))
    await asyncio.sleep(0)
    engine.takes.set()
    await dropping
    await until(lambda: engine.words == ["interrupted", "resumed"], "everything is subscribed again")
    await until(lambda: engine.line.heard == {"a", "b"}, "only what is wanted")


async def test_confirmations_of_a_connection_that_is_gone_count_for_nothing(
    engine: Engine, listening: Listening
) -> None:
    await listening.subscribe("other")
    engine.confirms = False
    subscribing = asyncio.ensure_future(listening.subscribe("t"))
    await until(lambda: "t" in engine.line.heard, "it was asked for")
    engine.confirms = True
    engine.line.fail(LineFault("gone"))
    async with asyncio.timeout(2):
        await subscribing


async def test_it_is_resumed_when_the_last_topic_is_confirmed(engine: Engine, listening: Listening) -> None:
    await asyncio.gather(*(listening.subscribe(topic) for topic in "ab"))
    engine.confirms = False
    engine.line.fail(LineFault("gone"))
    await until(lambda: len(engine.lines) == 2 and engine.line.heard == {"a", "b"}, "they are asked for again")
    engine.line.come(("a", None))
    engine.line.come(("a", b"x"))
    await until(lambda: engine.told == [("a", b"x")], "the first one comes")
    assert (engine.words, listening.fault) == (["interrupted"], "gone")
    engine.line.come(("b", None))
    await until(lambda: engine.words == ["interrupted", "resumed"], "all of them come")
    assert listening.fault == ""
    engine.line.fail(LineFault("gone"))
    await until(lambda: engine.words == ["interrupted", "resumed", "interrupted"], "it is said again")


async def test_what_comes_on_a_topic_that_was_dropped_is_dropped(engine: Engine, listening: Listening) -> None:
    await asyncio.gather(*(listening.subscribe(topic) for topic in "ab"))
    await listening.unsubscribe("a")
    engine.line.come(("a", b"late"), ("b", b"x"))
    await until(lambda: bool(engine.told), "something came")
    assert engine.told == [("b", b"x")]


async def test_topic_that_is_dropped_and_wanted_again_is_confirmed_by_the_newest(
    engine: Engine, listening: Listening
) -> None:
    """The older confirmation is of a subscription that is over."""
    await listening.subscribe("other")
    engine.confirms = False
    first = asyncio.ensure_future(listening.subscribe("t"))
    await until(lambda: "t" in engine.line.heard, "it was asked for")
    await listening.unsubscribe("t")
    second = asyncio.ensure_future(listening.subscribe("t"))
    await until(lambda: engine.line.asked[-3:] == ["listen t", "unlisten t", "listen t"], "it was asked for again")
    with pytest.raises(BrokerUnavailable, match="fake://: unsubscribed while subscribing"):
        await first
    engine.line.come(("t", None))
    engine.line.come(("other", b"x"))
    await until(lambda: bool(engine.told), "the confirmation came")
    assert not second.done()
    engine.line.come(("t", None))
    async with asyncio.timeout(2):
        await second


async def test_topic_that_is_wanted_again_before_it_was_dropped_is_not_dropped(
    engine: Engine, listening: Listening
) -> None:
    await asyncio.gather(*(listening.subscribe(topic) for topic in ("t", "other")))
    engine.takes.clear()
    sending = asyncio.ensure_future(listening.subscribe("slow"))
    await asyncio.sleep(0)
    dropping = asyncio.ensure_future(listening.unsubscribe("t"))
    await asyncio.sleep(0)
    again = asyncio.ensure_future(listening.subscribe("t"))
    await asyncio.sleep(0)
    engine.takes.set()
    async with asyncio.timeout(2):
        await asyncio.gather(sending, dropping, again)
    assert "unlisten t" not in engine.line.asked
    assert "t" in engine.line.heard


async def test_command_for_a_connection_that_is_gone_is_not_sent_over_the_next(
    engine: Engine, listening: Listening
) -> None:
    """The next session asks for what is wanted by itself: one confirmation comes of it, not two."""
    await listening.subscribe("other")
    engine.takes.clear()
    sending = asyncio.ensure_future(listening.subscribe("slow"))
    await asyncio.sleep(0)
    waiting = asyncio.ensure_future(listening.subscribe("t"))
    await asyncio.sleep(0)
    first = engine.line
    first.fail(LineFault("gone"))
    await until(lambda: len(engine.lines) == 2, "another connection is there")
    engine.takes.set()
    async with asyncio.timeout(2):
        await asyncio.gather(sending, waiting)
    assert "listen t" not in first.asked
    assert [command for command in engine.line.asked if " t" in f"{command} "] == ["listen other slow t"]


async def test_who_cannot_subscribe_is_told_what_is_wrong_with_the_connection(engine: Engine) -> None:
    listening = engine.listening(timeout_s=0.1)
    engine.gone = True
    with pytest.raises(BrokerUnavailable, match=r"^fake://: nobody is there$"):
        await listening.subscribe("t")
    engine.gone = False
    async with asyncio.timeout(TIME_LIMIT_S):
        while not engine.line.heard:
            with contextlib.suppress(BrokerUnavailable):  # a tenth of a second may be too short
                await listening.subscribe("other")
    assert engine.line.heard == {"other"}, "what was given up is not asked for"
    await listening.close()
    with pytest.raises(BrokerUnavailable, match="the connection to fake:// is closed"):
        await listening.subscribe("t")


async def test_engine_that_answers_no_question_is_given_up(
    engine: Engine, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening_module, "PING_INTERVAL_S", 0.02)
    await listening.subscribe("t")
    await until(lambda: engine.lines[0].asked.count("ask") > 2, "silence alone is none")
    assert len(engine.lines) == 1
    engine.answers = False
    await until(lambda: len(engine.lines) > 1, "another connection is made")
    assert engine.words[0] == "interrupted"
    assert engine.lines[0].closed


async def test_fault_long_after_a_failure_is_mended_at_once(
    engine: Engine, listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause that had grown while nobody could connect is over."""
    pauses: list[float] = []

    class Spread(float):
        """The part of a pause that is waited for: none, but the pause is known."""

        def __rmul__(self, pause_s: float) -> float:
            pauses.append(pause_s)
            return 0.0

    monkeypatch.setattr("apistar.channels.listening.random.uniform", lambda *_: Spread())
    await listening.subscribe("t")
    engine.gone = True
    engine.line.fail(LineFault("gone"))
    await until(lambda: len(pauses) > 10, "it tries again and again")
    assert max(pauses) == listening_module.MAX_DELAY_S
    engine.gone = False
    await until(lambda: engine.words == ["interrupted", "resumed"], "it is there again")
    tried = len(pauses)
    engine.fault = ValueError("of the listener")
    engine.line.come(("t", b"x"))
    await until(lambda: len(pauses) > tried, "it starts again")
    assert pauses[tried] == listening_module.FIRST_DELAY_S
