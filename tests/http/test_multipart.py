"""Forms with uploads, as people send them and as attackers do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from apistar import ASyncApp, Limits, Route, TestClient, http
from apistar.http.multipart import MAX_FILES
from apistar.types import Event

KIB = 1024
LIMIT = 64 * KIB


async def taken(form: http.FormData) -> dict[str, int]:
    return {"parts": len(form.multi_items())}


async def contents(form: http.FormData) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, value in form.multi_items():
        found[name] = len(value) if isinstance(value, str) else len(await value.read())
    return found


app = ASyncApp(
    [Route("/", "POST", taken), Route("/contents", "POST", contents)], limits=Limits(max_message_bytes=LIMIT)
)


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


def part(name: str, content: bytes = b"", more: str = "") -> bytes:
    return f'--B\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + content + b"\r\n"


FILE = '; filename="a"'
END = b"--B--\r\n"


def post(
    client: TestClient, body: bytes, kind: str = "multipart/form-data; boundary=B", url: str = "/"
) -> tuple[int, str]:
    answer = client.post(url, content=body, headers={"content-type": kind})
    return answer.status_code, answer.json().get("detail", "")


def test_contents_of_files_may_be_larger_than_a_message(client: TestClient) -> None:
    body = part("file", b"x" * 10 * LIMIT, FILE) + part("title", b"tea") + END
    answer = client.post("/contents", content=body, headers={"content-type": "multipart/form-data; boundary=B"})
    assert answer.json() == {"file": 10 * LIMIT, "title": 3}


@pytest.mark.parametrize(
    "body",
    [
        b"".join(part(f"f{number}", b"x" * 10 * KIB) for number in range(10)),
        part("f", b"x" * (LIMIT + 1)),
        b"".join(part("f" * 1000, b"", FILE) for _ in range(80)),
        b"".join(part("f", b"", '"\r\nX: ' + "y" * 1000) for _ in range(80)),
    ],
    ids=["fields", "field", "names", "headers"],
)
def test_form_is_bounded_as_a_whole_besides_the_contents_of_its_files(client: TestClient, body: bytes) -> None:
    status, detail = post(client, body + END)
    assert status == 413
    assert f"exceeds max_message_bytes of {LIMIT}" in detail


def test_files_are_no_more_than_a_process_has_descriptors_for(client: TestClient) -> None:
    assert post(client, part("f", b"x", FILE) * MAX_FILES + END) == (200, "")
    status, detail = post(client, part("f", b"x", FILE) * (MAX_FILES + 1) + END)
    assert (status, detail) == (400, f"Too many files. Maximum number of files is {MAX_FILES}.")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"x" * 100, "multipart/form-data; boundary=B"),
        (b"--B\r\nContent-Disposition: form-data\r\n\r\n\r\n--B--\r\n", "multipart/form-data; boundary=B"),
        (part("f") + END, "multipart/form-data"),
        (b"--B\r\n: \r\n\r\n", "multipart/form-data; boundary=B"),
        (b"&".join(b"f%d=1" % number for number in range(1001)), "application/x-www-form-urlencoded"),
    ],
    ids=["no boundary", "no name", "no boundary named", "no header", "many fields"],
)
def test_form_that_is_none_is_a_400(client: TestClient, body: bytes, kind: str) -> None:
    assert post(client, body, kind)[0] == 400


@pytest.mark.parametrize("charset", ["punycode", "idna", "undefined", "zlib", "x" * 5000])
def test_charset_that_is_a_codec_of_python_alone_is_a_400_at_once(client: TestClient, charset: str) -> None:
    begin = time.process_time()
    status, detail = post(
        client, part("f", b"x-" + b"a" * 60_000) + END, f"multipart/form-data; boundary=B; charset={charset}"
    )
    assert status == 400
    assert detail == f"charset {charset[:40]!r} of a form is not supported; send UTF-8"
    assert time.process_time() - begin < 1


@pytest.mark.parametrize("charset", ["UTF-8", "iso-8859-1"])
def test_charset_that_browsers_send_is_taken(client: TestClient, charset: str) -> None:
    body = part("f", "ça".encode(charset)) + END
    answer = client.post(
        "/contents", content=body, headers={"content-type": f"multipart/form-data; boundary=B; charset={charset}"}
    )
    assert answer.json() == {"f": 2}


def test_rest_of_a_form_that_is_too_large_is_not_read() -> None:
    asked = 0

    async def receive() -> Event:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": part("f", b"x" * 10 * KIB), "more_body": True}

    sent: list[Event] = []

    async def send(message: Event) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"a"), (b"content-type", b"multipart/form-data; boundary=B")],
        "client": None,
        "server": None,
    }
    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 413
    assert asked <= LIMIT // (10 * KIB) + 1
