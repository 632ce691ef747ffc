"""The body of a refusal, piece by piece, over a TCP that is a list; over real ones in `tests/server/test_denial.py`."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from apistar.exceptions import UsageError, WebSocketDisconnect
from apistar.transports.denial import SLICE_BYTES, Denial
from apistar.transports.transport import Ending, HeaderList, Initiator


class Refused:
    """The connection that is refused, and its TCP."""

    def __init__(self) -> None:
        self.ending: Ending | None = None
        self.written: list[bytes] = []
        self.whole = False
        self.denial: Denial | None = None

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return 1

    def get_extra_info(self, name: str) -> None:
        return None

    def abort(self, code: int = 1006, reason: str = "") -> None:
        self.ending = Ending(code, reason, Initiator.LOCAL)
        if self.denial is not None:
            self.denial.ended()

    def denied(self) -> None:
        self.whole = True

    def eof_received(self) -> bool | None:
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self.abort()


def denial_of(refused: Refused, headers: HeaderList = (), send_timeout_s: float = 60.0) -> Denial:
    tcp = cast("asyncio.Transport", refused)
    refused.denial = Denial(refused, tcp, asyncio.get_running_loop(), 404, headers, send_timeout_s)
    return refused.denial


async def test_piece_that_is_taken_at_once_leaves_others_their_turn() -> None:
    turns: list[None] = []
    asyncio.get_running_loop().call_soon(turns.append, None)
    await denial_of(Refused()).send(b"x", True)
    assert turns == [None]


async def test_piece_is_written_in_slices_and_the_end_said() -> None:
    refused = Refused()
    denial = denial_of(refused)
    await denial.send(b"x" * (SLICE_BYTES + 1), True)
    assert b"0\r\n\r\n" not in refused.written
    await denial.send(b"", False)
    assert refused.whole
    assert b"".join(refused.written) == b"10000\r\n%b\r\n1\r\nx\r\n0\r\n\r\n" % (b"x" * SLICE_BYTES)


async def test_sender_that_waits_is_told_of_the_end() -> None:
    refused = Refused()
    denial = denial_of(refused)
    denial.pause_writing()
    sending = asyncio.ensure_future(denial.send(b"x", True))
    await asyncio.sleep(0.01)
    assert not sending.done()
    refused.abort()
    with pytest.raises(WebSocketDisconnect):
        await sending


async def test_clock_runs_only_while_tcp_takes_nothing() -> None:
    refused = Refused()
    denial = denial_of(refused, send_timeout_s=0.1)
    clock: Any = denial._clock
    denial.pause_writing()
    assert clock.bucket is not None
    denial.resume_writing()
    assert clock.bucket is None
    denial.pause_writing()
    with pytest.raises(WebSocketDisconnect) as raised:
        await denial.send(b"x", True)
    assert (raised.value.code, raised.value.reason) == (1013, "the refusal did not move for 0.1 s")


@pytest.mark.parametrize("lengths", [[b"1", b"2"], [b"+1"], [b""], [b"1, 1"]])
async def test_length_that_is_not_one_number_is_refused(lengths: list[bytes]) -> None:
    with pytest.raises(UsageError, match="'content-length' of a refusal is not one number of bytes"):
        denial_of(Refused(), [(b"Content-Length", length) for length in lengths])
