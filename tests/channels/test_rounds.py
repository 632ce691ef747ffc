"""Rounds of commands to an engine whose every answer the test gives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from apistar.channels import rounds as rounds_module
from apistar.channels.rounds import Rounds
from apistar.exceptions import BrokerUnavailable
from tests.transports.wire import until


class RefusedError(Exception):
    """Of the technology."""


class Echoes(Rounds[str]):
    """
    Answers each command with itself, in capitals.

    Attributes:
        sent: Each round.
        answers: Rounds; an exchange waits for it.
        fail: What an exchange raises.
    """

    faults = (RefusedError,)

    def __init__(self, timeout_s: float = 5.0) -> None:
        super().__init__("fake://", timeout_s)
        self.sent: list[list[str]] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.fail: Exception | None = None
        self.disconnected = 0

    async def exchange(self, commands: list[str]) -> list[Any]:
        self.sent.append(commands)
        await self.answers.wait()
        if self.fail is not None:
            raise self.fail
        return [RefusedError(f"no {command}") if "!" in command else command.upper() for command in commands]

    async def disconnect(self) -> None:
        self.disconnected += 1


async def begun(call: Awaitable[Any]) -> asyncio.Future[Any]:
    """A call that is under way."""
    future = asyncio.ensure_future(call)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return future


async def test_what_waits_meanwhile_goes_together_in_order() -> None:
    rounds = Echoes()
    rounds.answers.clear()
    first = await begun(rounds.call("a"))
    rest = [await begun(rounds.call_all(["b", "c"])), await begun(rounds.call("d")), await begun(rounds.call_all([]))]
    rounds.answers.set()
    assert await asyncio.gather(first, *rest) == ["A", ["B", "C"], "D", []]
    assert rounds.sent == [["a"], ["b", "c", "d"]]


async def test_round_has_no_more_commands_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds_module, "MAX_ROUND", 2)
    rounds = Echoes()
    answers = await asyncio.gather(*(rounds.call(command) for command in "abcde"))
    assert "".join(answers) == "ABCDE"
    assert rounds.sent == [["a", "b"], ["c", "d"], ["e"]]


async def test_command_of_who_gave_up_waiting_is_not_sent() -> None:
    rounds = Echoes()
    rounds.answers.clear()
    first = await begun(rounds.call("a"))
    given_up = await begun(rounds.call("b"))
    last = await begun(rounds.call("c"))
    given_up.cancel()
    await asyncio.wait({given_up})
    rounds.answers.set()
    assert (await first, await last) == ("A", "C")
    assert rounds.sent == [["a"], ["c"]]


async def test_who_gave_up_while_the_answer_was_on_its_way_harms_nobody() -> None:
    rounds = Echoes()
    rounds.answers.clear()
    calls = [await begun(rounds.call(command)) for command in ("a", "b!")]
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    rounds.answers.set()
    assert await rounds.call("c") == "C"


async def test_command_that_is_refused_fails_its_own_call_alone() -> None:
    rounds = Echoes()
    refused, together, fine = await asyncio.gather(
        rounds.call("a!"), rounds.call_all(["b", "c!"]), rounds.call("d"), return_exceptions=True
    )
    assert [str(refused), str(together), fine] == ["fake://: no a!", "fake://: no c!", "D"]
    assert isinstance(refused, BrokerUnavailable)
    assert rounds.fault == "no c!"
    await rounds.call("e")
    assert rounds.fault == "", "until a round is answered"


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (RefusedError("all of them"), "all of them"),
        (ConnectionError("reset"), "reset"),
        (TimeoutError(), "no answer within 5 s"),
        (RefusedError(), "RefusedError"),
    ],
)
async def test_round_that_fails_fails_each_of_its_calls(
    error: Exception, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    rounds = Echoes()
    rounds.fail = error
    outcomes = await asyncio.gather(rounds.call("a"), rounds.call("b"), return_exceptions=True)
    assert [(type(outcome), str(outcome)) for outcome in outcomes] == [(BrokerUnavailable, f"fake://: {fault}")] * 2
    assert (rounds.fault, caplog.text) == (fault, "")
    rounds.fail = None
    assert await rounds.call("c") == "C"
    assert rounds.fault == ""


async def test_fault_of_ours_is_logged_and_the_next_round_is_made(caplog: pytest.LogCaptureFixture) -> None:
    rounds = Echoes()
    rounds.fail = KeyError("of ours")
    with pytest.raises(BrokerUnavailable, match="of ours"):
        await rounds.call("a")
    assert "fault in a round of commands to fake://" in caplog.text
    rounds.fail = None
    assert await rounds.call("b") == "B"


async def test_call_without_an_answer_ends_in_time_and_health_says_so() -> None:
    rounds = Echoes(timeout_s=0.02)
    rounds.answers.clear()
    with pytest.raises(BrokerUnavailable, match=r"^fake://: no answer within 0\.02 s$"):
        await rounds.call("a")
    assert rounds.fault == "no answer within 0.02 s"
    rounds.answers.set()
    assert await rounds.call("b") == "B"


async def test_close_fails_whoever_waits_and_lets_the_connection_go_once() -> None:
    rounds = Echoes()
    rounds.answers.clear()
    under_way, waiting = await begun(rounds.call("a")), await begun(rounds.call("b"))
    await rounds.close()
    for outcome in await asyncio.gather(under_way, waiting, return_exceptions=True):
        assert str(outcome) == "the connection to fake:// was closed"
    assert rounds.disconnected == 1
    with pytest.raises(BrokerUnavailable, match="the connection to fake:// is closed"):
        await rounds.call("c")
    assert rounds.sent == [["a"]]


async def test_call_that_is_made_while_the_round_before_it_fails_is_sent() -> None:
    """Whoever tries again at once is in the next round."""
    rounds = Echoes()
    tried: list[str] = []

    async def twice() -> str:
        with pytest.raises(BrokerUnavailable):
            await rounds.call("a")
        rounds.fail = None
        tried.append("again")
        answer: str = await rounds.call("a")
        return answer

    rounds.fail = ConnectionError("reset")
    assert await twice() == "A"
    await until(lambda: tried == ["again"], "once")
