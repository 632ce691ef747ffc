"""The page and an application, a peer or a file that mean it ill, in Chromium."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from selenium import webdriver

from tests.docs.hostile import MARKUP
from tests.docs.reader import Reader
from tests.integration.serving import serving

pytestmark = [pytest.mark.integration]


@pytest.fixture(scope="module")
def hostile() -> Iterator[str]:
    with serving("tests.docs.hostile:app") as address:
        yield address


@pytest.fixture
def victim(driver: webdriver.Chrome, hostile: str) -> Iterator[Reader]:
    reader = Reader(driver, hostile)
    reader.resize(1440)
    reader.complaints()
    yield reader
    assert unharmed(reader)
    assert [one for one in reader.complaints() if "/answer/" not in one] == []


def unharmed(reader: Reader) -> bool:
    """Whether nothing that was said became an element, a listener or a script that ran."""
    found: dict[str, Any] = reader.run(
        """
        const made = [...document.querySelectorAll("*")];
        return {
          hit: window.hit ?? null,
          elements: made.filter((one) => one.matches(".evil, img, iframe, object, embed, style, main script"))
            .map((one) => one.outerHTML),
          listeners: made.filter((one) => [...one.attributes].some(({ name }) => name.startsWith("on"))).length,
          links: made.filter((one) => one.protocol && !/^https?:$/.test(one.protocol)).length,
        };
        """
    )
    assert found == {"hit": None, "elements": [], "listeners": 0, "links": 0}
    return True


def attacked(reader: Reader, kind: str, rows: int = 3) -> list[tuple[str, str, str]]:
    reader.open("attack")
    reader.write("kind", kind)
    reader.press("Connect")
    return reader.until_rows(rows)


def view(reader: Reader) -> str:
    """What is shown of the chosen message."""
    text: str = reader.run("return document.querySelector('.inspector .view:not([hidden])')?.textContent ?? ''")
    return text


# Markup and code


@pytest.mark.parametrize(
    "place", ["", "quoted", "#/type/Say", "#/type/Mood", "#/sockets", "#/type/__proto__", "#/op/%"]
)
def test_nothing_that_the_application_says_becomes_markup(victim: Reader, place: str) -> None:
    victim.open(place)
    assert "<img class=evil" in victim.run("return document.body.textContent")


@pytest.mark.parametrize("kind", ["text", "json", "bytes", "reason"])
def test_nothing_that_a_peer_sends_becomes_markup(victim: Reader, kind: str) -> None:
    attacked(victim, kind)
    victim.press_row(".received.close" if kind == "reason" else ".received.binary" if kind == "bytes" else ".text")
    victim.until("the message", lambda: view(victim))
    if kind == "json":
        assert json.dumps(MARKUP) in view(victim), "a name that is none stands in quotes"
    for tab in victim.driver.find_elements("css selector", ".inspector [role=tab]"):
        tab.click()
        assert unharmed(victim)


def test_no_refusal_and_no_answer_becomes_markup(victim: Reader) -> None:
    victim.open("barred")
    victim.press("Connect")
    victim.until_status(MARKUP)
    for kind in ("html", "error"):
        victim.open("answer")
        victim.write("kind", kind)
        victim.press("Send")
        victim.until("the answer", lambda: MARKUP in view(victim))
        assert unharmed(victim)


def test_address_that_names_nothing_is_told(victim: Reader) -> None:
    for place in ("%", "%ff", quote(MARKUP), "constructor"):
        victim.open(f"#/op/{place}")
        assert victim.find("main [role=alert]").text.startswith("Nothing here is called “")
        assert unharmed(victim)


def test_policy_stops_what_the_page_would_not(driver: webdriver.Chrome, hostile: str) -> None:
    reader = Reader(driver, hostile)
    reader.open()
    reader.run(
        """
        const stopped = window.stopped = [];
        addEventListener("securitypolicyviolation", ({ effectiveDirective }) => stopped.push(effectiveDirective));
        const attempt = (act) => { try { act(); } catch (error) { stopped.push(error.name); } };
        attempt(() => { document.body.innerHTML = "<b></b>"; });
        attempt(() => new WebSocket("ws://127.0.0.1:1/"));
        attempt(() => { fetch("http://127.0.0.1:1/").catch(() => {}); });
        const add = (name, values) => document.body.append(Object.assign(document.createElement(name), values));
        attempt(() => add("img", { src: "http://127.0.0.1:1/a.png" }));
        attempt(() => add("iframe", { src: "/" }));
        attempt(() => add("style", { textContent: "* { color: red }" }));
        const form = Object.assign(document.createElement("form"), { action: "http://127.0.0.1:1/" });
        document.body.append(form);
        attempt(() => form.submit());
        const script = document.createElement("script");
        attempt(() => { script.text = "window.hit = 1"; });
        """
    )
    wanted = {"connect-src", "img-src", "frame-src", "style-src-elem", "form-action", "require-trusted-types-for"}
    reader.until("what is to be stopped", lambda: wanted <= set(reader.run("return window.stopped")))
    stopped = reader.run("return window.stopped")
    assert stopped.count("connect-src") == 2
    assert reader.run("return window.hit ?? null") is None
    assert stopped.count("TypeError") == 2, "markup and the text of a script"
    reader.complaints()


def test_page_is_not_framed(driver: webdriver.Chrome, hostile: str) -> None:
    reader = Reader(driver, hostile)
    driver.get(f"http://{hostile}/answer/frames")
    shown = []
    for index in (0, 1):
        driver.switch_to.frame(index)
        try:
            reader.until("the frame", lambda: reader.run("return document.readyState") == "complete")
            shown.append(reader.run("return location.href"))
        finally:
            driver.switch_to.default_content()
    assert shown == ["chrome-error://chromewebdata/", f"http://{hostile}/answer/html"]
    reader.complaints()


# Characters that act on the text around them


def test_marks_of_direction_and_controls_are_written_out(victim: Reader) -> None:
    rows = attacked(victim, "turned", 4)
    written = "\\u202eyou\\u2066↵\\u200b\\u001b[2J\\u009b"
    assert rows[2][2] == written
    assert rows[3][2] == f"Close 4000 · the application's own · “{written}”"
    assert victim.status == f"Closed 4000 · the application's own · by the server · “{written}”"
    victim.press_row(".received.text")
    victim.until("the message", lambda: view(victim) == written.replace("↵", "\n"))


# Masses


def test_as_much_of_a_message_is_drawn_as_a_page_can_draw(victim: Reader) -> None:
    attacked(victim, "lines")
    victim.press_row(".received.text")
    victim.until("the message", lambda: "1,043,577 more characters; Save has all of them" in view(victim))
    assert view(victim).count("\n") == 5000
    attacked(victim, "value")
    victim.press_row(".received.text")
    victim.until("the message", lambda: "more characters" in view(victim))
    assert len(view(victim)) < 12_000


def test_as_much_of_an_answer_is_drawn_as_a_page_can_draw(victim: Reader) -> None:
    victim.open("answer")
    victim.write("kind", "text")
    victim.press("Send")
    victim.until_status("200 OK · 15.0 MB")
    victim.until("the answer", lambda: "14,800,000 more characters; the curl command gets all of them" in view(victim))
    assert len(view(victim)) < 210_000


def test_deep_messages_are_taken(victim: Reader) -> None:
    attacked(victim, "deep")
    victim.press_row(".received.text")
    victim.until("the message", lambda: "[[[[" in view(victim))
    victim.open("friends")
    victim.press("Connect")
    assert victim.until_rows(3)[2][1] == "Person"
    victim.press_row(".received.text")
    victim.until("the message", lambda: "friend" in view(victim))


def test_flood_of_large_messages_lets_the_oldest_go(victim: Reader) -> None:
    attacked(victim, "flood")
    summary = "return document.querySelector('.panel > .summary').textContent"
    victim.until("all of them", lambda: "↓ 100 messages, 104.9 MB" in victim.run(summary))
    assert "older let go" in victim.run(summary)
    began = time.monotonic()
    victim.press("Clear")
    victim.until("an empty log", lambda: "↓ 0 messages" in victim.run(summary))
    assert time.monotonic() - began < 20


# Elsewhere


def test_path_that_begins_with_two_slashes_stays_with_the_application(victim: Reader) -> None:
    victim.open("rest")
    victim.write("rest", "/evil.invalid/x")
    victim.press("Send")
    victim.until_status("200 OK")
    victim.until("the answer", lambda: '{"rest":"/evil.invalid/x"}' in victim.rows()[-1][2])


@pytest.mark.parametrize("path", [".", "..", "a/../../docs/"])
def test_path_that_a_browser_would_shorten_is_marked(victim: Reader, path: str) -> None:
    victim.open("rest")
    victim.write("rest", path)
    victim.press("Send")
    assert victim.inside(".fault").text == "no browser sends . or .. as a part of a path: it would ask for another one"
    assert victim.rows() == []


def test_redirect_to_another_site_is_not_followed(driver: webdriver.Chrome, hostile: str) -> None:
    reader = Reader(driver, hostile)
    reader.open("answer")
    reader.write("kind", "elsewhere")
    reader.press("Send")
    reader.until_status("no answer: the server is gone, or it redirects to another site, which this page never asks")
    assert any("connect-src" in one for one in reader.complaints())


def test_request_that_cannot_be_sent_and_an_answer_that_breaks_off_are_told(victim: Reader) -> None:
    victim.open("answer")
    victim.write("kind", "short")
    victim.press("Send")
    victim.until_status("the answer broke off after ")
    victim.write("More headers", "two words: 1")
    victim.press("Send")
    victim.until_status("not sent: “two words: 1” is no header")
    assert victim.inside(".connect .primary").is_enabled()


# Files


ENTRY = {"at_ms": 1, "direction": "received", "kind": "text", "text": "a", "size": 1, "name": "A", "fault": False}


@pytest.mark.parametrize(
    ("entry", "about", "row"),
    [
        ({"name": MARKUP, "text": MARKUP, "size": MARKUP}, {}, ("received", MARKUP, MARKUP)),
        ({"name": 5, "size": -5, "fault": {"a": 1}}, {}, ("received", "", "a")),
        ({"name": "N" * 100_000, "size": {}}, {}, ("received", "N" * 200, "a")),
        ({}, {"began": {"toString": 1}}, ("received", "A", "a")),
        ({}, {"form": {"path.kind": {"toString": 1}, "more": [1], "subprotocol": 7}}, ("received", "A", "a")),
        ({}, {"form": "text"}, ("received", "A", "a")),
    ],
)
def test_saved_session_with_values_of_other_types_is_shown(
    victim: Reader, tmp_path: Path, entry: Any, about: Any, row: tuple[str, str, str]
) -> None:
    victim.open("attack")
    path = tmp_path / "session.json"
    session = {"format": "apistar-session", "path": "/attack/{kind}", "entries": [{**ENTRY, **entry}], **about}
    path.write_text(json.dumps(session))
    victim.inside("input[type=file][accept]").send_keys(str(path))
    victim.until_status("Showing session.json")
    assert victim.until_rows(1) == [row]
    victim.press_row(".text")
    victim.until("the message", lambda: view(victim))
    assert "NaN" not in victim.run("return document.querySelector('.panel').textContent")
    assert victim.field("kind").get_attribute("value") == ""


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "binary", "text": None, "base64": "***"},
        {"kind": "text", "text": None, "base64": "AAAA"},
        {"kind": "binary"},
        {"at_ms": 1e308},
        {"at_ms": -1},
        {"direction": "toString"},
    ],
)
def test_saved_session_that_is_unsound_leaves_what_is_there(victim: Reader, tmp_path: Path, entry: Any) -> None:
    attacked(victim, "text")
    path = tmp_path / "session.json"
    path.write_text(json.dumps({"format": "apistar-session", "entries": [ENTRY, {**ENTRY, **entry}]}))
    victim.inside("input[type=file][accept]").send_keys(str(path))
    victim.until_status("entry 2 of the file is not one of a session")
    assert victim.rows()[2] == ("received", "", MARKUP)
