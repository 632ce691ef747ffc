"""The built-in providers: the one place where the rooms meet."""

from .body import BodyInfo, BodySource
from .channel import ChannelInfo, ChannelSource
from .connection import ConnectionSource, ConstantSource
from .exchange import Exchange
from .parameters import CookieSource, HeaderSource, ParameterInfo, PathSource, QuerySource
from .site import Site
from .websocket import TaskGroupSource, WebSocketSource

__all__ = [
    "BodyInfo",
    "BodySource",
    "ChannelInfo",
    "ChannelSource",
    "ConnectionSource",
    "ConstantSource",
    "CookieSource",
    "Exchange",
    "HeaderSource",
    "ParameterInfo",
    "PathSource",
    "QuerySource",
    "Site",
    "TaskGroupSource",
    "WebSocketSource",
]
