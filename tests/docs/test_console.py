"""The live console, in Chromium against a running application."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from tests.docs.reader import Reader
from tests.integration.serving import serving

pytestmark = [pytest.mark.integration, pytest.mark.requires("chromium")]


def talk(reader: Reader) -> None:
    """Be in the lobby."""
    reader.open("chat")
    reader.write("room", "lobby")
    reader.connect()


def shown(reader: Reader) -> str:
    return reader.inside(".inspector").text


# The handshake


def test_connects_and_shows_both_sides_of_the_handshake(reader: Reader) -> None:
    reader.open("chat")
    reader.write("room", "lob by/é")
    reader.write("name", "Grace")
    assert reader.inside(".target").text == "/chat/lob%20by%2F%C3%A9?name=Grace"
    reader.write("room", "lobby")
    reader.connect()
    assert reader.until_rows(2) == [
        ("sent", "", "GET /chat/lobby?name=Grace"),
        ("received", "", "101 Switching Protocols"),
    ]


def test_marks_a_parameter_that_does_not_fit_before_it_connects(reader: Reader) -> None:
    reader.open("ending")
    reader.write("code", "many")
    reader.press("Connect")
    assert reader.inside(".fields .fault").text == "expected int, got str"
    assert reader.field("code").get_attribute("aria-invalid") == "true"
    assert reader.rows() == []
    reader.write("code", "4001")
    assert not reader.inside(".fields .fault").is_displayed()
    reader.open("chat")
    reader.press("Connect")
    assert reader.inside(".fields .fault").text == "needs a value"


@pytest.mark.parametrize(
    ("operation", "fields", "status"),
    [
        ("barred", {}, "Refused 403 Forbidden · by the server · nobody may enter here"),
        ("chat", {"room": "cellar"}, "Refused 404 Not Found · by the server · the cellar is closed"),
        ("kitchen.kitchen", {"key": "pepper"}, "Refused 401 Unauthorized · by the server · the key is wrong"),
    ],
)
def test_refusal_is_shown_with_its_status(reader: Reader, operation: str, fields: dict[str, str], status: str) -> None:
    reader.open(operation)
    for name, value in fields.items():
        reader.write(name, value)
    reader.press("Connect")
    reader.until_status("Refused ")
    reader.until_status(status)
    words = status.split(" · ")[0].removeprefix("Refused ")
    reader.until("the row", lambda: reader.rows()[-1][2].startswith(words))


def test_refusal_that_nobody_knows_is_said_to_be_unknown(reader: Reader) -> None:
    reader.open("barred")
    reader.run("document.cookie = 'apistar-console=; path=/; max-age=0'")
    reader.run("document.cookie = 'apistar-console=broken; path=/; SameSite=Strict'")
    reader.press("Connect")
    reader.until_status("Not opened · the handshake failed, and no browser tells how")
    reader.run("document.cookie = 'apistar-console=; path=/; max-age=0'")


def test_handshake_that_takes_long_can_be_given_up(driver: webdriver.Chrome) -> None:
    with serving("tests.docs.extremes:app") as address:
        reader = Reader(driver, address)
        reader.resize(1440)
        reader.open("waiting")
        reader.press("Connect")
        reader.until_status("Connecting")
        reader.press("Give up")
        reader.until_status("Given up before it was open")
        reader.press("Connect again")
        reader.until_status("Connecting")
        reader.press("Give up")
        reader.complaints()  # a browser complains of each


def test_key_of_a_security_scheme_is_part_of_the_form(reader: Reader) -> None:
    reader.open("kitchen.kitchen")
    reader.write("key", "salt")
    reader.press("Connect")
    reader.until_rows(3)
    assert reader.until_rows(3)[2] == ("received", "", "cook")


def test_says_which_headers_no_browser_sends(reader: Reader) -> None:
    reader.open("packed")
    assert "No browser lets a page set headers of a WebSocket" in reader.inside(".fields").text
    reader.write("authorization", "Bearer x'y")
    tabs = reader.find(".snippets").find_elements(By.CSS_SELECTOR, "[role=tab]")
    assert [tab.text for tab in tabs] == ["Python", "JavaScript", "apistar ws", "curl"]
    codes = reader.run("return [...document.querySelectorAll('.snippets code')].map(code => code.textContent)")
    assert 'additional_headers={"authorization": "Bearer x\'y"}' in codes[0]
    assert "cannot send: authorization" in codes[1]
    assert "--header 'authorization: Bearer x'\"'\"'y'" in codes[2]
    assert "--header 'authorization: Bearer x'\"'\"'y'" in codes[3]


# Messages


def test_sends_what_the_form_says(reader: Reader) -> None:
    talk(reader)
    reader.write("text", "good evening")
    reader.press("Send")
    rows = reader.until_rows(4)
    assert rows[2] == ("sent", "Say", '{"type":"say","text":"good evening"}')
    assert rows[3][:2] == ("received", "Said")
    assert json.loads(rows[3][2])["text"] == "good evening"
    reader.choose("Message", "Draw")
    reader.press("Send")
    rows = reader.until_rows(6)
    assert rows[4] == ("sent", "Draw", '{"type":"draw","points":[[0,0]]}')
    assert rows[5][1] == "Drawn"
    reader.choose("Message", "Leave")
    reader.press("Send")
    reader.until_status("Closed 1000 · normal closure · by the server")


def test_form_holds_optional_fields_lists_and_choices(reader: Reader) -> None:
    talk(reader)
    reader.inside(".optional input[type=checkbox]").click()
    reader.choose("mood", "loud")
    reader.press("Send")
    assert reader.until_rows(4)[2][2] == '{"type":"say","text":"hello","mood":"loud"}'
    reader.choose("Message", "Draw")
    reader.press("Add to points")
    reader.press("Send")
    assert reader.until_rows(6)[4][2] == '{"type":"draw","points":[[0,0],[0,0]]}'


def test_marks_faults_before_a_message_is_sent_and_sends_it_all_the_same(reader: Reader) -> None:
    talk(reader)
    reader.write("text", "")
    assert reader.inside(".faults li").text == "$.text has 0 characters, needs 1"
    reader.write_json('{"type": "say", "text": 7}')
    assert reader.inside(".editor mark").get_attribute("textContent") == "7"
    assert reader.inside(".editor-frame .faults").text == "$.text expected str, got int"
    assert reader.field("Message as JSON").get_attribute("aria-invalid") == "true"
    reader.press("Send anyway")
    reader.until_status("Closed 1007 · invalid data · by the server · “$.text: expected str, got int”")
    assert reader.until_rows(3)[2] == ("sent", "Say", '{"type":"say","text":7}')
    assert reader.inside(".panel-head .lamp").is_displayed()


def test_marks_where_a_text_is_no_json(reader: Reader) -> None:
    talk(reader)
    reader.write_json('{"type": "say",\ntext: 1}')
    assert reader.inside(".editor-frame .faults").text == "line 2 expected a name in double quotes"
    assert reader.inside(".editor mark").get_attribute("textContent") == "text:"


def test_form_and_json_are_one_message(reader: Reader) -> None:
    talk(reader)
    reader.write_json('{"type": "say", "text": "from json", "reply": 3}')
    reader.press("Form")
    assert reader.field("text").get_attribute("value") == "from json"
    reader.press("Send")
    assert reader.until_rows(4)[2][2] == '{"type":"say","text":"from json","reply":3}'


def test_bytes_go_and_come_in_hexadecimal(reader: Reader) -> None:
    reader.open("echo")
    reader.write("Offered,", "echo.v1, other")
    reader.connect()
    reader.until_status("Open · echo.v1")
    assert reader.until_rows(2)[1][2] == "101 Switching Protocols  Sec-WebSocket-Protocol: echo.v1"
    reader.choose("Message", "Bytes")
    reader.write("Message as bytes in hexadecimal", "00 ff 7")
    assert "two hexadecimal digits" in reader.inside(".composer").text
    reader.write("Message as bytes in hexadecimal", "00 ff 41 42")
    reader.press("Send")
    rows = reader.until_rows(4)
    assert rows[2:] == [("sent", "", "00 ff 41 42"), ("received", "", "00 ff 41 42")]
    reader.press_row(".received.binary")
    assert "000000  00 ff 41 42" in shown(reader)
    assert "··AB" in shown(reader)
    reader.choose("Message", "Text")
    reader.write("Message as text", "plain {text}")
    reader.press("Send")
    assert reader.until_rows(6)[5] == ("received", "", "plain {text}")


def test_msgpack_is_packed_and_unpacked(reader: Reader) -> None:
    reader.open("packed")
    reader.write("Offered,", "msgpack")
    reader.connect()
    reader.until_status("Open · msgpack")
    reader.press("Send")
    rows = reader.until_rows(4)
    assert rows[2][:2] == ("sent", "Say")
    assert rows[3][:2] == ("received", "Said")
    reader.press_row(".received.binary")
    assert 'text: "hello"' in shown(reader)


def test_chosen_message_is_shown_folded_as_text_and_as_bytes(reader: Reader) -> None:
    talk(reader)
    reader.choose("Message", "Draw")
    reader.press("Send")
    reader.until_rows(4)
    reader.press_row(".received.text")
    assert "Drawn" in shown(reader)
    assert re.search(r"received text · \d+ B · [\d.]+ s · \+\d+", shown(reader))
    folded = reader.inside(".inspector details:not([open])")
    assert folded.text.startswith("friends: [1]") or folded.text.startswith("▸ friends: [1]")
    folded.find_element(By.TAG_NAME, "summary").click()
    assert 'name: "Grace"' in shown(reader) or "0: {2}" in shown(reader)
    reader.press("Hex")
    assert re.search(r"000000 {2}7b 22 74 79", shown(reader))
    reader.press("Text")
    assert '{"type":"drawn"' in shown(reader)
    reader.press("Compose again")
    reader.press("×")
    assert not reader.inside(".inspector").is_displayed()


def test_message_goes_out_on_an_interval_until_it_is_stopped(reader: Reader) -> None:
    reader.open("echo")
    reader.connect()
    reader.write("Message as text", "tick")
    reader.write("Interval in milliseconds", "20")
    reader.press("Repeat")
    reader.until_rows(12)
    reader.press("Stop")
    sent = reader.run("return document.querySelector('.row.sent') !== null")
    assert sent
    summary = "return document.querySelector('.panel > .summary span').textContent"
    settled = (
        "return new Promise(done => setTimeout(() => done(document.querySelector(arguments[0]).textContent), 150))"
    )
    count = reader.run(settled, ".panel > .summary span")
    assert reader.run(settled, ".panel > .summary span") == count == reader.run(summary)


# The end


@pytest.mark.parametrize(
    ("code", "reason", "status"),
    [
        (1000, "", "Closed 1000 · normal closure · by the server"),
        (1008, "enough", "Closed 1008 · against the policy · by the server · “enough”"),
        (4001, "kicked", "Closed 4001 · the application's own · by the server · “kicked”"),
        (4404, "", "Closed 4404 · the application's own: Not Found · by the server"),
    ],
)
def test_ending_tells_code_meaning_who_and_why(reader: Reader, code: int, reason: str, status: str) -> None:
    reader.open("ending")
    reader.write("code", str(code))
    if reason:
        reader.write("reason", reason)
    reader.press("Connect")
    reader.until_status("Closed ")
    assert reader.status == status


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (3333, "see you"), (4999, "é" * 61)])
def test_closes_with_a_chosen_code(reader: Reader, code: int, reason: str) -> None:
    reader.open("echo")
    reader.connect()
    reader.write("Close code", str(code))
    reader.write("Close reason", reason)
    reader.press("Close")
    reader.until_status(f"Closed {code}")
    assert "by you" in reader.status
    if reason:
        assert f"“{reason}”" in reader.status


def test_says_which_codes_a_page_may_not_send(reader: Reader) -> None:
    reader.open("echo")
    reader.connect()
    reader.write("Close code", "1011")
    reader.press("Close")
    assert "a page may close with 1000, and with 3000 to 4999" in reader.inside(".closer").text
    reader.write("Close code", "3000")
    reader.write("Close reason", "é" * 62)
    reader.press("Close")
    assert "123 bytes" in reader.inside(".closer").text
    assert reader.status == "Open"


# The log


def test_filters_pauses_and_clears(reader: Reader) -> None:
    reader.open("echo")
    reader.connect()
    for text in ("apple", "pear", "apple pie"):
        reader.write("Message as text", text)
        reader.press("Send")
    reader.until_rows(8)
    reader.write("Filter", "APPLE")
    reader.until("four rows", lambda: len(reader.rows()) == 4)
    reader.choose("Direction", "↓ Received")
    reader.until("two rows", lambda: len(reader.rows()) == 2)
    assert reader.rows() == [("received", "", "apple"), ("received", "", "apple pie")]
    reader.write("Filter", " ")
    reader.run("const f = document.querySelector('.filters input'); f.value = ''; f.dispatchEvent(new Event('input'))")
    reader.choose("Direction", "Both ways")
    reader.until("all rows", lambda: len(reader.rows()) == 8)
    reader.press("Pause")
    reader.press("Send")
    reader.until("two waiting", lambda: "2 waiting" in reader.inside(".summary").text)
    assert len(reader.rows()) == 8
    reader.press("Resume")
    reader.until_rows(10)
    reader.press("Clear")
    reader.until("no rows", lambda: reader.rows() == [])
    assert "Nothing yet." in reader.inside(".log-frame").text
    reader.press("Send")
    reader.until_rows(2)


def saved_session(reader: Reader, folder: Path) -> Path:
    reader.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder), "eventsEnabled": False}
    )
    reader.press("Save")
    reader.until("the file", lambda: any(path.suffix == ".json" for path in folder.iterdir()))
    return next(folder.glob("*.json"))


def test_saves_a_session_and_sends_it_again(reader: Reader, tmp_path: Path) -> None:
    talk(reader)
    for text in ("one", "two"):
        reader.write("text", text)
        reader.press("Send")
    reader.until_rows(6)
    path = saved_session(reader, tmp_path)
    saved = json.loads(path.read_text())
    assert saved["path"] == "/chat/{room}"
    assert [(entry["direction"], entry["kind"]) for entry in saved["entries"]] == [
        ("sent", "open"),
        ("received", "open"),
        ("sent", "text"),
        ("received", "text"),
        ("sent", "text"),
        ("received", "text"),
    ]
    reader.open("chat")
    reader.inside("input[type=file][accept]").send_keys(str(path))
    reader.until_rows(6)
    assert reader.field("room").get_attribute("value") == "lobby"
    assert "2 messages sent" in reader.inside(".replay").text
    reader.choose("Speed", "ten times as fast")
    reader.connect()
    reader.press("Send again")
    reader.until_status("replayed 2 messages")
    rows = reader.until_rows(12)
    assert [row[2] for row in rows[8:] if row[0] == "sent"] == [row[2] for row in rows[:6] if row[1] == "Say"]


def test_file_that_is_no_session_is_refused_with_its_reason(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text('{"some": "thing"}')
    reader.open("echo")
    reader.inside("input[type=file][accept]").send_keys(str(path))
    reader.until_status("the file is no saved session")
    assert reader.rows() == []


def test_ten_thousand_messages_at_a_thousand_a_second_leave_the_page_usable(reader: Reader) -> None:
    reader.open("flood")
    reader.run(
        "window.late = []; let last = performance.now();"
        "const beat = () => { const now = performance.now(); window.late.push(now - last); last = now;"
        " requestAnimationFrame(beat); }; requestAnimationFrame(beat);"
    )
    reader.connect()
    reader.until("three thousand", lambda: received(reader) >= 3000)
    reader.inside(".log").click()
    reader.press("Pause")
    reader.press("Resume")
    reader.write("Filter", '"number":77')
    reader.until("a match", lambda: any('"number":77' in row[2] for row in reader.rows()))
    reader.until_status("Closed 1000 · normal closure · by the server")
    reader.until("all of them", lambda: received(reader) == 10_000)
    reader.run("const f = document.querySelector('.filters input'); f.value = ''; f.dispatchEvent(new Event('input'))")
    reader.until("the last", lambda: reader.rows() and "Close 1000" in reader.rows()[-1][2])
    nodes = reader.run("return document.querySelectorAll('.row').length")
    assert nodes < 120, "only visible rows are drawn"
    late = sorted(reader.run("return window.late"))
    assert late[len(late) // 2] < 60, "half of the frames come in time while it is flooded, beside a busy server"
    reader.run("document.querySelector('.log').scrollTop = 0")
    reader.until("the first", lambda: "GET /flood" in reader.rows()[0][2])
    assert reader.inside(".latest").is_displayed()


def received(reader: Reader) -> int:
    text: str = reader.run("return document.querySelector('.panel > .summary').textContent")
    found = re.search(r"↓ ([\d,]+) message", text)
    return int(found.group(1).replace(",", "")) if found else 0


# Several


def test_sockets_stand_side_by_side_and_live_on(reader: Reader) -> None:
    reader.open("chat")
    reader.write("room", "lobby")
    reader.press("Beside")
    assert len(reader.driver.find_elements(By.CSS_SELECTOR, ".panel")) == 2
    for panel, text in enumerate(("from the first", "from the second")):
        reader.panel = panel
        reader.connect()
        reader.write("text", text)
        reader.press("Send")
        assert text in reader.until_rows(4)[3][2]
    reader.find("#list a[href='#/op/echo']").click()
    reader.panel = 0
    reader.connect()
    reader.until("three sockets", lambda: reader.find("#sockets").accessible_name == "Sockets, 3 open")
    reader.find("#sockets").click()
    reader.until("three panels", lambda: len(reader.statuses()) == 3)
    assert list(reader.statuses()) == ["Open", "Open", "Open"]
    tops = reader.run("return [...document.querySelectorAll('.panel')].map(p => p.getBoundingClientRect().top)")
    assert tops[0] == tops[1], "side by side"
    reader.panel = 1
    assert "from the second" in reader.until_rows(4)[3][2]
    reader.inside("button[aria-label^=Remove]").click()
    reader.until("two panels", lambda: len(reader.statuses()) == 2)
    assert reader.find("#sockets").accessible_name == "Sockets, 2 open"


def test_joins_what_the_handler_joins(reader: Reader) -> None:
    reader.open("calls")
    topics = reader.run(
        "return [...document.querySelectorAll('h2')].find(h => h.textContent === 'Topics').parentElement.innerText"
    )
    assert "calls:{table}" in topics
    assert "remembers 10 publications for 60 s · knows who is there" in topics
    reader.write("table", "7")
    reader.press("Beside")
    for reader.panel in (0, 1):
        reader.connect()
    reader.write("text", "soup")
    reader.press("Send")
    called = ("received", "Called", '{"type":"called","text":"soup"}')
    assert called in reader.until_rows(4)
    reader.panel = 0
    assert reader.until_rows(3)[2] == called


# HTTP


def test_http_route_is_tried_in_the_same_way(reader: Reader) -> None:
    reader.open("welcome")
    reader.write("name", "Ada & Co")
    reader.press("Send")
    reader.until_status("200 OK")
    rows = reader.until_rows(2)
    assert rows[0][2] == "GET /?name=Ada%20%26%20Co"
    assert rows[1][2].startswith("200 OK")
    assert 'message: "hello, Ada & Co"' in shown(reader)


def test_http_body_is_filled_in_and_refused_with_its_reason(reader: Reader) -> None:
    reader.open("kitchen.place")
    reader.write("table", "4")
    reader.write("notes", "hot\nno salt")
    reader.write("item", "soup")
    reader.press("Send")
    reader.until_status("200 OK")
    assert reader.until_rows(1)[0][2] == "POST /kitchen/tables/4?notes=hot&notes=no%20salt"
    assert 'item: "soup"' in shown(reader)
    reader.write("item", "fish")
    reader.press("Send")
    reader.until_status("409 Conflict")
    assert "fish is out of stock" in shown(reader)
    reader.write_json('{"item": "soup", "count": 100}')
    assert "$.count expected ≤ 99, got 100" in reader.inside(".connect").text
    reader.press("Send anyway")
    reader.until_status("400 Bad Request")


def test_form_is_sent_with_its_fields_and_files(reader: Reader, tmp_path: Path) -> None:
    picture = tmp_path / "picture.bin"
    picture.write_bytes(bytes(1234))
    reader.open("photograph")
    reader.write("title", "Soup")
    reader.field("picture").send_keys(str(picture))
    assert "--form picture=@picture.bin" in snippet(reader, "curl").replace("'", "")
    reader.press("Send")
    reader.until_status("200 OK")
    assert "bytes: 1234" in shown(reader)
    reader.open("sign")
    reader.write("Fields", "name=Ada & Co\nfrom=here=there")
    reader.press("Send")
    reader.until_status("200 OK")
    assert 'name: "Ada & Co"' in shown(reader)
    assert 'from: "here=there"' in shown(reader)


def test_stream_is_shown_as_it_comes_until_it_is_aborted(reader: Reader) -> None:
    reader.open("news")
    reader.press("Send")
    reader.until_rows(4)
    assert "data: 0" in reader.until_rows(2)[1][2]
    reader.press("Abort")
    reader.until_status("200 OK")
    assert "data: 0" in shown(reader)


def test_copy_of_an_answer_is_its_body(reader: Reader) -> None:
    reader.open("welcome")
    reader.write("name", "x" * 500)
    reader.press("Send")
    reader.until_status("200 OK")
    reader.run(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: (text) => { window.copied = text; }}})"
    )
    reader.run("[...document.querySelectorAll('.inspector button')].find((one) => one.textContent === 'Copy').click()")
    assert reader.run("return window.copied") == json.dumps({"message": "hello, " + "x" * 500}, separators=(",", ":"))


@pytest.mark.parametrize("answer", ["Copied", "Not allowed here"])
def test_copy_says_whether_the_text_was_copied(reader: Reader, answer: str) -> None:
    reader.open("welcome")
    clipboard = "{writeText: async () => {}}" if answer == "Copied" else "undefined"  # as where there is no TLS
    reader.run(f"Object.defineProperty(navigator, 'clipboard', {{value: {clipboard}}})")
    reader.find(".snippet:not([hidden]) .copy").click()
    reader.until(answer, lambda: reader.find(".snippet:not([hidden]) .copy").text == answer)


def test_answer_is_never_drawn_as_markup(reader: Reader) -> None:
    talk(reader)
    attack = "<img src=x onerror=alert(1)><script>alert(1)</script>"
    reader.write("text", attack)
    reader.press("Send")
    reader.until_rows(4)
    reader.press_row(".received.text")
    assert attack in shown(reader)
    assert reader.run("return document.querySelectorAll('main img, main script').length") == 0


# Snippets


def snippet(reader: Reader, name: str) -> str:
    code: str = reader.run(
        "return document.querySelector(`.snippet pre[aria-label='${arguments[0]} snippet']`).textContent", name
    )
    return code


def test_python_snippet_runs_and_talks(reader: Reader) -> None:
    reader.open("chat")
    reader.write("room", 'it\'s \\ "here"')
    code = snippet(reader, "Python").replace("for message in websocket", "for message in [websocket.recv(timeout=10)]")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert json.loads(done.stdout)["text"] == "hello", done.stderr


def test_apistar_ws_snippet_connects_as_the_page_does(reader: Reader) -> None:
    reader.open("packed")
    reader.write("authorization", "Bearer it's")
    reader.write("Offered,", "json")
    done = subprocess.run(
        ["bash", "-c", f"{snippet(reader, 'apistar ws')} --plain"],
        input='{"type": "say", "text": "from a terminal"}\n',
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    assert "from a terminal" in done.stdout, done.stderr


@pytest.mark.requires("curl")
def test_curl_snippets_show_an_answer_and_a_refusal(reader: Reader) -> None:
    def run(code: str) -> str:
        done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=False, timeout=120)
        return done.stdout

    reader.open("kitchen.place")
    reader.write("notes", "it's hot & $HOME `id`")
    reader.write("item", "fish's")
    assert json.loads(run(snippet(reader, "curl"))) == {"item": "fish's", "count": 1}
    reader.open("barred")
    answer = run(snippet(reader, "curl"))
    assert answer.startswith("HTTP/1.1 403")
    assert "nobody may enter here" in answer
