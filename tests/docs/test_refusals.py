"""What the application remembers of refused handshakes, and for whom."""

from __future__ import annotations

from typing import Any

import pytest

from apistar import ASyncApp, Limits, Route, TestClient, WebSocket
from apistar.docs.refusals import (
    DETAIL_CHARACTERS,
    KEPT_REFUSALS,
    KEPT_S,
    KEPT_TICKETS,
    URL_CHARACTERS,
    Refusal,
    Refusals,
    asked_for,
    ticket_of,
)
from apistar.testing import WebSocketDenied
from tests.docs import application

TICKET = "0123456789abcdef" * 2
OTHER = "f" * 32
REFUSAL = Refusal(403, "Forbidden", "")


def refuse(client: TestClient, url: str, ticket: str | None = TICKET, **options: Any) -> None:
    cookies = {} if ticket is None else {"apistar-console": ticket}
    with pytest.raises(WebSocketDenied), client.websocket(url, cookies=cookies, **options):
        pass


def ask(client: TestClient, url: str, ticket: str = TICKET, prefix: str = "") -> Any:
    headers = {"cookie": f"apistar-console={ticket}"}
    answer = client.get(f"{prefix}/docs/refusals", params={"url": url}, headers=headers)
    return answer.json() if answer.status_code == 200 else None


@pytest.fixture
def client() -> TestClient:
    return TestClient(application.build())


@pytest.mark.parametrize(
    ("url", "status", "detail"),
    [
        ("/barred", 403, "nobody may enter here"),
        ("/chat/cellar", 404, "the cellar is closed"),
        ("/kitchen/door?key=pepper", 401, "the key is wrong"),
        ("/flood?count=many", 400, "count"),
        ("/nowhere", 404, ""),
    ],
)
def test_owner_of_the_ticket_learns_how_the_handshake_was_answered(
    client: TestClient, url: str, status: int, detail: str
) -> None:
    refuse(client, url)
    found = ask(client, url)
    assert found["status"] == status
    assert detail in found["detail"]
    assert ask(client, url) is None, "it is told once"


def test_nobody_else_learns_it(client: TestClient) -> None:
    refuse(client, "/barred")
    assert ask(client, "/barred", OTHER) is None
    assert ask(client, "/echo") is None
    assert client.get("/docs/refusals", params={"url": "/barred"}).status_code == 204
    assert ask(client, "/barred")["status"] == 403


def test_handshake_without_a_ticket_is_not_remembered(client: TestClient) -> None:
    refuse(client, "/barred", ticket=None)
    assert ask(client, "/barred") is None


def test_handshake_from_another_site_is_refused_and_told_as_such(client: TestClient) -> None:
    refuse(client, "/echo", headers={"origin": "https://evil.example"})
    assert ask(client, "/echo")["status"] == 403


def test_refusal_by_a_limit_is_told() -> None:
    async def stay(ws: WebSocket) -> None:
        await ws.connect()
        await ws.receive()

    client = TestClient(ASyncApp([Route("/stay", handler=stay)], limits=Limits(max_connections=1)))
    with client.websocket("/stay"):
        refuse(client, "/stay")
    assert ask(client, "/stay")["status"] == 503


def test_body_that_is_no_problem_document_is_told_as_text() -> None:
    async def reject(ws: WebSocket) -> None:
        await ws.reject(418, b"short and stout " * 200)

    client = TestClient(ASyncApp([Route("/tea", handler=reject)]))
    refuse(client, "/tea")
    found = ask(client, "/tea")
    assert (found["status"], found["title"]) == (418, "I'm a Teapot")
    assert found["detail"].startswith("short and stout")
    assert len(found["detail"]) == DETAIL_CHARACTERS


def test_refusal_behind_a_mount_is_told_below_the_mount() -> None:
    client = TestClient(application.mounted)
    cookies = {"apistar-console": TICKET}
    with pytest.raises(WebSocketDenied), client.websocket("/below/here/barred", cookies=cookies):
        pass
    assert ask(client, "/barred", prefix="/below/here")["status"] == 403


def test_url_is_compared_as_the_application_sees_it() -> None:
    assert asked_for("/chat/a%20b?name=c%20d") == "/chat/a b?name=c%20d"
    assert asked_for("/chat/%C3%A9") == "/chat/é"
    assert asked_for("/") == "/"


def test_equal_urls_are_told_in_their_order() -> None:
    kept = Refusals()
    for status in (401, 403):
        kept.keep(TICKET, "/x", Refusal(status, "", ""))
    assert [kept.take(TICKET, "/x"), kept.take(TICKET, "/x"), kept.take(TICKET, "/x")] == [
        Refusal(401, "", ""),
        Refusal(403, "", ""),
        None,
    ]


def test_what_nobody_asks_for_is_forgotten() -> None:
    now = 0.0
    kept = Refusals(clock=lambda: now)
    kept.keep(TICKET, "/x", REFUSAL)
    now = KEPT_S + 1
    assert kept.take(TICKET, "/x") is None


def test_memory_is_bounded() -> None:
    kept = Refusals()
    for number in range(KEPT_TICKETS * 3):
        for url in range(KEPT_REFUSALS * 3):
            kept.keep(f"{number:032}", f"/{url}", REFUSAL)
    assert len(kept._kept) == KEPT_TICKETS
    assert max(map(len, kept._kept.values())) == KEPT_REFUSALS


def test_long_url_is_not_remembered() -> None:
    kept = Refusals()
    long = f"/{'x' * URL_CHARACTERS}"
    kept.keep(TICKET, long, REFUSAL)
    assert kept.take(TICKET, long) is None
    kept.keep(TICKET, long[:-1], REFUSAL)
    assert kept.take(TICKET, long[:-1]) == REFUSAL


@pytest.mark.parametrize(
    ("cookie", "ticket"),
    [
        (f"apistar-console={TICKET}", TICKET),
        (f"a=b; apistar-console={TICKET}; c=d", TICKET),
        ("apistar-console=short", ""),
        (f"apistar-console={'é' * 32}", ""),
        ("apistar-console=" + "../" * 11, ""),
        ("other=1", ""),
    ],
)
def test_ticket_is_read_from_the_cookies(cookie: str, ticket: str) -> None:
    assert ticket_of({"headers": [(b"host", b"x"), (b"cookie", cookie.encode())]}) == ticket
