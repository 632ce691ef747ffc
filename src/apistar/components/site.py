"""
The route's side of compiling a plan: what the sources may look at, and what they find out for the router.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ..exceptions import RouteConfigurationError, UnsupportedType
from ..injector.signature import words
from ..messages.codec import Codec
from ..messages.message_types import MessageTypes
from ..routing import RouteKind


class Site(msgspec.Struct):
    """
    One route while its plans are compiled.

    Attributes:
        kind: HTTP or WebSocket.
        names: Path parameters of the URL.
        codecs: That the route allows, the default first.
        path_types: Annotation of each path parameter that somebody asked for.
        messages: Types of the WebSocket, once somebody declared them.
        untyped: Path parameters that somebody takes as they come.
        all_names: Whether somebody takes all path parameters at once.
    """

    kind: RouteKind
    names: Sequence[str] = ()
    codecs: Sequence[Codec] = ()
    path_types: dict[str, Any] = msgspec.field(default_factory=dict)
    messages: MessageTypes | None = None
    untyped: set[str] = msgspec.field(default_factory=set)
    all_names: bool = False

    def ask_path(self, name: str, annotation: Any) -> None:
        """
        Remember how a path parameter is typed.

        Raises:
            RouteConfigurationError: If it is asked for as two types.
        """
        before = self.path_types.setdefault(name, annotation)
        if before != annotation:
            raise RouteConfigurationError(
                f"path parameter {{{name}}} is asked for as {words(before)} and as {words(annotation)}; "
                "a path parameter has one type"
            )

    def declare(self, incoming: Any, outgoing: Any) -> None:
        """
        Remember the message types of the WebSocket.

        Raises:
            UnsupportedType: If two parameters declare different ones, or a type cannot be decoded.
        """
        before = self.messages
        if before is None:
            self.messages = MessageTypes(incoming, outgoing, self.codecs)
        elif (before.incoming, before.outgoing) != (incoming, outgoing):
            raise UnsupportedType(
                f"one WebSocket is declared as [{words(before.incoming)}, {words(before.outgoing)}] and as "
                f"[{words(incoming)}, {words(outgoing)}]; hooks and components ask for `WebSocket` without types"
            )
