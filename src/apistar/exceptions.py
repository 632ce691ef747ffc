"""
Every exception of API Star, one tree:

    APIStarError
    ├── ConfigurationError              found when the application is built
    │   ├── RouteConfigurationError     routes that contradict each other or their handlers
    │   ├── UnknownDependency           nothing provides what a signature asks for
    │   ├── DependencyCycle             a component needs itself
    │   └── UnsupportedType             a message type that cannot be decoded
    ├── UsageError                      the application's fault, found while it runs
    │   ├── WebSocketNotConnected       `send()` or `receive()` before `connect()`
    │   ├── ConcurrentReceive           two tasks in `receive()` of one socket
    │   ├── InvalidSubprotocol          a subprotocol that the client did not offer
    │   ├── EncodeError                 a value that is not of the declared outgoing type
    │   └── UnusableTopic               parameters that make a topic too long or not printable; 404 for a client's
    ├── PeerError                       the client's fault
    │   ├── WebSocketProtocolError      closes with 1002, or the code given
    │   │   └── InvalidMessage          closes with 1007 and the path to the fault
    │   └── OutboxFull                  the client reads more slowly than the application sends
    ├── BrokerError                     the world's fault
    │   ├── BrokerUnavailable           no answer from the broker within its time limit
    │   └── PublicationsLost            a subscription missed publications that cannot be had any more
    ├── HTTPException                   an answer with a status; after `connect()` Close 4000 + status
    │   └── BadRequest, Unauthorized, Forbidden, NotFound, MethodNotAllowed, …
    └── WebSocketDisconnect             an ending, not a fault

Attributes come first and the text is built from them. Each carries the HTTP status or the close code
that the peer gets when nobody catches it.

Sources: RFC 6455 §7.4 (close codes), RFC 9110 §15 (status codes), RFC 9457 (problem details).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar, Final

CLOSE_REASON_LIMIT_BYTES: Final = 123
"""RFC 6455 §5.5: a control frame holds 125 bytes, two of which are the code."""


def truncate_reason(reason: str) -> str:
    """Cut a close reason at 123 bytes of UTF-8, on a character boundary (RFC 6455 §5.5.1)."""
    encoded = reason.encode("utf-8", "replace")
    if len(encoded) <= CLOSE_REASON_LIMIT_BYTES:
        return encoded.decode()
    return encoded[:CLOSE_REASON_LIMIT_BYTES].decode("utf-8", "ignore")


class APIStarError(Exception):
    """The root of the tree."""


# Found when the application is built


class ConfigurationError(APIStarError):
    """
    The application contradicts itself. Raised when it is built, before the first connection.

    Attributes:
        detail: What is wrong, where, and what to do.
    """

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


class RouteConfigurationError(ConfigurationError):
    """Two routes that cannot be told apart, or a route and a handler that do not fit."""


class UnknownDependency(ConfigurationError):
    """
    Nothing provides what a signature asks for.

    Attributes:
        chain: Who asked whom, from the handler to the unknown dependency.
    """

    def __init__(self, detail: str, chain: Sequence[str] = ()) -> None:
        self.chain = tuple(chain)
        super().__init__(detail)


class DependencyCycle(ConfigurationError):
    """
    A component needs itself, directly or through others.

    Attributes:
        chain: The handler, then the components; the last one is the one that came before.
    """

    def __init__(self, detail: str, chain: Sequence[str]) -> None:
        self.chain = tuple(chain)
        super().__init__(detail)


class UnsupportedType(ConfigurationError):
    """A message type for which no decoder can be built."""


# The application's fault


class UsageError(APIStarError):
    """The application called something in a state that does not allow it."""


class WebSocketNotConnected(UsageError):
    """`send()` or `receive()` before `connect()`."""

    def __init__(self, operation: str) -> None:
        self.operation = operation
        super().__init__(f"cannot {operation} before the handshake is complete; call `await ws.connect()` first")


class ConcurrentReceive(UsageError):
    """A second task in `receive()` while another one waits there."""

    def __init__(self) -> None:
        super().__init__(
            "another task is already in receive() of this WebSocket; let one task receive and hand the messages on"
        )


class InvalidSubprotocol(UsageError):
    """`connect(subprotocol=…)` with a subprotocol that the client did not offer (RFC 6455 §4.2.2)."""

    def __init__(self, subprotocol: str, offered: Sequence[str]) -> None:
        self.subprotocol = subprotocol
        self.offered = tuple(offered)
        offer = ", ".join(repr(name) for name in offered) or "none"
        super().__init__(
            f"subprotocol {subprotocol!r} was not offered by the client (offered: {offer}); choose from ws.subprotocols"
        )


class EncodeError(UsageError):
    """A value that is not of the declared outgoing type, or cannot be encoded."""


class UnusableTopic(UsageError):
    """
    Parameters of a channel that make no topic. Injected ones are a client's: a 404, or Close 4404.

    Attributes:
        reason: Why, as words.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


# The client's fault


class PeerError(APIStarError):
    """The client did something that the protocol or the application does not allow."""


class WebSocketProtocolError(PeerError):
    """
    Close the connection with a code that blames the peer; before `connect()` the answer is HTTP 400.

    Attributes:
        detail: Sent as the close reason, cut at 123 bytes on a character boundary.
        code: A close code (RFC 6455 §7.4).
    """

    def __init__(self, detail: str = "", code: int = 1002) -> None:
        self.detail = detail
        self.code = code
        super().__init__(f"{detail} (close code {code})" if detail else f"close code {code}")

    @property
    def reason(self) -> str:
        """The detail as it fits into a Close frame."""
        return truncate_reason(self.detail)


class InvalidMessage(WebSocketProtocolError):
    """
    A message that does not decode to the declared incoming type.

    A handler may catch it and go on; uncaught it closes with 1007 and the path as the reason.

    Attributes:
        path: Where in the message, as `$.items[2].id`; `$` is the message itself.
        expected: What the type asks for, as words.
        got: What came, as words; empty where it cannot be said.
    """

    def __init__(self, detail: str, *, path: str = "$", expected: str = "", got: str = "", code: int = 1007) -> None:
        self.path = path
        self.expected = expected
        self.got = got
        super().__init__(detail, code)


class OutboxFull(PeerError):
    """
    `send_nowait()` found no room; nothing was queued.

    Attributes:
        waiting_bytes, waiting_messages: What waits for the client.
    """

    def __init__(self, waiting_bytes: int, waiting_messages: int) -> None:
        self.waiting_bytes = waiting_bytes
        self.waiting_messages = waiting_messages
        super().__init__(
            f"outbox is full: {waiting_messages} messages of {waiting_bytes} bytes wait for the client; "
            "drop this message, or use `await ws.send(…)` to wait"
        )


# The world's fault


class BrokerError(APIStarError):
    """A channel's broker failed."""


class BrokerUnavailable(BrokerError):
    """The broker did not answer within its time limit. Uncaught it is a 503, or Close 1013 after `connect()`."""


class PublicationsLost(BrokerError):
    """
    A subscription missed publications that cannot be had any more.

    Attributes:
        topic: Of the subscription.
        why: As words.
    """

    def __init__(self, topic: str, why: str) -> None:
        self.topic = topic
        self.why = why
        super().__init__(f"publications of {topic!r} are lost: {why}; subscribe again")


# An ending


class WebSocketDisconnect(APIStarError):
    """
    The connection is over: the peer closed it, it was lost, or a Close was sent.

    Attributes:
        code: The peer's own close code; 1005 for a Close without one, 1006 where there was no Close (RFC 6455 §7.1.5).
        reason: The reason that came with it; empty where there was none.
    """

    def __init__(self, code: int = 1000, reason: str = "") -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"closed with {code}" + (f": {reason}" if reason else ""))


# Answers with a status


class HTTPException(APIStarError):
    """
    End a request with a status, or refuse a WebSocket with it.

    Before `connect()` the client sees the status, the headers and a problem document (RFC 9457);
    after it Close 4000 + status with the title as the reason.

    Attributes:
        status_code: 400 to 599 as a rule.
        title: The reason phrase of the status.
        detail: What the client may know; the title where nothing is given. A mapping becomes members of the document.
        headers: Sent with the response.
    """

    default_status: ClassVar[int] = 500

    def __init__(
        self,
        detail: str | Mapping[str, object] | None = None,
        status_code: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if isinstance(detail, int):
            raise TypeError(
                f"HTTPException takes the detail first and the status second: "
                f"write HTTPException(status_code={detail}) or use a child such as NotFound"
            )
        self.status_code = self.default_status if status_code is None else int(status_code)
        try:
            self.title = HTTPStatus(self.status_code).phrase
        except ValueError:
            self.title = f"Status {self.status_code}"
        self.detail: str | Mapping[str, object] = self.title if detail is None else detail
        self.headers = dict(headers or {})
        super().__init__(f"{self.status_code} {self.title}" + (f": {detail}" if detail else ""))

    def problem(self) -> dict[str, object]:
        """The problem document of RFC 9457: title, status, detail."""
        document: dict[str, object] = {"title": self.title, "status": self.status_code}
        if isinstance(self.detail, str):
            document["detail"] = self.detail
        else:
            document.update(self.detail)
        return document


class BadRequest(HTTPException):
    default_status = 400

    @classmethod
    def of(cls, invalid: InvalidMessage) -> BadRequest:
        """What is wrong with a body, and where, as members of the problem document."""
        return cls({"detail": invalid.detail, "path": invalid.path})


class Unauthorized(HTTPException):
    default_status = 401


class Forbidden(HTTPException):
    default_status = 403


class NotFound(HTTPException):
    default_status = 404


class MethodNotAllowed(HTTPException):
    """
    The resource exists and does not answer to this method.

    Attributes:
        allow: The methods that it answers to, sent as `Allow` (RFC 9110 §15.5.6).
    """

    default_status = 405

    def __init__(
        self,
        detail: str | Mapping[str, object] | None = None,
        status_code: int | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        allow: Sequence[str] = (),
    ) -> None:
        self.allow = tuple(allow)
        super().__init__(detail, status_code, {**({"Allow": ", ".join(allow)} if allow else {}), **(headers or {})})


class NotAcceptable(HTTPException):
    default_status = 406


class RequestTimeout(HTTPException):
    default_status = 408


class Conflict(HTTPException):
    default_status = 409


class Gone(HTTPException):
    default_status = 410


class PayloadTooLarge(HTTPException):
    default_status = 413


class UnsupportedMediaType(HTTPException):
    default_status = 415


class UnprocessableContent(HTTPException):
    default_status = 422


class UpgradeRequired(HTTPException):
    """A plain HTTP request for a WebSocket route (RFC 9110 §15.5.22)."""

    default_status = 426

    def __init__(
        self,
        detail: str | Mapping[str, object] | None = None,
        status_code: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        super().__init__(detail, status_code, {**upgrade, **(headers or {})})


class TooManyRequests(HTTPException):
    default_status = 429


class InternalServerError(HTTPException):
    default_status = 500


class ServiceUnavailable(HTTPException):
    default_status = 503
