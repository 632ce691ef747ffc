"""Channels: one publish reaches every socket, in every process, and nothing is lost in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .broker import Broker
    from .channel import Channel
    from .hub import Hub
    from .limits import ChannelLimits
    from .memory import MemoryBroker
    from .policy import Policy, conflate, disconnect, drop_oldest
    from .records import (
        Health,
        History,
        MemberJoined,
        MemberLeft,
        Page,
        Position,
        Presence,
        PresenceEvent,
        Publication,
        Published,
    )
    from .seat import REJOIN, Seat
    from .subscription import Subscription

__all__ = [
    "REJOIN",
    "Broker",
    "Channel",
    "ChannelLimits",
    "Health",
    "History",
    "Hub",
    "MemberJoined",
    "MemberLeft",
    "MemoryBroker",
    "Page",
    "Policy",
    "Position",
    "Presence",
    "PresenceEvent",
    "Publication",
    "Published",
    "Seat",
    "Subscription",
    "conflate",
    "disconnect",
    "drop_oldest",
]

_LAZY = {
    "Broker": "broker",
    "Channel": "channel",
    "ChannelLimits": "limits",
    "Health": "records",
    "History": "records",
    "Hub": "hub",
    "MemberJoined": "records",
    "MemberLeft": "records",
    "MemoryBroker": "memory",
    "Page": "records",
    "Policy": "policy",
    "Position": "records",
    "Presence": "records",
    "PresenceEvent": "records",
    "Publication": "records",
    "Published": "records",
    "REJOIN": "seat",
    "Seat": "seat",
    "Subscription": "subscription",
    "conflate": "policy",
    "disconnect": "policy",
    "drop_oldest": "policy",
}


def __getattr__(name: str) -> object:
    """Import a name when it is first asked for (PEP 562): an application without channels pays nothing for them."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_LAZY[name]}", __name__), name)
