"""
Which broker a URL's scheme stands for, as data: nothing is imported before a URL asks for it.

Another technology is another line in SCHEMES, and an extra of the same name in `pyproject.toml`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Final

from ..exceptions import ConfigurationError
from .broker_url import without_credentials


@dataclass(frozen=True, slots=True)
class Technology:
    """
    What carries publications.

    Attributes:
        module: Of this package; it holds the broker.
        broker: Name of the class.
        needs: What that module imports and not everybody has installed; the extra is named like the module.
        example: A URL as one may be written.
    """

    module: str
    broker: str
    example: str
    needs: str = ""

    def load(self, scheme: str) -> type[object]:
        """
        Import the broker's class.

        Raises:
            ConfigurationError: If its extra is not installed.
        """
        try:
            found: type[object] = getattr(import_module(f".{self.module}", __package__), self.broker)
        except ModuleNotFoundError as error:
            if not self.needs or (error.name or "").partition(".")[0] != self.needs:
                raise
            raise ConfigurationError(
                f"broker {scheme}:// needs {self.needs}: pip install 'apistar[{self.module}]'"
            ) from None
        return found


_MEMORY: Final = Technology("memory", "MemoryBroker", "memory://")
_REDIS: Final = Technology("redis", "RedisBroker", "redis://host:6379", needs="redis")

_POSTGRESQL: Final = Technology("postgresql", "PostgreSQLBroker", "postgresql://host:5432/database", needs="asyncpg")

SCHEMES: Final = {
    "memory": _MEMORY,
    "redis": _REDIS,
    "rediss": _REDIS,
    "unix": _REDIS,
    "postgresql": _POSTGRESQL,
    "postgres": _POSTGRESQL,
}


def broker_class(url: str) -> type[object]:
    """
    Give the class of broker that a URL asks for; called with the URL it makes one.

    Raises:
        ConfigurationError: If no broker has that scheme, or its extra is not installed.
    """
    scheme = url.partition(":")[0].lower()
    technology = SCHEMES.get(scheme)
    if technology is None:
        *some, last = (known.example for known in dict.fromkeys(SCHEMES.values()))
        examples = f"{', '.join(some)} or {last}"
        raise ConfigurationError(f"no broker for {without_credentials(url)!r}; use {examples}")
    return technology.load(scheme)
