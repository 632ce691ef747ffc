"""
The topics of a WebSocket route: what its handler may join or publish to, as the plan of the route says.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from ..channels.seat import REJOIN, TOO_SLOW
from ..components.channel import ChannelInfo
from ..injector import Step
from ..messages.docstring import parse
from ..messages.message_types import MessageTypes
from .contents import Types, messages_of
from .reference import Outcome, Topic


def channels_of(steps: Iterable[tuple[Step, bool]]) -> list[ChannelInfo]:
    """The channels that the steps of a route fill, each once."""
    found: dict[object, ChannelInfo] = {}
    for step, _ in steps:
        if isinstance(step.about, ChannelInfo):
            found.setdefault(step.about.channel, step.about)
    return list(found.values())


def topics_of(types: Types, steps: Iterable[tuple[Step, bool]], messages: MessageTypes | None) -> tuple[Topic, ...]:
    """
    Describe each channel.

    Args:
        messages: Of the route; its codecs are those of the publications.
    """
    codecs: dict[str, Any] = {} if messages is None else {"codecs": messages.codecs}
    topics = []
    for info in channels_of(steps):
        channel = info.channel
        docstring = parse(inspect.getdoc(channel) if channel.__doc__ else None)
        carried = MessageTypes(str, channel.payload.outgoing, **codecs)
        presence = channel.presence_times()
        topics.append(
            Topic(
                channel.__qualname__.rpartition(".")[2],
                channel.template,
                messages_of(types, carried, incoming=False),
                docstring.summary,
                docstring.description,
                None if channel.history is None else {"size": channel.history.size, "ttl_s": channel.history.ttl_s},
                None if presence is None else {"grace_s": presence.grace_s, "ttl_s": presence.ttl_s},
                channel.numbered,
            )
        )
    return tuple(topics)


def endings_of(topics: Iterable[Topic]) -> Iterator[Outcome]:
    """How a socket that joined may be closed."""
    yield Outcome(TOO_SLOW, "the client reads more slowly than is published")
    if any(topic.history is not None for topic in topics):
        yield Outcome(REJOIN, "publications were missed: connect and join again")
