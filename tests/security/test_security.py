"""Who may enter: origin, host and number of connections; alone, through mounts, middleware and proxies."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount as StarletteMount
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from apistar import ASyncApp, Include, Limits, Mount, Route, TestClient, WebSocket
from apistar.exceptions import BadRequest, ConfigurationError, Forbidden, ServiceUnavailable
from apistar.security import Admission, HostCheck, OriginCheck
from apistar.testing import WebSocketDenied
from apistar.types import ASGIApp, Receive, Scope, Send
from tests.handlers import echo


def scope_of(scheme: str = "ws", **headers: str | list[str]) -> Scope:
    """A handshake with these headers; a list is a header that comes several times."""
    pairs = []
    for name, values in headers.items():
        for value in [values] if isinstance(values, str) else values:
            pairs.append((name.encode(), value.encode("latin-1")))
    return {"type": "websocket", "scheme": scheme, "headers": pairs}


async def fails(ws: WebSocket) -> None:
    await ws.connect()
    raise ValueError("boom")


async def denies(ws: WebSocket) -> None:
    raise Forbidden


def page() -> str:
    return "page"


def enters(app: ASGIApp, path: str = "/ws", **options: Any) -> int:
    """Open a WebSocket and echo through it; the status of the answer to the handshake."""
    with TestClient(app, base_url=options.pop("base_url", "http://testserver")) as client:
        try:
            with client.websocket(path, **options) as ws:
                ws.send("x")
                assert ws.receive() == "x"
        except WebSocketDenied as denied:
            return denied.status_code
    return 101


# Origin

SAME = [
    ("ws", "http://a.test", "a.test"),
    ("ws", "http://a.test:80", "a.test"),
    ("ws", "http://a.test", "a.test:80"),
    ("ws", "http://a.test:8000", "a.test:8000"),
    ("ws", "HTTP://A.TEST", "a.test"),
    ("ws", "http://a.test", "A.Test"),
    ("ws", "http://[::1]:8000", "[::1]:8000"),
    ("ws", "http://[::1]", "[::1]:80"),
    ("ws", "http://[::1]:80", "[::1]"),
    ("ws", "http://127.0.0.1:8000", "127.0.0.1:8000"),
    ("ws", "http://xn--bcher-kva.test", "xn--bcher-kva.test"),
    ("wss", "https://a.test", "a.test"),
    ("wss", "https://a.test:443", "a.test"),
    ("wss", "https://a.test", "a.test:443"),
    ("wss", "https://a.test:8443", "a.test:8443"),
    # servers that name the scheme of the request itself
    ("https", "https://a.test", "a.test"),
    ("http", "http://a.test", "a.test"),
    # no browser
    ("ws", "", "a.test"),
]
FOREIGN = [
    ("ws", "http://evil.test", "a.test"),
    ("ws", "http://a.test.evil.test", "a.test"),
    ("ws", "http://sub.a.test", "a.test"),
    ("ws", "http://evila.test", "a.test"),
    ("ws", "http://a.test@evil.test", "a.test"),
    ("ws", "http://evil.test/http://a.test", "a.test"),
    ("ws", "http://evil.test#a.test", "a.test"),
    ("ws", "http://a.test:8000", "a.test"),
    ("ws", "http://a.test", "a.test:8000"),
    ("ws", "http://a.test:443", "a.test"),
    ("ws", "http://a.test.", "a.test"),
    ("ws", "http://[::1]", "[::2]"),
    ("ws", "http://localhost:8000", "127.0.0.1:8000"),
    # another scheme
    ("ws", "https://a.test", "a.test"),
    ("ws", "https://a.test", "a.test:443"),
    ("ws", "https://a.test", "a.test:80"),
    ("ws", "https://a.test:80", "a.test"),
    ("ws", "https://a.test:8443", "a.test:8443"),
    ("wss", "http://a.test", "a.test"),
    ("wss", "http://a.test", "a.test:80"),
    ("wss", "http://a.test", "a.test:443"),
    ("wss", "http://a.test:443", "a.test"),
    ("ws", "ws://a.test", "a.test"),
    ("wss", "wss://a.test", "a.test"),
    ("wss", "https://a.test:80", "a.test"),
    ("ws", "null", "a.test"),
    ("ws", "null", "null"),
    ("ws", "a.test", "a.test"),
    ("ws", "//a.test", "a.test"),
    ("ws", "file://", "a.test"),
    ("ws", "file://a.test", "a.test"),
    ("ws", "chrome-extension://a.test", "a.test"),
    ("ws", "http://", "a.test"),
    ("ws", "http://", ""),
    ("ws", "http://a.test http://evil.test", "a.test"),
    ("ws", "http://evil.test, http://a.test", "a.test"),
    ("ws", " http://evil.test", "a.test"),
]


@pytest.mark.parametrize(("scheme", "origin", "host"), SAME)
def test_page_of_the_same_host_passes(scheme: str, origin: str, host: str) -> None:
    OriginCheck([]).check(scope_of(scheme, origin=origin, host=host))


@pytest.mark.parametrize(("scheme", "origin", "host"), FOREIGN)
def test_page_of_another_host_is_refused(scheme: str, origin: str, host: str) -> None:
    with pytest.raises(Forbidden, match="is not this server's own"):
        OriginCheck([]).check(scope_of(scheme, origin=origin, host=host))


def test_client_without_origin_passes() -> None:
    OriginCheck([]).check(scope_of(host="a.test"))


@pytest.mark.parametrize("name", ["origin", "host"])
def test_header_that_comes_twice_is_refused(name: str) -> None:
    headers: dict[str, Any] = {"origin": "http://a.test", "host": "a.test", name: ["http://a.test", "a.test"]}
    with pytest.raises(BadRequest, match=f"header '{name}' comes twice"):
        OriginCheck([]).check(scope_of(**headers))


@pytest.mark.parametrize(
    ("listed", "origin", "allowed"),
    [
        ("https://b.test", "https://b.test", True),
        ("https://B.test", "https://b.TEST", True),
        ("https://b.test:443", "https://b.test", True),
        ("https://b.test", "https://b.test:443", True),
        ("http://localhost:3000", "http://localhost:3000", True),
        ("capacitor://localhost", "capacitor://localhost", True),
        ("chrome-extension://abcdef", "chrome-extension://abcdef", True),
        ("https://b.test", "http://b.test", False),
        ("https://b.test", "https://b.test:8443", False),
        ("https://b.test", "https://sub.b.test", False),
        ("https://b.test", "https://b.test.evil.test", False),
        ("*", "https://anything.test", True),
        ("*", "null", True),
    ],
)
def test_listed_origin_passes_to_the_letter(listed: str, origin: str, allowed: bool) -> None:
    check = OriginCheck([listed])
    if allowed:
        check.check(scope_of(origin=origin, host="a.test"))
    else:
        with pytest.raises(Forbidden):
            check.check(scope_of(origin=origin, host="a.test"))


@pytest.mark.parametrize(
    "wrong",
    [
        "b.test",
        "https://b.test/",
        "https://b.test/path",
        "https://",
        "https://u@b.test",
        "https://b.test?q",
        "null",
        "https://*.b.test",
    ],
)
def test_origin_that_no_browser_sends_cannot_be_listed(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=r"must be scheme and host as a browser sends it, such as"):
        OriginCheck([wrong])


def test_one_string_is_no_list() -> None:
    with pytest.raises(ConfigurationError, match=r"allowed_origins=\['https://b.test'\]"):
        ASyncApp([], allowed_origins="https://b.test")
    with pytest.raises(ConfigurationError, match=r"allowed_hosts=\['b.test'\]"):
        ASyncApp([], allowed_hosts="b.test")


YOURS = "if that page is yours, list it in allowed_origins="


@pytest.mark.parametrize(
    ("scheme", "origin", "host", "said"),
    [
        (
            "ws",
            "https://shop.test\n",
            "127.0.0.1:8000",
            "origin 'https://shop.test\\n' is not this server's own, 'http://127.0.0.1:8000'; "
            f"{YOURS}['https://shop.test\\n'], or let the proxy in front pass the Host header on",
        ),
        (
            "ws",
            "https://shop.test",
            "shop.test:443",
            "origin 'https://shop.test' is not this server's own, 'http://shop.test:443'; "
            f"{YOURS}['https://shop.test'], or let the proxy that ends TLS send "
            "X-Forwarded-Proto, and trust it with --forwarded-allow-ips",
        ),
        (
            "wss",
            "http://shop.test",
            "shop.test",
            f"origin 'http://shop.test' is not this server's own, 'https://shop.test'; {YOURS}['http://shop.test'], "
            "or serve it with https as well",
        ),
        ("wss", "null", "shop.test", "origin 'null' is not this server's own, 'https://shop.test'"),
    ],
)
def test_refusal_says_what_was_compared_and_what_mends_it(
    caplog: pytest.LogCaptureFixture, scheme: str, origin: str, host: str, said: str
) -> None:
    caplog.set_level(logging.INFO, "apistar")
    with pytest.raises(Forbidden) as refused:
        OriginCheck([]).check(scope_of(scheme, origin=origin, host=host))
    assert refused.value.detail == said
    assert [record.getMessage() for record in caplog.records] == [f"refused a WebSocket: {said}"]


def test_refusal_repeats_so_much_of_the_headers_and_no_more() -> None:
    with pytest.raises(Forbidden) as refused:
        OriginCheck([]).check(scope_of(origin="http://" + "x" * 10_000, host="y" * 10_000))
    assert len(str(refused.value)) < 1_000


def forwarded(app: ASGIApp) -> ASGIApp:
    """As uvicorn and `apistar run` do for a proxy that they trust."""
    middleware: Any = ProxyHeadersMiddleware  # which has its own types of ASGI
    proxied: ASGIApp = middleware(app, trusted_hosts="*")
    return proxied


@pytest.mark.parametrize(
    ("proto", "origin", "status"),
    [
        ("https", "https://a.test", 101),
        ("https", "http://a.test", 403),
        ("http", "http://a.test", 101),
        ("http", "https://a.test", 403),
    ],
)
def test_proxy_that_says_https_makes_the_connection_secure(proto: str, origin: str, status: int) -> None:
    app = forwarded(ASyncApp([Route("/ws", handler=echo)]))
    headers = {"host": "a.test", "x-forwarded-proto": proto}
    assert enters(app, origin=origin, headers=headers) == status


def test_plain_requests_are_not_asked_for_their_origin() -> None:
    with TestClient(ASyncApp([Route("/", "GET", page)])) as client:
        assert client.get("/", headers={"origin": "http://evil.test"}).status_code == 200


# Through middleware, includes and mounts


class Wrapping:
    """Middleware that wraps `send`, so that the ASGI way is taken."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(event: Any) -> None:
            await send(event)

        await self.app(scope, receive, sent)


OURS = ASyncApp([Route("/ws", handler=echo)], allowed_origins=["https://b.test"])


@pytest.mark.parametrize(
    ("app", "path"),
    [
        (OURS, "/ws"),
        (ASyncApp([Include("/in", "in", [Route("/ws", handler=echo)])], allowed_origins=["https://b.test"]), "/in/ws"),
        (ASyncApp([Mount("/in", OURS)]), "/in/ws"),
        (Starlette(routes=[StarletteMount("/in", app=OURS)]), "/in/ws"),
        (
            ASyncApp(
                [Route("/ws", handler=echo)], middleware=[Middleware(Wrapping)], allowed_origins=["https://b.test"]
            ),
            "/ws",
        ),
        (ASyncApp([Mount("/in", OURS)], middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["*"])]), "/in/ws"),
    ],
    ids=["alone", "include", "mount", "starlette", "wrapping middleware", "mount and middleware"],
)
def test_origin_is_checked_wherever_the_application_stands(app: ASGIApp, path: str) -> None:
    assert enters(app, path) == 101
    assert enters(app, path, origin="http://testserver") == 101
    assert enters(app, path, origin="https://b.test") == 101
    assert enters(app, path, origin="https://evil.test") == 403
    assert enters(app, path, origin="null") == 403


def test_host_is_checked_before_what_is_mounted() -> None:
    app = ASyncApp([Mount("/in", OURS), Route("/", "GET", page)], allowed_hosts=["a.test"])
    assert enters(app, "/in/ws", headers={"host": "a.test"}) == 101
    assert enters(app, "/in/ws", headers={"host": "evil.test"}) == 400
    with TestClient(app) as client:
        assert client.get("/", headers={"host": "evil.test"}).json()["detail"] == (
            "this server does not answer to the host of the request"
        )


# Host


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("a.test", True),
        ("A.TEST", True),
        ("a.test:8000", True),
        ("a.test.", True),
        ("a.test.:8000", True),
        ("x.b.test", True),
        ("x.y.b.test", True),
        ("[::1]", True),
        ("[::1]:8000", True),
        ("b.test", False),
        ("xb.test", False),
        ("a.test.evil.test", False),
        ("evil.test:a.test", False),
        ("evil.test", False),
        ("[::2]", False),
        ("::1", False),
        ("", False),
    ],
)
def test_host_must_be_one_of_ours(host: str, allowed: bool) -> None:
    check = HostCheck(["a.test", "*.b.test", "[::1]"])
    assert check.active
    if allowed:
        check.check(scope_of(host=host))
    else:
        with pytest.raises(BadRequest):
            check.check(scope_of(host=host))


def test_host_that_comes_twice_or_not_at_all_is_refused() -> None:
    check = HostCheck(["a.test"])
    with pytest.raises(BadRequest, match="comes twice"):
        check.check(scope_of(host=["a.test", "evil.test"]))
    with pytest.raises(BadRequest):
        check.check(scope_of())


@pytest.mark.parametrize("hosts", [[], ["*"], ["a.test", "*"]])
def test_every_host_passes_where_none_is_named(hosts: list[str]) -> None:
    assert not HostCheck(hosts).active


@pytest.mark.parametrize("wrong", ["https://a.test", "a.test/", "a.test:8000", "a.*.test", "*a.test", "**"])
def test_host_that_could_never_match_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="must be a bare name, without port"):
        HostCheck([wrong])


# Admission


def test_admission_counts_what_enters_and_leaves() -> None:
    admission = Admission()
    for _ in range(2):
        admission.enter(2)
    with pytest.raises(ServiceUnavailable) as refused:
        admission.enter(2)
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 10
    admission.leave()
    admission.enter(2)
    admission.enter(None)
    admission.enter(1, "group")
    with pytest.raises(ServiceUnavailable):
        admission.enter(1, "group")


def test_connection_gives_its_place_back_however_it_ends() -> None:
    app = ASyncApp(
        [Route("/ws", handler=echo), Route("/fails", handler=fails), Route("/denies", handler=denies)],
        limits=Limits(max_connections=1),
    )
    with TestClient(app, raise_server_exceptions=False) as client:
        for _ in range(3):
            with client.websocket("/fails") as ws:
                ws.wait_closed()
            with pytest.raises(WebSocketDenied) as denied, client.websocket("/denies"):
                pass
            assert denied.value.status_code == 403
            with pytest.raises(WebSocketDenied), client.websocket("/ws", origin="http://evil.test"):
                pass
            with client.websocket("/ws") as ws, pytest.raises(WebSocketDenied) as denied, client.websocket("/ws"):
                pass
            assert denied.value.status_code == 503
            assert denied.value.json()["detail"] == "too many connections; try again later"


def test_route_with_a_limit_of_its_own_is_counted_by_itself() -> None:
    app = ASyncApp(
        [Route("/ws", handler=echo), Route("/own", handler=echo, limits=Limits(max_connections=1))],
        limits=Limits(max_connections=2),
    )
    with TestClient(app) as client, client.websocket("/ws"), client.websocket("/ws"), client.websocket("/own"):
        for path in ("/ws", "/own"):
            with pytest.raises(WebSocketDenied) as denied, client.websocket(path):
                pass
            assert denied.value.status_code == 503
