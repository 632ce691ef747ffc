"""Path → route and parameters; name → path."""

from .path import Path
from .route import Include, Mount, Route, RouteKind
from .router import Entry, Match, MountEntry, Router
from .table import table, unclaimed

__all__ = [
    "Entry",
    "Include",
    "Match",
    "Mount",
    "MountEntry",
    "Path",
    "Route",
    "RouteKind",
    "Router",
    "table",
    "unclaimed",
]
