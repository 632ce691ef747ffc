"""Somebody who reads the page and talks with its console, in Chromium."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

WAIT_S: Final = 60.0
KEYS: Final = {
    "Tab": 9,
    "Enter": 13,
    "Escape": 27,
    " ": 32,
    "ArrowDown": 40,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "Home": 36,
}


class Reader:
    def __init__(self, driver: webdriver.Chrome, address: str) -> None:
        self.driver = driver
        self.address = address
        self.panel = 0

    def open(self, operation: str = "", docs: str = "/docs/") -> None:
        """Open the page anew at an operation, by its id; or at another place: `#/type/Say`."""
        self.panel = 0
        self.driver.get("about:blank")
        place = operation if operation.startswith("#") or not operation else f"#/op/{operation}"
        self.driver.get(f"http://{self.address}{docs}{place}")
        self.until("the page", lambda: self.run("return document.querySelectorAll('#list a').length > 0"))

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def inside(self, selector: str) -> WebElement:
        """What a selector finds in the console that is talked with."""
        panel = self.driver.find_elements(By.CSS_SELECTOR, ".panel")[self.panel]
        return panel.find_element(By.CSS_SELECTOR, selector)

    def press(self, text: str) -> None:
        """Press the button of the console that has this text, once it is there."""
        button = (
            "return [...document.querySelectorAll('.panel')[arguments[0]]?.querySelectorAll('button') ?? []]"
            ".find(one => one.textContent === arguments[1] && one.offsetParent) ?? null"
        )
        self.until(f"a button {text!r}", lambda: self.run(button, self.panel, text) is not None)
        found: WebElement | None = self.run(button, self.panel, text)
        assert found is not None, f"no button {text!r}"
        self.until(f"{text} to be pressable", found.is_enabled)
        self.run("arguments[0].scrollIntoView({block: 'center'})", found)
        found.click()

    def write(self, label: str, text: str) -> None:
        """Write into the field that has this label, or this name for screen readers."""
        field = self.field(label)
        self.run("arguments[0].scrollIntoView({block: 'center'})", field)
        self.run("arguments[0].value = ''; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", field)
        field.send_keys(text)

    def press_row(self, kind: str) -> None:
        """Choose the first row of a kind: `.received.text`."""
        row = self.inside(f".row{kind}")
        self.run("arguments[0].scrollIntoView({block: 'center'})", row)
        row.click()

    def write_json(self, text: str) -> None:
        """Write what is sent as JSON."""
        tab = self.inside(".choice [role=tab]:nth-child(2)")
        self.run("arguments[0].scrollIntoView({block: 'center'})", tab)
        tab.click()
        area = self.inside(".editor textarea")
        self.run("arguments[0].value = ''", area)
        area.send_keys(text)

    def field(self, label: str, kind: str = "input, textarea, select") -> WebElement:
        """The field whose label begins with this word, or whose name for screen readers is this."""
        found: WebElement | list[str] = self.run(
            "const name = one => one.ariaLabel ?? one.labels[0]?.textContent.replace(/\\s+/g, ' ').trim() ?? '';"
            "const panel = document.querySelectorAll('.panel')[arguments[0]];"
            "const shown = [...panel.querySelectorAll(arguments[2])].filter(one => one.offsetParent);"
            "return shown.find(one => name(one) === arguments[1])"
            " ?? shown.find(one => name(one).split(/[ *]/)[0] === arguments[1]) ?? shown.map(name)",
            self.panel,
            label,
            kind,
        )
        assert isinstance(found, WebElement), f"no field {label!r} among {found}"
        return found

    def choose(self, label: str, option: str) -> None:
        field = self.field(label, "select")
        next(one for one in field.find_elements(By.TAG_NAME, "option") if one.text == option).click()

    def connect(self) -> None:
        self.press("Connect")
        self.until_status("Open")

    def until(self, what: str, condition: Callable[[], object]) -> None:
        try:
            WebDriverWait(self.driver, WAIT_S, poll_frequency=0.03).until(lambda _: condition())
        except TimeoutException:
            pytest.fail(f"waited {WAIT_S:g} s for {what}; the page: {self.statuses()}, {self.rows()[-8:]}")

    def until_status(self, text: str) -> None:
        self.until(f"the state {text!r}", lambda: text in self.status)

    @property
    def status(self) -> str:
        statuses = self.statuses()
        return statuses[self.panel] if self.panel < len(statuses) else ""

    def statuses(self) -> Sequence[str]:
        found: list[str] = self.run("return [...document.querySelectorAll('.panel .status')].map(p => p.textContent)")
        return found

    def rows(self) -> list[tuple[str, str, str]]:
        """What the log shows: direction, name of the type, payload."""
        found: list[list[str]] = self.run(
            "const panel = document.querySelectorAll('.panel')[arguments[0]];"
            "if (!panel) return [];"
            "return [...panel.querySelectorAll('.row:not([hidden])')]"
            ".sort((one, other) => one.ariaPosInSet - other.ariaPosInSet)"
            ".map(row => [row.querySelector('.hidden').textContent, row.querySelector('.name').textContent,"
            " row.querySelector('.text').textContent])",
            self.panel,
        )
        return [(direction, name, text) for direction, name, text in found]

    def until_rows(self, count: int) -> list[tuple[str, str, str]]:
        self.until(f"{count} rows", lambda: len(self.rows()) >= count)
        return self.rows()

    def key(self, key: str, modifiers: int = 0) -> None:
        """Press a key, as a person does: whatever has the focus gets it."""
        code = KEYS.get(key, ord(key[0].upper()))
        text = {"Enter": "\r", " ": " "}.get(key, key if len(key) == 1 else "")
        event = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": modifiers}
        self.driver.execute_cdp_cmd(
            "Input.dispatchKeyEvent", {"type": "keyDown" if text else "rawKeyDown", "text": text, **event}
        )
        self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", **event})

    def type(self, text: str) -> None:
        self.driver.execute_cdp_cmd("Input.insertText", {"text": text})

    def focused(self) -> str:
        """The name of what has the focus."""
        element = self.driver.switch_to.active_element
        return str(element.accessible_name or element.text)

    def tab_to(self, name: str, most: int = 80) -> None:
        for _ in range(most):
            if self.focused() == name:
                return
            self.key("Tab")
        raise AssertionError(f"{most} times Tab did not reach {name!r}")

    def resize(self, width: int, height: int = 900) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def prefer(self, scheme: str) -> None:
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def complaints(self) -> list[str]:
        """
        What the browser wrote to its console: violations of the policy, exceptions, files that are missing.

        Handshakes that failed and requests that were refused, as they should, are left out.
        """
        entries = self.driver.get_log("browser")
        return [entry["message"] for entry in entries if not _is_expected(entry["message"])]


def _is_expected(message: str) -> bool:
    if "WebSocket connection to" in message:
        return True
    url, _, words = message.partition(" - ")
    return words.startswith("Failed to load resource: the server responded with a status of 4") and "/docs/" not in url
