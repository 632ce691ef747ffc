"""
How many WebSockets one process holds.

Past `max_connections` a handshake is answered with 503 and `Retry-After`, spread so that refused clients do not come
back in one second.
"""

from __future__ import annotations

import random
from collections.abc import Hashable

from ..exceptions import ServiceUnavailable
from ..limits import RETRY_AFTER_S


class Admission:
    """Counts the open connections of one application in this process: of all its routes, or of a group of them."""

    __slots__ = ("open",)

    def __init__(self) -> None:
        self.open: dict[Hashable, int] = {}

    def enter(self, limit: int | None, group: Hashable = None) -> None:
        """
        Count one more; whoever entered must `leave()` the same group.

        Raises:
            ServiceUnavailable: If there are `limit` already; nothing was counted.
        """
        count = self.open.get(group, 0)
        if limit is not None and count >= limit:
            raise ServiceUnavailable(
                "too many connections; try again later",
                headers={"Retry-After": str(random.randint(*RETRY_AFTER_S))},
            )
        self.open[group] = count + 1

    def leave(self, group: Hashable = None) -> None:
        """Count one less."""
        self.open[group] -= 1
