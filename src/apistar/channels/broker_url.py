"""
The URL of a broker: what of it may be shown, and whether a technology's own client will read it as it was meant.

A password with a "/", "?" or "#" that was not percent-encoded ends the part of the URL in which passwords are looked
for. What comes before is then a host and a port to whoever connects, and stands in the errors of the operating system.

Source: RFC 3986 §3.2.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from ..exceptions import ConfigurationError


def without_credentials(url: str) -> str:
    """
    A URL that may be shown to anybody, whatever is wrong with it.

    Everything before the last "@" may be of a password; so may what stands in the place of a port and is none, where
    the host was forgotten; and a client of Redis takes user and password in the query, too.
    """
    scheme, colon, rest = url.partition(":")
    _, at, place = rest.rpartition("@")
    place, asked, query = (f"//…@{place}" if at else rest).partition("?")
    place = _NO_PORT.sub(r"\1:…", place)
    fields = [field if field.startswith(_SHOWN) else f"{field.partition('=')[0]}=…" for field in query.split("&")]
    return f"{scheme}{colon}{place}{asked}{'&'.join(fields) if asked else ''}"


def check_url(url: str, form: str) -> None:
    """
    Refuse a URL whose password would be taken for something else.

    Args:
        form: How such a URL is written, for the error.

    Raises:
        ConfigurationError: Without a word of the password.
    """
    try:
        parts = urlsplit(url)
        elsewhere = parts.path + parts.fragment if parts.scheme != "unix" else ""
        hosts = parts.netloc.rpartition("@")[2].split(",")
        sound = all(urlsplit(f"//{host}").port != 0 for host in hosts)
        sound = sound and "@" not in elsewhere and ("@" not in parts.query or "=" in parts.query)
    except ValueError:  # the port is no number, or brackets are not in pairs
        sound = False
    if not sound:
        raise misread(url, form)


def misread(url: str, form: str) -> ConfigurationError:
    """The error of a URL that a client would not read as it was meant."""
    return ConfigurationError(
        f"broker {without_credentials(url)!r} is not understood: write {form}, and "
        "percent-encode '/', '?', '#', '[' and '@' in user and password"
    )


_NO_PORT: Final = re.compile(r"^(//(?:…@)?(?:\[[^]]*\]|[^:/#[]*)):(?![0-9]{1,5}(?:[/#]|$)).*", re.DOTALL)
_SHOWN: Final = ("db=", "protocol=", "schema=", "sslmode=", "target_session_attrs=")
