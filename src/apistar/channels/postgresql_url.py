"""
The URL of a broker on PostgreSQL: libpq's form, and the schema that holds the broker's tables.

    postgresql://user:password@host:5432/database?schema=apistar&sslmode=verify-full

Source: PostgreSQL's documentation of connection URIs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ..exceptions import ConfigurationError
from .broker_url import check_url, misread, without_credentials

FORM: Final = "postgresql://user:password@host:5432/database"
SCHEMA: Final = "apistar"
_SCHEMA_NAME: Final = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Address:
    """
    Where the broker is.

    Attributes:
        dsn: What the driver connects to; never shown.
        schema: Of the broker's tables.
        several: Whether it names several servers, of which one takes writes.
    """

    dsn: str
    schema: str
    several: bool

    @classmethod
    def of(cls, url: str) -> Address:
        """
        Read a URL.

        Raises:
            ConfigurationError: If it would be misread, or the schema has a name that needs quoting.
        """
        check_url(url, FORM)
        parts = urlsplit(url)
        if parts.netloc.count("@") > 1:  # asyncpg looks for the end of a password at the first one
            raise misread(url, FORM)
        query = parse_qsl(parts.query, keep_blank_values=True)
        schema = dict(query).get("schema", SCHEMA)
        if not _SCHEMA_NAME.fullmatch(schema):
            raise ConfigurationError(
                f"broker {without_credentials(url)!r}: schema {schema!r} must be of lower-case letters, digits and _, "
                "at most 63, and not begin with a digit or pg_"
            )
        rest = urlencode([field for field in query if field[0] != "schema"])
        hosts = parts.netloc.rpartition("@")[2] or dict(query).get("host", "")
        named = "target_session_attrs" in dict(query)
        return cls(urlunsplit(parts._replace(query=rest)), schema, "," in hosts and not named)
