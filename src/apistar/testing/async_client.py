"""
`AsyncTestClient`: an application in memory, in the event loop of the test.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final

import httpx

from ..types import TESTING_EXTENSION, ASGIApp, Receive, Scope, Send, WSGIFace, asgi_of
from .async_session import UNSET, AsyncWebSocketSession
from .lifespan import TestLifespan
from .scopes import websocket_scope

HTTP_ONLY: Final = frozenset({"accept", "accept-encoding", "connection", "content-length", "content-type", "host"})
"""The client's own headers that it does not send with a handshake."""

Scalar = str | int | float | bool | None
QueryParams = Mapping[str, Scalar | Sequence[Scalar]] | Sequence[tuple[str, Scalar]]


class ResponseTimeout(AssertionError):
    """An HTTP response took longer than the limit."""


class AsyncTestClient(httpx.AsyncClient):
    """
    Talks HTTP through httpx, and WebSockets, to any ASGI application, without a server.

    The application is started with the first use and shut down on leaving `async with`.

    Args:
        app: Any ASGI 3 application; for an `App`, the one underneath.
        base_url: Of relative URLs; its host is the `Host` of every request.
        raise_server_exceptions: Raise in the test what a handler failed with; otherwise the test sees 500 or 1011.
        timeout_s: Limit of every wait, in seconds; `None` for none (in a debugger).
        root_path: ASGI's.
        client: Address of the peer.
        Other arguments: httpx's.
    """

    __test__ = False

    def __init__(
        self,
        app: ASGIApp | WSGIFace,
        *,
        base_url: str = "http://testserver",
        raise_server_exceptions: bool = True,
        timeout_s: float | None = 5.0,
        root_path: str = "",
        client: tuple[str, int] = ("testclient", 50000),
        **options: Any,
    ) -> None:
        self.app = asgi_of(app)
        self.timeout_s = timeout_s
        self._raises = raise_server_exceptions
        self._root_path = root_path
        self._peer = client
        self._lifespan = TestLifespan(self.app, timeout_s)
        transport = httpx.ASGITransport(
            self._serve, raise_app_exceptions=raise_server_exceptions, root_path=root_path, client=client
        )
        super().__init__(transport=transport, base_url=base_url, **options)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._lifespan.ensure_started()
        await asyncio.sleep(0)  # a test may ask again and again, until something that others do has happened
        errors: list[BaseException] = []
        scope["extensions"] = {**scope.get("extensions", {}), TESTING_EXTENSION: {"errors": errors}}
        scope["state"] = dict(self._lifespan.state)
        scope["path"] = self._root_path + scope["path"]
        try:
            async with asyncio.timeout(self.timeout_s):
                await self.app(scope, receive, send)
        except TimeoutError:
            raise ResponseTimeout(
                f"waited {self.timeout_s} s for the response to {scope['method']} {scope['path']}"
            ) from None
        if errors and self._raises:
            raise errors[0]

    def websocket(
        self,
        url: str,
        *,
        params: QueryParams | None = None,
        subprotocols: Sequence[str] = (),
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        origin: str | None = None,
        cookies: Mapping[str, str] | None = None,
        timeout: float | None = UNSET,
    ) -> AsyncWebSocketSession:
        """
        Open a WebSocket: `async with client.websocket("/chat/lobby") as ws`.

        Args:
            url: A path with an optional query, or a whole URL.
            params: Of the query, in place of what `url` has, as for httpx's requests.
            subprotocols: Offered, in order of preference.
            headers: Besides the client's own.
            origin: As a browser sends it; none by default.
            cookies: Besides the client's own.
            timeout: Limit of every wait of this session, in seconds; the client's where nothing is given.

        Raises:
            WebSocketDenied: On entering, if the handshake is refused.
        """
        if isinstance(subprotocols, str):
            raise TypeError(f"subprotocols must be a list: subprotocols=[{subprotocols!r}]")
        if params is not None:
            url = str(httpx.URL(url, params=params))
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        if origin is not None:
            pairs.append(("origin", origin))
        jar = {**dict(self.cookies), **(cookies or {})}
        if jar:
            pairs.append(("cookie", "; ".join(f"{name}={value}" for name, value in jar.items())))
        default = [(name, value) for name, value in self.headers.items() if name not in HTTP_ONLY]
        known = {name.lower() for name, _ in pairs}
        scope = websocket_scope(
            url,
            base_url=str(self.base_url),
            subprotocols=subprotocols,
            headers=[*(pair for pair in default if pair[0] not in known), *pairs],
            root_path=self._root_path,
            client=self._peer,
            state={},
        )

        async def started() -> None:
            await self._lifespan.ensure_started()
            scope["state"] = dict(self._lifespan.state)

        limit = self.timeout_s if timeout is UNSET else timeout
        return AsyncWebSocketSession(self.app, scope, limit, self._raises, started)

    async def __aenter__(self) -> AsyncTestClient:
        await super().__aenter__()
        await self._lifespan.ensure_started()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await super().__aexit__(exc_type, exc_value, traceback)
        await self._lifespan.stop()

    async def aclose(self) -> None:
        """Close the client and shut the application down."""
        await super().aclose()
        await self._lifespan.stop()
