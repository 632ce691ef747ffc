"""Responses that are streamed while their request's body comes, on servers that say ASGI 2.3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.server.processes import APISTAR, UVICORN, ServerProcess, serving, wait_for
from tests.server.wire import read_head, read_to_end

LINES = b"Host: a\r\nConnection: close\r\n"
SIZES = pytest.mark.parametrize("size", [0, 5, 3_000_000])


@pytest.fixture(scope="module", params=["apistar", "uvicorn"])
def streams(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    choices: dict[str, dict[str, Any]] = {
        "apistar": {"program": APISTAR},
        "uvicorn": {"program": UVICORN, "http": "h11"},
    }
    folder = tmp_path_factory.mktemp("streams")
    with serving(folder, "tests.server.star_app:app", **choices[request.param]) as process:
        yield process


def posted(process: ServerProcess, target: bytes, body: bytes) -> bytes:
    """The body of the answer, without the lines of its chunks."""
    with process.connect() as client:
        client.sendall(b"POST %b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n" % (target, LINES, len(body)))
        head = read_head(client)
        assert b" 200 " in head
        client.sendall(body)
        chunked = read_to_end(client)
    answer = b""
    while chunked:
        length, _, chunked = chunked.partition(b"\r\n")
        answer += chunked[: int(length, 16)]
        chunked = chunked[int(length, 16) + 2 :]
    return answer


@SIZES
def test_response_reads_the_body_while_it_is_sent(streams: ServerProcess, size: int) -> None:
    body = bytes(range(250)) * (size // 250) + bytes(size % 250)
    assert posted(streams, b"/echo-body", body) == body


@SIZES
def test_event_stream_reads_the_body_while_it_is_sent(streams: ServerProcess, size: int) -> None:
    begin, *lengths = posted(streams, b"/echo-events", bytes(size)).removesuffix(b"\n\n").split(b"\n\n")
    assert begin == b"data: begin"
    assert sum(int(line.removeprefix(b"data: ")) for line in lengths) == size


@pytest.mark.parametrize("size", [0, 5])
def test_quiet_response_that_leaves_the_body_unread_ends_with_its_client(streams: ServerProcess, size: int) -> None:
    before = streams.log.count("quiet stream closed")
    with streams.connect() as client:
        client.sendall(b"POST /unread-body HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n" % (LINES, size) + bytes(size))
        assert b" 200 " in read_head(client)
    wait_for(lambda: streams.log.count("quiet stream closed") > before, "the end of the stream")
