"""The demo as its visitors meet it: over the wire, and in Chromium."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import httpx
import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.integration.serving import chromium, serving

pytestmark = [pytest.mark.integration]

WAIT_S: Final = 30.0


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    with serving("examples.demo.app:app") as address:
        yield address


def ending_of(client: ClientConnection) -> tuple[int, str]:
    """Read to the end; the peer's close code and reason."""
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            client.recv(timeout=WAIT_S)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


# Over the wire


def test_hello_comes_a_hundred_times_and_closes(demo: str) -> None:
    with connect(f"ws://{demo}/hello") as client:
        assert [client.recv(timeout=WAIT_S) for _ in range(100)] == ["Hello World!"] * 100
        assert ending_of(client) == (1000, "")


def test_hello_json_comes_in_order(demo: str) -> None:
    with connect(f"ws://{demo}/hello/json") as client:
        messages = [json.loads(client.recv(timeout=WAIT_S)) for _ in range(100)]
        assert messages == [{"index": index, "text": "Hello World!"} for index in range(100)]
        assert ending_of(client) == (1000, "")


def test_clock_ticks_about_once_a_second(demo: str) -> None:
    with connect(f"ws://{demo}/clock") as client:
        first, second = (datetime.fromisoformat(json.loads(client.recv(timeout=5))["timestamp"]) for _ in range(2))
    assert 0.9 < (second - first).total_seconds() < 3


def test_ping_gets_a_pong_until_the_client_goes(demo: str) -> None:
    with connect(f"ws://{demo}/pingpong") as client:
        for ping in ("ping", b"\x00\xff", ""):
            client.send(ping)
            assert client.recv(timeout=WAIT_S) == "pong"


def test_json_ping_gets_a_json_pong(demo: str) -> None:
    with connect(f"ws://{demo}/pingpong/json") as client:
        client.send('{"paddle": "ping"}')
        assert json.loads(client.recv(timeout=WAIT_S)) == {"paddle": "pong"}


def test_ping_that_is_not_json_is_closed_with_1007(demo: str) -> None:
    with connect(f"ws://{demo}/pingpong/json") as client:
        client.send("{paddle: ping}")
        code, reason = ending_of(client)
    assert code == 1007
    assert reason


def test_chat_tells_everybody_what_one_says(demo: str) -> None:
    with connect(f"ws://{demo}/chat?name=Ada") as ada:
        assert json.loads(ada.recv(timeout=WAIT_S)) == {"type": "here", "names": ["Ada"]}
        with connect(f"ws://{demo}/chat?name=Grace") as grace:
            both = {"type": "here", "names": ["Ada", "Grace"]}
            assert json.loads(ada.recv(timeout=WAIT_S)) == json.loads(grace.recv(timeout=WAIT_S)) == both
            grace.send('{"type": "say", "text": "hello"}')
            said = {"type": "said", "by": "Grace", "text": "hello"}
            assert json.loads(ada.recv(timeout=WAIT_S)) == json.loads(grace.recv(timeout=WAIT_S)) == said
        assert json.loads(ada.recv(timeout=WAIT_S)) == {"type": "here", "names": ["Ada"]}


@pytest.mark.parametrize("message", ['{"type": "say", "text": ""}', '{"type": "shout"}', "hello"])
def test_chat_ends_an_invalid_message_with_1007(demo: str, message: str) -> None:
    with connect(f"ws://{demo}/chat?name=Ada") as client:
        client.send(message)
        assert ending_of(client)[0] == 1007


def test_page_allows_no_other_host_and_no_inline_script(demo: str) -> None:
    answer = httpx.get(f"http://{demo}/", timeout=WAIT_S)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_source_is_the_code_that_runs(demo: str) -> None:
    from examples import seed

    assert httpx.get(f"http://{demo}/source/hello", timeout=WAIT_S).text == inspect.getsource(seed.websocket_helloworld)
    assert httpx.get(f"http://{demo}/source/nothing", timeout=WAIT_S).status_code == 404


# In the browser


class Visitor:
    """Somebody with a browser."""

    def __init__(self, driver: webdriver.Chrome, address: str) -> None:
        self.driver = driver
        self.address = address

    def open(self, name: str) -> None:
        self.driver.get("about:blank")
        self.driver.get(f"http://{self.address}/#{name}")
        self.section = f"#socket-{name}"

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def press(self, selector: str) -> None:
        button = self.find(f"{self.section} {selector}")
        self.until(f"{selector} to be pressable", lambda: button.is_enabled())
        button.click()

    def write(self, text: str) -> None:
        field = self.find(f"{self.section} input[name=text]")
        field.clear()
        field.send_keys(text)
        self.press("[type=submit]")

    def until(self, what: str, condition: Any) -> None:
        WebDriverWait(self.driver, WAIT_S, poll_frequency=0.05).until(
            lambda _: condition(), f"waited {WAIT_S:g} s for {what}; the wire: {self.wire()}"
        )

    def until_text(self, selector: str, text: str) -> None:
        self.until(f"{text!r} in {selector}", lambda: text in self.find(selector).text)

    def wire(self) -> list[tuple[str, str]]:
        """What the ladder shows: the classes of each row and its payload."""
        rows: list[list[str]] = self.driver.execute_script(
            "return [...document.querySelectorAll('.ladder li')].map("
            "row => [row.className.replace(' long', ''), row.querySelector('.payload').textContent])"
        )
        return [(classes, payload) for classes, payload in rows]

    def complaints(self) -> list[str]:
        """What the browser wrote to its console: violations of the policy, failed requests, exceptions."""
        return [entry["message"] for entry in self.driver.get_log("browser")]


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    with chromium() as driver:
        yield driver


@pytest.fixture
def visitor(driver: webdriver.Chrome, demo: str) -> Iterator[Visitor]:
    visitor = Visitor(driver, demo)
    yield visitor
    assert visitor.complaints() == []


@pytest.mark.requires("chromium")
class TestBrowser:
    @pytest.mark.parametrize("name", ["hello", "hello-json"])
    def test_hundred_messages_light_a_hundred_stars(self, visitor: Visitor, name: str) -> None:
        visitor.open(name)
        visitor.press("[data-connect]")
        visitor.until_text(".status", "Closed 1000 · normal closure · by the server")
        assert len(visitor.driver.find_elements(By.CSS_SELECTOR, f"#socket-{name} .lit")) == 100
        wire = visitor.wire()
        assert len(wire) == 103
        assert [kind for kind, _ in wire[:3]] == ["sent open", "received open", "received text"]
        assert wire[-1] == ("received close", "Close 1000")
        visitor.until_text(".totals", "100 messages")

    def test_clock_shows_the_time_of_the_message(self, visitor: Visitor) -> None:
        visitor.open("clock")
        visitor.press("[data-connect]")
        visitor.until("two ticks", lambda: len(visitor.wire()) >= 4)
        shown = visitor.find("#socket-clock time").get_attribute("datetime")
        assert shown in [json.loads(payload)["timestamp"] for kind, payload in visitor.wire() if "text" in kind]
        visitor.press("[data-close]")
        visitor.until_text(".status", "Closed 1000 · normal closure · by you")

    def test_ping_is_drawn_out_and_pong_back(self, visitor: Visitor) -> None:
        visitor.open("pingpong")
        visitor.press("[data-connect]")
        visitor.write("there you go")
        visitor.until("the pong", lambda: len(visitor.wire()) == 4)
        assert visitor.wire()[2:] == [("sent text", "there you go"), ("received text", "pong")]
        visitor.press("[data-rally]")
        visitor.until_text("#socket-pingpong .reading", "of 101")

    def test_ping_that_is_not_json_shows_code_and_reason(self, visitor: Visitor) -> None:
        visitor.open("pingpong-json")
        visitor.press("[data-fill]")
        visitor.until_text(".status", "Closed 1007 · invalid data · by the server · ")
        kind, payload = visitor.wire()[-1]
        assert kind.startswith("received close")
        assert payload.startswith("Close 1007 “")

    def test_two_tabs_talk_to_each_other(self, visitor: Visitor) -> None:
        visitor.open("chat")
        visitor.press("[data-connect]")
        visitor.until("to be here", lambda: len(visitor.driver.find_elements(By.CSS_SELECTOR, ".person")) == 1)
        first = visitor.driver.current_window_handle
        visitor.driver.switch_to.new_window("tab")
        try:
            visitor.open("chat")
            visitor.press("[data-connect]")
            visitor.write("hello from the second tab")
            visitor.until_text(".talk .mine", "hello from the second tab")
        finally:
            visitor.driver.close()
            visitor.driver.switch_to.window(first)
        visitor.until_text(".talk li:not(.mine)", "hello from the second tab")
        visitor.until_text(".people", "only you so far")

    @pytest.mark.parametrize("name", ["hello", "hello-json", "clock", "pingpong", "pingpong-json", "chat"])
    @pytest.mark.parametrize("width", [360, 900, 1440])
    def test_page_never_scrolls_sideways(self, visitor: Visitor, width: int, name: str) -> None:
        metrics = {"width": width, "height": 780, "deviceScaleFactor": 1, "mobile": width < 500}
        visitor.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        try:
            visitor.open(name)
            visitor.until("the source", lambda: "async def" in visitor.find(".source code").text)
            assert visitor.driver.execute_script("return document.documentElement.scrollWidth") <= width
        finally:
            visitor.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    @pytest.mark.parametrize(("scheme", "other"), [("light", "Dark"), ("dark", "Light")])
    def test_theme_follows_the_system_until_chosen(self, visitor: Visitor, scheme: str, other: str) -> None:
        feature = {"name": "prefers-color-scheme", "value": scheme}
        visitor.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        try:
            visitor.open("hello")
            visitor.until_text("#theme", other)
            before = visitor.find("html").value_of_css_property("background-color")
            visitor.find("#theme").click()
            assert visitor.find("html").value_of_css_property("background-color") != before
            visitor.open("clock")
            assert visitor.find("html").get_attribute("data-theme") == other.lower()
        finally:
            visitor.driver.execute_script("localStorage.clear()")
            visitor.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    def test_sockets_are_worked_by_keyboard_alone(self, visitor: Visitor) -> None:
        visitor.open("pingpong")
        visitor.until("the page", lambda: visitor.find("#socket-pingpong").is_displayed())
        reached = []
        for _ in range(14):
            visitor.driver.execute_cdp_cmd(
                "Input.dispatchKeyEvent",
                {"type": "rawKeyDown", "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9},
            )
            reached.append(visitor.driver.switch_to.active_element.text)
        assert [text for text in reached if text][:1] == ["Skip to the socket"]
        assert "Chat" in reached
        assert "Connect" in reached
