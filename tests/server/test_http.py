"""
Plain HTTP through our HTTP class: everything that uvicorn's does, and what we add where it must not be seen.

The tests with the fixture `http` run over both.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.processes import APISTAR, UVICORN, ServerProcess, serving, wait_for
from tests.server.wire import is_closed, read_answer, read_head, read_to_end

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module", params=["apistar", "uvicorn"])
def http(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    choices: dict[str, dict[str, Any]] = {
        "apistar": {"program": APISTAR},
        "uvicorn": {"program": UVICORN, "http": "httptools"},
    }
    folder = tmp_path_factory.mktemp("http")
    with serving(folder, "tests.server.http_app:app", timeout_keep_alive=1, **choices[request.param]) as process:
        yield process


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with serving(tmp_path_factory.mktemp("ours"), "tests.server.http_app:app") as process:
        yield process


def request(target: bytes, *lines: bytes, body: bytes = b"", method: bytes = b"POST") -> bytes:
    return b"\r\n".join((b"%s %s HTTP/1.1" % (method, target), b"Host: a", *lines, b"", body))


def test_connection_is_kept_for_the_next_request(http: ServerProcess) -> None:
    with http.connect() as client:
        for number in range(3):
            client.sendall(request(b"/%d?q=1" % number, method=b"GET"))
            answer = read_answer(client)
            assert (answer.status, answer.body) == (200, b"GET /%d q=1 0" % number)
            assert b"connection" not in answer.headers
            assert b"date" in answer.headers


def test_idle_connection_closes_after_the_keep_alive_time(http: ServerProcess) -> None:
    with http.connect() as client:
        client.sendall(GET)
        read_answer(client)
        assert is_closed(client)


@pytest.mark.parametrize(
    "sent",
    [GET.replace(b"1.1", b"1.0"), request(b"/a", b"Connection: close", method=b"GET")],
    ids=["HTTP/1.0", "Connection: close"],
)
def test_connection_closes_where_it_is_asked_for(http: ServerProcess, sent: bytes) -> None:
    with http.connect() as client:
        client.sendall(sent)
        answer = read_answer(client)
        assert (answer.body, answer.headers[b"connection"]) == (b"GET /a  0", b"close")
        assert is_closed(client)


def test_pipelined_requests_are_answered_in_order(http: ServerProcess) -> None:
    with http.connect() as client:
        first = request(b"/1", b"Content-Length: 3", body=b"abc")
        second = request(b"/2", b"Transfer-Encoding: chunked", body=b"5\r\nabcde\r\n0\r\n\r\n")
        client.sendall(first + second + GET)
        assert [read_answer(client).body for _ in range(3)] == [b"POST /1  3", b"POST /2  5", b"GET /a  0"]


def test_request_may_come_byte_by_byte(http: ServerProcess) -> None:
    with http.connect() as client:
        sent = b"\r\n" + request(b"/1", b"Transfer-Encoding: chunked", body=b"3;x=y\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n")
        for index in range(len(sent)):
            client.sendall(sent[index : index + 1])
        assert read_answer(client).body == b"POST /1  3"


def test_continue_is_sent_when_the_application_reads(http: ServerProcess) -> None:
    with http.connect() as client:
        client.sendall(request(b"/1", b"Expect: 100-continue", b"Content-Length: 3"))
        assert read_head(client).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"abc")
        assert read_answer(client).body == b"POST /1  3"


def test_continue_is_not_sent_when_the_application_does_not_read(http: ServerProcess) -> None:
    with http.connect() as client:
        client.sendall(request(b"/early", b"Expect: 100-continue", b"Content-Length: 3"))
        assert read_answer(client).body == b"early"


def test_body_that_nobody_read_is_no_next_request(http: ServerProcess) -> None:
    with http.connect() as client:
        client.sendall(request(b"/early", b"Content-Length: 5", body=b"ab"))
        assert read_answer(client).body == b"early"
        client.sendall(b"cde" + GET)
        assert read_answer(client).body == b"GET /a  0"


def test_body_that_comes_after_its_answer_keeps_the_connection(http: ServerProcess) -> None:
    with http.connect() as client:
        client.sendall(request(b"/early", b"Content-Length: 5", body=b"a"))
        assert read_answer(client).body == b"early"
        for part in (b"b", b"c", b"d"):
            time.sleep(0.5)  # of the one second of an idle connection
            client.sendall(part)
        client.sendall(b"e" + GET)
        assert read_answer(client).body == b"GET /a  0"


def test_head_has_no_body(http: ServerProcess) -> None:
    with http.connect() as client:
        client.sendall(request(b"/a", method=b"HEAD") + GET)
        head = read_head(client)
        assert b"content-length: 10" in head
        assert read_answer(client).body == b"GET /a  0"


def test_stream_is_chunked(http: ServerProcess) -> None:
    with http.connect() as client:
        client.sendall(request(b"/stream", b"Connection: close", method=b"GET"))
        _, _, body = read_to_end(client).partition(b"\r\n\r\n")
        assert body == b"7\r\npart 0 \r\n7\r\npart 1 \r\n7\r\npart 2 \r\n0\r\n\r\n"


def test_target_may_be_absolute(http: ServerProcess) -> None:
    with http.connect() as client:
        client.sendall(b"GET http://other/a?q HTTP/1.1\r\nHost: other\r\n\r\n")
        assert read_answer(client).body == b"GET /a q 0"


def test_fault_is_500(http: ServerProcess) -> None:
    with http.connect() as client:
        client.sendall(request(b"/fail", method=b"GET"))
        answer = read_answer(client)
        assert (answer.status, answer.body) == (500, b"Internal Server Error")


def test_application_sees_that_the_client_left(http: ServerProcess) -> None:
    with http.connect() as client:
        client.sendall(request(b"/gone", b"Content-Length: 1", body=b"x"))
    http.wait_for_log("http.disconnect")


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"hello\r\n\r\n"]
)
def test_what_is_no_request_is_400(http: ServerProcess, sent: bytes) -> None:
    with http.connect() as client:
        client.sendall(sent)
        assert read_answer(client).status == 400
        assert is_closed(client)


@pytest.mark.skipif(sys.platform != "linux", reason="reads memory in /proc")
def test_large_upload_is_read_as_the_application_reads(http: ServerProcess) -> None:
    with http.connect() as client:
        before = http.resident_bytes()
        client.sendall(request(b"/slow-reader", b"Content-Length: 100000000"))
        http.wait_for_log("not reading")
        client.settimeout(0.5)
        with pytest.raises(TimeoutError):
            for _ in range(100):
                client.sendall(bytes(1_000_000))
        assert http.resident_bytes() - before < 8_000_000


def test_httpx_keeps_its_connections(http: ServerProcess) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{http.port}", timeout=30) as client:
        assert client.get("/a", params={"q": "1"}).text == "GET /a q=1 0"
        assert client.post("/b", content=bytes(3_000_000)).text == "POST /b  3000000"
        assert client.put("/c", content=(b"x" * 1000 for _ in range(100))).text == "PUT /c  100000"
        assert client.head("/a").headers["content-length"] == "10"
        assert client.get("/stream").text == "part 0 part 1 part 2 "
        assert client.get("/fail").status_code == 500


@pytest.mark.requires("curl")
def test_curl_is_served(http: ServerProcess, tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(bytes(3_000_000))
    url = f"http://127.0.0.1:{http.port}"

    def curl(*arguments: str) -> str:
        run = subprocess.run(["curl", "-sS", *arguments], capture_output=True, check=True, timeout=60)
        return run.stdout.decode()

    assert curl("-T", str(upload), f"{url}/up") == "PUT /up  3000000"  # sends Expect: 100-continue
    assert curl("-H", "Transfer-Encoding: chunked", "-d", "abc", f"{url}/up") == "POST /up  3"
    assert curl("-I", f"{url}/a").startswith("HTTP/1.1 200 OK")
    assert curl("--http2", f"{url}/a") == "GET /a  0"
    assert curl(f"{url}/a", f"{url}/b") == "GET /a  0GET /b  0"


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        ((b"Content-Length: 3",), b"abc"),
        ((b"Transfer-Encoding: chunked",), b"3\r\nabc\r\n0\r\n\r\n"),
        ((b"Transfer-Encoding: chunked",), b"1;x=%b\r\na\r\n2\r\nbc\r\n0\r\n\r\n" % (b"y" * 8000)),
    ],
)
@pytest.mark.parametrize("in_one", [True, False])
def test_body_of_a_request_for_another_protocol_is_read(
    ours: ServerProcess, lines: tuple[bytes, ...], body: bytes, in_one: bool
) -> None:
    head = request(b"/1", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMA", *lines)
    with ours.connect() as client:
        for part in [head + body + GET] if in_one else [head, body, GET]:
            client.sendall(part)
        answer = read_answer(client)
        assert (answer.body, answer.headers[b"connection"]) == (b"POST /1  3", b"close")
        assert is_closed(client)


@pytest.mark.parametrize("target", [b"/1", b"http://a/1"])
@pytest.mark.parametrize("line", [b"Content-Length: 3", b"Content-Length: 0", b"Transfer-Encoding: chunked"])
def test_connect_has_no_body_and_ends_the_connection(ours: ServerProcess, target: bytes, line: bytes) -> None:
    with ours.connect() as client:
        client.sendall(request(target, line, method=b"CONNECT") + b"abc" + GET)
        answer = read_answer(client)
        assert (answer.body, answer.headers[b"connection"]) == (b"CONNECT /1  0", b"close")
        assert is_closed(client)
    assert "Traceback" not in ours.log


def test_limit_of_concurrency_is_503(tmp_path: Path) -> None:
    with serving(tmp_path, "tests.server.http_app:app", limit_concurrency=2) as process:
        with process.connect() as waiting:
            waiting.sendall(request(b"/slow-reader", b"Content-Length: 1"))
            process.wait_for_log("not reading")
            with process.connect() as client:
                client.sendall(GET)
                assert read_answer(client).status == 503

        def served() -> bool:
            with process.connect() as client:
                client.sendall(GET)
                return read_answer(client).status == 200

        wait_for(served, "the waiting client to be forgotten")


WSGI_FACE = """
import json, sys
from apistar import App, Route
from apistar.server import run
options = json.loads(sys.argv[1])
run(**{**options, "app": App([Route("/", "GET", lambda: "hello")])})
"""


def test_wsgi_face_that_is_at_hand_is_served_by_its_asgi_face(tmp_path: Path) -> None:
    with serving(tmp_path, "at hand", WSGI_FACE) as server:
        assert httpx.get(f"http://127.0.0.1:{server.port}/", timeout=30).text == "hello"


@pytest.mark.parametrize(
    ("target", "seen"), [(b"http://b", b"GET /  0"), (b"http://b?q=1", b"GET / q=1 0"), (b"http://b/c", b"GET /c  0")]
)
def test_target_in_absolute_form_may_have_no_path(ours: ServerProcess, target: bytes, seen: bytes) -> None:
    with ours.connect() as client:
        client.sendall(request(target, method=b"GET"))
        assert read_answer(client).body == seen
    assert "Traceback" not in ours.log


def test_client_of_http_1_0_is_not_told_to_continue(ours: ServerProcess) -> None:
    with ours.connect() as client:
        client.sendall(b"POST /a HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc")
        assert read_to_end(client).startswith(b"HTTP/1.1 200 ")


def test_answer_to_a_client_that_waits_to_continue_ends_the_connection(ours: ServerProcess) -> None:
    with ours.connect() as client:
        client.sendall(request(b"/early", b"Content-Length: 3", b"Expect: 100-continue"))
        assert read_answer(client).headers[b"connection"] == b"close"
        assert is_closed(client)


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"gzip", b"x, chunked"])
def test_coding_of_a_transfer_that_nobody_undoes_is_answered_501(ours: ServerProcess, coding: bytes) -> None:
    with ours.connect() as client:
        client.sendall(request(b"/a", b"Transfer-Encoding: " + coding, body=b"3\r\nabc\r\n0\r\n\r\n"))
        assert read_answer(client).status == 501
        assert is_closed(client)


@pytest.mark.parametrize("target", [b"/stream", b"/a"])
def test_client_of_http_1_0_gets_no_chunks(ours: ServerProcess, target: bytes) -> None:
    with ours.connect() as client:
        client.sendall(b"GET %s HTTP/1.0\r\n\r\n" % target)
        head, _, body = read_to_end(client).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert body == (b"part 0 part 1 part 2 " if target == b"/stream" else b"GET /a  0")


def test_host_of_a_target_in_absolute_form_is_the_host(ours: ServerProcess) -> None:
    with ours.connect() as client:
        client.sendall(b"GET http://user@b:81/host HTTP/1.1\r\nX: y\r\nHost: a\r\n\r\n")
        assert read_answer(client).body == b"x: y, host: b:81"


@pytest.mark.parametrize("target", [b"http://a b/", b"http:///a", b"http://a\\b/", b"http://"])
def test_target_in_absolute_form_without_a_host_is_400(ours: ServerProcess, target: bytes) -> None:
    with ours.connect() as client:
        client.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target)
        assert read_answer(client).status == 400
        assert is_closed(client)


@pytest.mark.parametrize(
    "first", [b"CONNECT * HTTP/1.1", b"GET * HTTP/1.1", b"OPTIONS *a HTTP/1.1", b"CONNECT a:1 HTTP/1.1"]
)
def test_asterisk_is_for_options_and_nobody_connects(ours: ServerProcess, first: bytes) -> None:
    start = len(ours.log)
    with ours.connect() as client:
        client.sendall(first + b"\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        assert read_answer(client).status == 400
        assert is_closed(client)
    assert "Traceback" not in ours.log[start:]


def test_options_of_the_server_as_a_whole_are_asked_for(ours: ServerProcess) -> None:
    with ours.connect() as client:
        client.sendall(request(b"*", method=b"OPTIONS"))
        assert read_answer(client).body == b"OPTIONS *  0"
