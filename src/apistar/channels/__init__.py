"""Channels: one publish reaches every socket, in every process, and nothing is lost in silence."""

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
from .subscriber import REJOIN

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
    "conflate",
    "disconnect",
    "drop_oldest",
]
