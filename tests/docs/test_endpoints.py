"""What is served below `docs_url`, and to whom."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Final

import pytest

from apistar import ASyncApp, Include, Route, TestClient, WebSocket
from apistar.docs.assets import FOLDER, INDEX, assets
from tests.docs import application

MOST_BYTES: Final = 300_000
ROOT: Final = Path(__file__).parent.parent.parent


@pytest.fixture
def client() -> TestClient:
    return TestClient(application.build())


def description(client: TestClient, url: str = "/docs/description") -> Any:
    return client.get(url).json()


def test_page_is_served_with_a_policy_that_allows_nothing_from_elsewhere(client: TestClient) -> None:
    answer = client.get("/docs/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "require-trusted-types-for 'script'" in policy
    assert not re.search(r"unsafe|https?:|\*|data:|blob:", policy)


@pytest.mark.parametrize("path", ["/docs/", "/docs/assets/page.js", "/docs/description", "/docs/refusals"])
def test_everything_carries_the_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers


def test_page_has_no_inline_script_style_or_address_elsewhere() -> None:
    text = (FOLDER / INDEX).read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text)
    assert re.findall(r"<script(?![^>]* src=)", text) == []
    for name, asset in assets().items():
        if name.endswith((".js", ".css", ".html")):
            code = re.sub(r"^\s*(//|\*|/\*).*$", "", asset.content.decode(), flags=re.MULTILINE)
            elsewhere = set(re.findall(r"https?://[\w.-]+", code)) - {"https://example.com"}
            assert not elsewhere, name
            assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", code), name


def test_page_names_every_module_that_it_loads() -> None:
    text = (FOLDER / INDEX).read_text()
    preloaded = set(re.findall(r'modulepreload" href="assets/(\w+\.js)"', text))
    assert preloaded == {path.name for path in FOLDER.glob("*.js")} - {"page.js", "theme.js"}
    linked = set(re.findall(r'(?:href|src)="assets/([\w.]+)"', text))
    assert linked == set(assets()) - {INDEX}


def test_page_weighs_less_than_300_kb_compressed() -> None:
    assert 0 < sum(len(asset.compressed) for asset in assets().values()) < MOST_BYTES


def test_assets_come_compressed_once_and_not_again(client: TestClient) -> None:
    answer = client.get("/docs/assets/page.js", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.text == (FOLDER / "page.js").read_text()
    again = client.get("/docs/assets/page.js", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    for accept in ("identity", "gzip;q=0", "br"):
        plain = client.get("/docs/assets/page.js", headers={"accept-encoding": accept})
        assert "content-encoding" not in plain.headers
        assert plain.text == answer.text


@pytest.mark.parametrize(
    "name", ["nothing.js", "..%2f__init__.py", "..%2f..%2fapp.py", "%2fetc%2fpasswd", "index.html", "endpoints.py"]
)
def test_nothing_but_assets_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/docs/assets/{name}").status_code == 404


def test_description_has_every_documented_route_and_no_other(client: TestClient) -> None:
    found = description(client)["reference"]
    assert {channel["path"] for channel in found["channels"]} == {
        "/chat/{room}",
        "/calls/{table}",
        "/echo",
        "/ending/{code}",
        "/flood",
        "/barred",
        "/packed",
        "/kitchen/door",
    }
    assert {(operation["method"], operation["path"]) for operation in found["operations"]} == {
        ("GET", "/"),
        ("POST", "/kitchen/tables/{table}"),
        ("POST", "/photographs"),
        ("POST", "/guests"),
        ("GET", "/news"),
    }
    assert "hidden" not in json.dumps(found)
    assert "secret" not in json.dumps(found)


def test_route_below_an_undocumented_include_is_not_described() -> None:
    def inside() -> str:
        return ""

    app = ASyncApp([Include("/in", "in", [Route("/side", handler=inside)], documented=False)])
    assert "side" not in TestClient(app).get("/docs/description").text


def test_description_tells_types_messages_and_refusals(client: TestClient) -> None:
    found = description(client)["reference"]
    chat = next(channel for channel in found["channels"] if channel["path"] == "/chat/{room}")
    assert [message["name"] for message in chat["incoming"]] == ["Say", "Draw", "Leave"]
    assert found["definitions"]["Say"]["properties"]["type"] == {"const": "say"}
    assert 404 in {denial["code"] for denial in chat["denials"]}
    door = next(channel for channel in found["channels"] if channel["path"] == "/kitchen/door")
    assert door["security"] == ["key"]
    assert found["security_schemes"]["key"]["in"] == "query"


def test_page_can_be_removed() -> None:
    client = TestClient(application.build(docs_url=None))
    for path in ("/docs/", "/docs", "/docs/description", "/docs/assets/page.js", "/docs/refusals"):
        assert client.get(path).status_code == 404
    assert client.get("/schema/").status_code == 200


@pytest.mark.parametrize("url", ["/", "/help", "/help/", "/a/b/"])
def test_page_stands_where_it_is_put(url: str) -> None:
    def ping() -> str:
        return ""

    client = TestClient(ASyncApp([Route("/ping", handler=ping)], docs_url=url))
    base = url.rstrip("/")
    assert client.get(f"{base}/").status_code == 200
    assert client.get(f"{base}/assets/page.js").status_code == 200
    assert description(client, f"{base}/description")["docs_url"] == f"{base}/"


def test_route_of_the_applications_own_takes_the_place_of_the_page() -> None:
    def own() -> str:
        return "mine"

    for docs_url in ("/docs/", None):
        assert TestClient(ASyncApp([Route("/docs/", handler=own)], docs_url=docs_url)).get("/docs/").text == "mine"


def test_page_is_served_behind_a_mount() -> None:
    client = TestClient(application.mounted)
    assert client.get("/below/here/docs/").status_code == 200
    assert client.get("/below/here/docs/assets/page.css").status_code == 200
    assert description(client, "/below/here/docs/description")["docs_url"] == "/docs/"


def test_hooks_guard_the_page_as_every_route() -> None:
    from apistar.exceptions import Unauthorized

    class Guard:
        def on_request(self) -> None:
            raise Unauthorized("not you")

    client = TestClient(ASyncApp([], event_hooks=[Guard]))
    assert client.get("/docs/").status_code == 401
    assert client.get("/docs/description").status_code == 401


def test_page_is_no_way_to_anywhere_else(client: TestClient) -> None:
    """It answers to GET alone, and whatever is in the query it asks nobody."""
    for path in ("/docs/", "/docs/description", "/docs/refusals"):
        assert client.post(path).status_code == 405
    for url in ("http://127.0.0.1:1/", "//example.com/", "/secret", "../../etc/passwd"):
        answer = client.get("/docs/refusals", params={"url": url})
        assert (answer.status_code, answer.content) == (204, b"")


def test_importing_an_application_reads_no_asset() -> None:
    program = (
        "from apistar import ASyncApp\n"
        "ASyncApp([])\n"
        "from apistar.docs.assets import assets\n"
        "import sys; sys.exit(assets.cache_info().currsize)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_wheel_has_every_part_of_the_page(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = {Path(name).name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("apistar/docs/static/")}
    assert names == set(assets())


def test_compressed_form_is_the_file() -> None:
    for asset in assets().values():
        assert gzip.decompress(asset.compressed) == asset.content


def test_a_socket_with_a_ticket_talks_as_one_without() -> None:
    async def greet(ws: WebSocket) -> None:
        await ws.connect()
        await ws.send(await ws.receive())

    app = ASyncApp([Route("/greet", handler=greet)])
    ticket = {"apistar-console": "0" * 32}
    with TestClient(app).websocket("/greet", cookies=ticket) as ws:
        ws.send("hello")
        assert ws.receive() == "hello"
        ws.wait_closed()
        assert ws.close_code == 1000
