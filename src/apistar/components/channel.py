"""
The source of channels: `room: Room` is the channel whose topic is filled from the path.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec

from ..exceptions import ConfigurationError, NotFound, UnusableTopic, UsageError
from ..injector import Binding
from .exchange import Exchange
from .site import Site

if TYPE_CHECKING:
    from ..channels import Channel, Hub

CHANNEL_MODULE = "apistar.channels.channel"


class ChannelInfo(msgspec.Struct, frozen=True):
    """
    What a route's plan says of a channel; the schema and a `Provider` read it.

    Attributes:
        channel: The class.
        hub: Gives the application's.
        missing: Parameters of its topic that the URL does not have.
    """

    channel: type[Channel[Any]]
    hub: Callable[[], Hub]
    missing: tuple[str, ...]

    @property
    def takes(self) -> tuple[str, ...]:
        """Parameters that a `Provider`'s caller may give."""
        return self.channel.names

    def make(self, exchange: Exchange, given: Mapping[str, object]) -> Channel[Any]:
        """
        The channel for one exchange.

        Raises:
            NotFound: If the values make a topic that cannot be: too long, or not printable. They come from a client.
            UsageError: If a parameter is neither in the path nor given.
        """
        values: dict[str, object] = {}
        for name in self.channel.names:
            if name in given:
                values[name] = given[name]
            elif name in exchange.path_params:
                values[name] = exchange.path_params[name]
            else:
                raise UsageError(f"Provider[{self.channel.__qualname__}] needs {name}=…: the URL has no {{{name}}}")
        try:
            return self.channel(self.hub(), **values)
        except UnusableTopic as error:
            raise NotFound(error.reason) from None


class ChannelSource:
    """
    `room: Room`, and `rooms: Provider[Room]` with the parameters of its topic.

    Attributes:
        used: Every channel that a route asks for.
    """

    def __init__(self, hub: Callable[[], Hub]) -> None:
        self._hub = hub
        self.used: set[type[Channel[Any]]] = set()

    def bind(self, parameter: inspect.Parameter, site: object) -> Binding | None:
        annotation = parameter.annotation
        module = sys.modules.get(CHANNEL_MODULE)  # whoever has a channel has imported it
        if module is None or not isinstance(annotation, type) or not isinstance(site, Site):
            return None
        if not issubclass(annotation, module.Channel):
            return None
        channel = cast("type[Channel[Any]]", annotation)
        if not channel.template:
            raise ConfigurationError(f'{channel.__qualname__} has no topic; write topic = "room:{{room}}" in its class')
        self.used.add(channel)
        missing = tuple(name for name in channel.names if name not in site.names)
        site.untyped.update(name for name in channel.names if name in site.names)
        info = ChannelInfo(channel, self._hub, missing)
        return Binding(
            ("channel", channel),
            lambda exchange: info.make(exchange, {}),
            f"channel {channel.__qualname__}: {channel.template}",
            about=info,
        )
