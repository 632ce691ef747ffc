"""
Lines of the access log: uvicorn's format, without what must not be in a log.

The values of a query may be tokens, so a line shows the names alone: `/feed?token=***&page=***`; what has no name is
taken for a value. Everything else that a client chose is escaped: no control character, line break or terminal code
reaches a log.

uvicorn writes the lines of plain HTTP requests itself; `HideQueryValues` is the filter that `run()` puts on its logger.
"""

from __future__ import annotations

import logging
import re
from typing import Final
from urllib.parse import quote

from ..log_text import escaped
from ..types import Scope

MAX_SHOWN: Final = 1024
"""Characters of a path or a query in one line."""


def target_of(scope: Scope) -> str:
    """The path, and the names of the query."""
    path = shortened(quote(scope["path"]))
    query: bytes = scope["query_string"]
    return f"{path}?{hidden(query.decode('latin-1'))}" if query else path


def hidden(query: str) -> str:
    """A query without its values."""
    return shortened(escaped(_PARAMETER.sub(_name_of, query)))


def shortened(text: str) -> str:
    """Text that does not fill a log."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


class HideQueryValues(logging.Filter):
    """Hides the values of queries in uvicorn's access lines."""

    def filter(self, record: logging.LogRecord) -> bool:
        # uvicorn: client, method, path with query, HTTP version, status
        if isinstance(record.args, tuple) and len(record.args) == 5:
            client, method, target, version, status = record.args
            path, separator, query = str(target).partition("?")
            shown = f"{shortened(path)}?{hidden(query)}" if separator else shortened(path)
            record.args = (escaped(str(client)), method, shown, version, status)
        return True


def _name_of(found: re.Match[str]) -> str:
    return f"{found[1] or ''}***" if found[0] else ""


_PARAMETER: Final = re.compile(r"(?<![^&;])([^=&;]*=)?[^&;]*")
