"""
Listening for TLS: a connection becomes OpenSSL's when its client has begun to speak and there is a place for it.

`loop.create_server` makes the objects of TLS for each connection that it accepts. Here the socket is accepted and
watched until its first byte is there, `tls_admission.py` says when its turn comes, and only then is it given to the
loop, with all that its client has said still unread.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Hashable
from typing import Any, Final

from ..limits import Limits
from ..observer import Observer
from ..transports.wheel import Bucket, wheel_of
from .tls_admission import PATIENCE_S, TLSAdmission

ACCEPTED_AT_ONCE: Final = 64
"""Then the loop has its turn; no crowd at the door may stop it."""
EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
EXHAUSTED_PAUSE_S: Final = 1.0
"""As asyncio's own servers."""
LOG_INTERVAL_S: Final = 60.0
"""Between two lines on one crowd."""

logger = logging.getLogger("uvicorn.error")


class TLSListeners:
    """
    What the listeners of one server process share; stands in for `loop.create_server`.

    Args:
        limits: Of handshakes.
        observer: Told of each connection that had to go.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits, observer: Observer | None) -> None:
        self.loop = loop
        self.limits = limits
        self.wheel = wheel_of(loop)
        self.admission = TLSAdmission(loop, limits.max_tls_handshakes, self._crowded_out)
        self._observer = observer
        self._crowded_out_count = 0
        self._next_line = 0.0

    async def listen(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        *,
        sock: socket.socket,
        ssl: ssl.SSLContext,
        backlog: int,
    ) -> TLSListener:
        """Listen on a socket that is bound."""
        return TLSListener(self, protocol_factory, sock, ssl, backlog)

    def _crowded_out(self) -> None:
        self._crowded_out_count += 1
        if self._observer is not None:
            self._observer.tls_crowded_out()
        now = self.loop.time()
        if now >= self._next_line:
            logger.warning(
                "too many clients begin TLS and do not finish; dropped %d of them in favour of others "
                "(max_tls_handshakes is %d)",
                self._crowded_out_count,
                self.limits.max_tls_handshakes,
            )
            self._crowded_out_count = 0
            self._next_line = now + LOG_INTERVAL_S


class TLSListener:
    """One listening socket; as much of `asyncio.Server` as uvicorn asks for."""

    def __init__(
        self,
        shared: TLSListeners,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        listener: socket.socket,
        context: ssl.SSLContext,
        backlog: int,
    ) -> None:
        self.shared = shared
        self.protocol_factory = protocol_factory
        self.context = context
        self.sockets = (listener,)
        self._listener = listener
        self._pause: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        listener.listen(backlog)
        self._watch()

    def close(self) -> None:
        """Accept nobody any more, and drop whoever has not finished the handshake."""
        if self._pause is not None:
            self._pause.cancel()
        self.shared.loop.remove_reader(self._listener)
        self.shared.admission.close()

    def _watch(self) -> None:
        self._pause = None
        self.shared.loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in EXHAUSTED:
                    raise
                self._relieve(error)
                return
            connection.setblocking(False)
            Newcomer(self, connection, group_of(address))

    def _relieve(self, error: OSError) -> None:
        """No socket is left to accept with."""
        if self.shared.admission.make_room():
            return
        logger.error("cannot accept connections for %g s: %s", EXHAUSTED_PAUSE_S, error.strerror)
        self.shared.loop.remove_reader(self._listener)
        self._pause = self.shared.loop.call_later(EXHAUSTED_PAUSE_S, self._watch)


class Newcomer:
    """A connection until its handshake is over: a `Candidate`, and a member of the wheel."""

    __slots__ = ("_connection", "_deadline", "_listener", "_task", "_watched", "address", "bucket")

    def __init__(self, listener: TLSListener, connection: socket.socket, address: Hashable) -> None:
        shared = listener.shared
        self.address = address
        self.bucket: Bucket | None = None
        self._listener = listener
        self._connection: socket.socket | None = connection
        self._deadline = shared.loop.time() + shared.limits.handshake_timeout_s
        self._task: asyncio.Task[None] | None = None
        self._watched = False
        shared.admission.arrive(self)
        self._look(connection)

    def _look(self, connection: socket.socket) -> None:
        """Whether its client speaks."""
        shared = self._listener.shared
        try:
            said = connection.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            if not self._watched:
                self._watched = True
                shared.wheel.schedule(self, shared.limits.handshake_timeout_s, shared.loop)
                shared.loop.add_reader(connection, self._look, connection)
            return
        except OSError:
            said = b""
        if not said:
            self.drop()
            return
        if self._watched:
            self._watched = False
            shared.loop.remove_reader(connection)
        shared.admission.speak(self)
        if self._task is None and self.bucket is None:
            shared.wheel.schedule(self, shared.limits.handshake_timeout_s, shared.loop)

    def begin(self) -> None:
        """Called by the admission."""
        shared = self._listener.shared
        if self.bucket is not None:
            shared.wheel.forget(self)
        self._task = shared.loop.create_task(self._handshake())
        self._task.add_done_callback(self._finished)

    async def _handshake(self) -> None:
        listener, connection = self._listener, self._connection
        if connection is None:
            return
        self._connection = None  # now it is the loop's to close
        limits, loop = listener.shared.limits, listener.shared.loop
        least_s = min(PATIENCE_S, limits.handshake_timeout_s)
        await loop.connect_accepted_socket(
            listener.protocol_factory,
            connection,
            ssl=listener.context,
            ssl_handshake_timeout=max(self._deadline - loop.time(), least_s),
            ssl_shutdown_timeout=limits.close_timeout_s,
        )

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._task = None  # which knows us as well: only the collector would see that both can go
        self._close()
        self._listener.shared.admission.leave(self)
        error = None if task.cancelled() else task.exception()
        # A client that speaks no TLS, breaks off or takes too long is no fault of ours.
        if error is not None and not isinstance(error, OSError):
            logger.error("fault in the handshake of TLS", exc_info=error)

    def drop(self) -> None:
        """Called by the admission, the wheel, and where the client left."""
        shared = self._listener.shared
        if self._task is not None:
            self._task.cancel()
            return
        if self._watched and self._connection is not None:
            shared.loop.remove_reader(self._connection)
        self._close()
        if self.bucket is not None:
            shared.wheel.forget(self)
        shared.admission.leave(self)

    def on_deadline(self) -> None:
        """Called by the wheel: it took too long to speak, or its turn did not come."""
        self.drop()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def group_of(address: Any) -> Hashable:
    """Whose turns a client shares: those of its IPv4 address, or of its network of IPv6; all of a unix socket's."""
    if not isinstance(address, tuple):
        return None
    host: str = address[0]
    if ":" not in host or "." in host:
        return host
    return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])[:IPV6_NETWORK_BYTES]


IPV6_NETWORK_BYTES: Final = 8
"""A client has all addresses of its network to itself (RFC 6177 §2)."""
