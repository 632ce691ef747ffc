"""
A server process of our own on a free port, and Chromium to look at it with.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Final

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.server.processes import ROOT, START_TIMEOUT_S, end, free_port

CHROMIUM_OPTIONS: Final = (
    "--headless=new",
    "--no-sandbox",  # the tests run as root in CI
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def wait_for_port(
    port: int, process: subprocess.Popen[str], timeout_s: float = START_TIMEOUT_S, output: IO[str] | None = None
) -> None:
    """
    Return when the process accepts connections.

    Raises:
        RuntimeError: If it ended, or does not accept within the time limit; with what it printed.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and process.poll() is None:
        with closing(socket.socket()) as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    process.kill()
    printed, _ = process.communicate()
    if output is not None:
        output.seek(0)
        printed = output.read()
    raise RuntimeError(f"no server on port {port} within {timeout_s:g} s; it printed:\n{printed}")


@contextmanager
def serving(app: str, *options: str, command: Sequence[str] | None = None) -> Iterator[str]:
    """Run `apistar run app` on a free port for as long as the block lasts; gives its host and port."""
    port = free_port()
    start = command or (str(Path(sys.executable).with_name("apistar")), "run")
    # Into a file: a pipe that nobody reads is full after some hundred requests, and the server waits for ever.
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [*start, app, "--host", "127.0.0.1", "--port", str(port), *options],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            wait_for_port(port, process, output=output)
            yield f"127.0.0.1:{port}"
        finally:
            assert end(process), "the server did not end when it was asked to"


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Debian's Chromium, headless, with a profile of its own."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory(prefix="apistar-chromium-", ignore_cleanup_errors=True) as profile:
        for option in (*CHROMIUM_OPTIONS, f"--user-data-dir={profile}"):
            options.add_argument(option)
        driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        try:
            yield driver
        finally:
            driver.quit()
