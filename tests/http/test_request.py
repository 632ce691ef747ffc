"""What a handler reads from `http.Request` itself keeps to the limits, as what it declares does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from apistar import ASyncApp, Limits, Route, TestClient, http
from apistar.http.multipart import MAX_FILES
from apistar.types import Event, Scope

LIMIT = 1000
UPLOAD = 200_000
FORM = "multipart/form-data; boundary=B"
DESCRIPTORS = Path("/proc/self/fd")


async def body(request: http.Request) -> int:
    return len(await request.body())


async def text(request: http.Request) -> Any:
    return await request.json()


async def form(request: http.Request) -> int:
    return len((await request.form()).multi_items())


async def form_in_a_block(request: http.Request) -> int:
    async with request.form() as fields:
        return len(fields.multi_items())


async def declared(fields: http.FormData) -> int:
    return len(fields.multi_items())


async def two_files(request: http.Request) -> int:
    return len((await request.form(max_files=2, max_fields=1, max_part_size=5)).multi_items())


async def greedy(request: http.Request) -> int:
    return len((await request.form(max_files=10_000, max_part_size=10_000)).multi_items())


async def streamed(request: http.Request) -> int:
    return sum([len(chunk) async for chunk in request.stream()])


HANDLERS: list[Callable[..., Any]] = [body, text, form, form_in_a_block, declared, two_files, greedy, streamed]
READERS_OF_FORMS = ["/form", "/form_in_a_block", "/declared", "/greedy"]
app = ASyncApp(
    [Route(f"/{handler.__name__}", "POST", handler) for handler in HANDLERS],
    limits=Limits(max_message_bytes=LIMIT, max_upload_bytes=UPLOAD),
)


def part(name: str, content: bytes, more: str = "") -> bytes:
    return f'--B\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


FILE = '; filename="a"'
END = b"--B--\r\n"


def post(url: str, content: bytes | AsyncIterator[bytes], kind: str = "application/json") -> tuple[int, Any]:
    with TestClient(app) as client:
        answer = client.post(url, content=content, headers={"content-type": kind})
    if answer.status_code == 413:
        assert answer.headers["connection"] == "close"
    return answer.status_code, answer.json()["detail"] if answer.is_error else answer.json()


@pytest.mark.parametrize(
    ("url", "kind"),
    [("/body", "text/plain"), ("/text", "application/json"), ("/form", "application/x-www-form-urlencoded")],
)
def test_body_that_a_handler_reads_itself_is_bounded(url: str, kind: str) -> None:
    assert post(url, b"1" * 100, kind)[0] == 200
    assert post(url, b"1" * (LIMIT + 1), kind) == (413, "body of 1001 bytes exceeds max_message_bytes of 1000")


@pytest.mark.parametrize("url", READERS_OF_FORMS)
def test_files_of_a_form_are_bounded_together(url: str) -> None:
    half = UPLOAD // 2
    assert post(url, part("f", b"x" * half, FILE) * 2 + END, FORM) == (200, 2)
    status, detail = post(url, part("f", b"x" * half, FILE) * 2 + part("f", b"x", FILE) + END, FORM)
    assert (status, detail) == (413, "files of 200001 bytes in a form exceed max_upload_bytes of 200000")


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="counts descriptors as Linux shows them")
def test_no_file_is_left_of_a_form_that_is_too_large() -> None:
    before = len(os.listdir(DESCRIPTORS))
    assert post("/form", part("f", b"x" * 70_000, FILE) * 3 + END, FORM)[0] == 413
    assert len(os.listdir(DESCRIPTORS)) <= before


@pytest.mark.parametrize("url", READERS_OF_FORMS)
def test_form_besides_its_files_is_bounded_however_it_is_read(url: str) -> None:
    status, detail = post(url, part("f", b"x" * 600) * 2 + END, FORM)
    assert status == 413
    assert detail.endswith("besides its files exceeds max_message_bytes of 1000")


def test_numbers_of_a_handler_hold_within_the_limits() -> None:
    many = part("f", b"", FILE) * (MAX_FILES + 1) + END
    large = Limits(max_message_bytes=100_000)
    with TestClient(ASyncApp([Route("/greedy", "POST", greedy), Route("/", "POST", form)], limits=large)) as client:
        assert client.post("/greedy", content=many, headers={"content-type": FORM}).json() == MAX_FILES + 1
        assert client.post("/", content=many, headers={"content-type": FORM}).status_code == 400
    assert post("/two_files", part("f", b"x", FILE) * 2 + part("g", b"x" * 5) + END, FORM) == (200, 3)
    for wrong in (part("f", b"x", FILE) * 3, part("g", b"x") * 2, part("g", b"x" * 6)):
        assert post("/two_files", wrong + END, FORM)[0] == 400


def test_what_is_no_form_has_no_fields() -> None:
    assert post("/form", b"{}") == (200, 0)
    assert post("/form", b"x", "multipart/form-data")[0] == 400


@pytest.mark.parametrize(
    ("content", "path", "detail"),
    [
        (b"", "$", "$: malformed JSON: it is empty"),
        (b'{"a":', "$", "$: malformed JSON: it ends early (byte 5)"),
        (b"{'a': 1}", "$", "$: malformed JSON: object keys must be strings (byte 1)"),
        (b'"\xff"', "$", "$: malformed JSON: invalid UTF-8 (byte 1)"),
        ('"\u00e4"'.encode("utf-16"), "$", "$: malformed JSON: invalid character (byte 0)"),
        (b"NaN", "$", "$: malformed JSON: invalid character (byte 0)"),
        (b'{"a": {"b": 1, "b": 2}}', "$.a.b", "$.a.b: key is doubled"),
        (b"[" * 900, "$", "$: malformed JSON: it ends early (byte 900)"),
    ],
)
def test_json_that_is_none_is_a_400_with_its_place(content: bytes, path: str, detail: str) -> None:
    with TestClient(app) as client:
        answer = client.post("/text", content=content, headers={"content-type": "text/plain"})
    problem = {"title": "Bad Request", "status": 400, "detail": detail, "path": path}
    assert (answer.status_code, answer.json()) == (400, problem)


def test_json_that_is_too_deep_is_a_400() -> None:
    deep = ASyncApp([Route("/", "POST", text)])
    with TestClient(deep) as client:
        answer = client.post("/", content=b"[" * 200_000)
    assert (answer.status_code, answer.json()["detail"]) == (400, "$: malformed JSON: nested too deeply")


def test_json_is_what_it_says_however_often_it_is_read() -> None:
    async def twice(request: http.Request) -> Any:
        first = await request.json()
        assert await request.json() is first
        return {"read": first}

    values = [{"a": [1, 2.5, None, True]}, "text", 2**60, -(2**63), []]
    with TestClient(ASyncApp([Route("/", "POST", twice)])) as client:
        assert [client.post("/", json=value).json()["read"] for value in values] == values


def test_chunks_are_the_handlers_to_count() -> None:
    assert post("/streamed", b"x" * 10 * LIMIT, "text/plain") == (200, 10 * LIMIT)


def ask(url: str, length: str, version: str = "1.1") -> list[Event]:
    """Ask with a `Content-Length` that a foreign server let through, and no body."""
    sent: list[Event] = []

    async def receive() -> Event:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: Event) -> None:
        sent.append(event)

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": version,
        "method": "POST",
        "scheme": "http",
        "path": url,
        "raw_path": url.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"a"), (b"content-length", length.encode("latin-1"))],
        "client": None,
        "server": None,
    }
    asyncio.run(app(scope, receive, send))
    return sent


@pytest.mark.parametrize(
    ("length", "status"),
    [
        ("9" * 5000, 400),
        ("9" * 20, 400),
        ("9" * 19, 413),
        ("1001", 413),
        ("0" * 5000 + "1", 200),
        ("0" * 5000, 200),
        ("+3", 200),
        ("three", 200),
        ("\u00b2", 200),
    ],
)
def test_length_that_python_does_not_read_is_answered(length: str, status: int) -> None:
    assert ask("/body", length)[0]["status"] == status


@pytest.mark.parametrize(("version", "closes"), [("1.1", True), ("1.0", True), ("2", False), ("3", False)])
def test_header_that_ends_the_connection_is_http_1s_alone(version: str, closes: bool) -> None:
    start = ask("/body", "1001", version)[0]
    assert ((b"connection", b"close") in start["headers"]) is closes
