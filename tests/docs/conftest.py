from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium import webdriver

from tests.docs.reader import Reader
from tests.integration.serving import chromium, serving


@pytest.fixture(scope="session")
def kitchen() -> Iterator[str]:
    """The host and port of the application."""
    with serving("tests.docs.application:app") as address:
        yield address


@pytest.fixture(scope="session")
def driver() -> Iterator[webdriver.Chrome]:
    with chromium() as driver:
        yield driver


@pytest.fixture
def reader(driver: webdriver.Chrome, kitchen: str) -> Iterator[Reader]:
    reader = Reader(driver, kitchen)
    reader.resize(1440)
    reader.complaints()
    yield reader
    assert reader.complaints() == []
