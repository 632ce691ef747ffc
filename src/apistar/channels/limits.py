"""
Every limit of channels, in one frozen record: what a client can make grow is bounded.

`ASyncApp(channel_limits=ChannelLimits(…))` sets them for the application.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Final

from ..exceptions import ConfigurationError

KIB: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLimits:
    """
    What topics and those who join them may cost.

    Attributes:
        max_topic_bytes: A topic is a key in the broker and in every process, and comes out of a URL.
        max_topics_per_socket: Each costs every process a subscription; a page shows a few dozen things at once.
        max_members: Of one topic; a list of members is read and sent whole.
        max_member_bytes: Of a member's name.
        max_history_size: Publications of one topic; a recovery reads them at once.
        max_payload_bytes: Of one publication, encoded. It is kept once per history entry and sent to everybody.
        max_key_bytes: Of an idempotency key.
        outbox_messages: What may wait for one socket before its policy acts.
        outbox_bytes: The same in bytes.
    """

    max_topic_bytes: int = 255
    max_topics_per_socket: int = 128
    max_members: int = 10_000
    max_member_bytes: int = 255
    max_history_size: int = 10_000
    max_payload_bytes: int = 256 * KIB
    max_key_bytes: int = 255
    outbox_messages: int = 256
    outbox_bytes: int = 512 * KIB

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or value < 1:
                raise ConfigurationError(f"channel_limits.{field.name} must be a whole number above 0, not {value!r}")


DEFAULT_CHANNEL_LIMITS: Final = ChannelLimits()
