"""Channels: one publish reaches every socket, in every process, and nothing is lost in silence."""

from .broker import Broker
from .memory import MemoryBroker
from .records import Health, History, Page, Position, PresenceEvent, Publication

__all__ = ["Broker", "Health", "History", "MemoryBroker", "Page", "Position", "PresenceEvent", "Publication"]
