"""
`TestClient`: an application in memory, for sync tests.

The application runs in an event loop of its own thread, which is started with the first use and ends with `close()`,
the `with` block, or the client.
"""

from __future__ import annotations

import weakref
from collections.abc import Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

import httpx

from ..types import ASGIApp, WSGIFace, asgi_of
from .async_client import HTTP_ONLY, AsyncTestClient, QueryParams
from .async_session import UNSET
from .loop import LoopBlocked, LoopThread
from .session import WebSocketSession

T = TypeVar("T")


class TestClient(httpx.Client):
    """
    Talks HTTP through httpx, and WebSockets, to any ASGI application, without a server.

    Safe to create at module level, and to use from several threads.

    Args: As `AsyncTestClient`.
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
        self._thread = _Runner(
            self.app,
            base_url=base_url,
            raise_server_exceptions=raise_server_exceptions,
            timeout_s=timeout_s,
            root_path=root_path,
            client=client,
        )
        self._finalizer = weakref.finalize(self, self._thread.stop)
        super().__init__(transport=_Transport(self._thread), base_url=base_url, **options)

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
    ) -> WebSocketSession:
        """
        Open a WebSocket: `with client.websocket("/chat/lobby") as ws`.

        Args: As `AsyncTestClient.websocket()`.
        """
        runner = self._thread
        jar = {**dict(self.cookies), **(cookies or {})}
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        known = {name.lower() for name, _ in pairs}
        default = [(name, value) for name, value in self.headers.items() if name not in HTTP_ONLY and name not in known]
        limit = self.timeout_s if timeout is UNSET else timeout
        session = runner.client.websocket(
            url,
            params=params,
            subprotocols=subprotocols,
            headers=[*default, *pairs],
            origin=origin,
            cookies=jar,
            timeout=limit,
        )

        def call(coroutine: Coroutine[Any, Any, Any], wait: float | None) -> Any:
            # By way of `self`: an open session keeps its client, and so the loop, alive.
            return self._thread.call(coroutine, limit if wait is UNSET else wait)

        return WebSocketSession(session, call)

    def __enter__(self) -> TestClient:
        super().__enter__()
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        super().__exit__(exc_type, exc_value, traceback)
        self._thread.stop()

    def close(self) -> None:
        """Close the client and shut the application down."""
        super().close()
        self._thread.stop()


class _Runner:
    """The async client that does the work, and its thread; holds no reference to the `TestClient`."""

    def __init__(self, app: ASGIApp, *, timeout_s: float | None, **options: Any) -> None:
        self._app = app
        self._timeout_s = timeout_s
        self._options = options
        self._loop: LoopThread | None = None
        self._client: AsyncTestClient | None = None

    @property
    def client(self) -> AsyncTestClient:
        if self._client is None:
            self._loop = LoopThread()
            self._client = self._loop.call(self._made(), self._timeout_s)
        return self._client

    async def _made(self) -> AsyncTestClient:
        return AsyncTestClient(self._app, timeout_s=self._timeout_s, **self._options)

    def start(self) -> None:
        client = self.client
        self.call(client._lifespan.ensure_started(), self._timeout_s)

    def call(self, coroutine: Coroutine[Any, Any, T], limit_s: float | None) -> T:
        assert self._loop is not None
        # A session waits twice on leaving: for the handler to return, and for a cancelled one to end.
        return self._loop.call(coroutine, None if limit_s is None else 2 * limit_s)

    def stop(self) -> None:
        loop, client = self._loop, self._client
        self._loop = self._client = None
        if loop is None or client is None:
            return
        known = loop.blocked
        try:
            loop.call(client.aclose(), 0.0 if known else self._timeout_s)
        except LoopBlocked:
            if not known:  # else the test has been told
                raise
        finally:
            loop.stop()


class _Transport(httpx.BaseTransport):
    def __init__(self, runner: _Runner) -> None:
        self._runner = runner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        content = request.read()
        client = self._runner.client
        return self._runner.call(self._send(client, request, content), client.timeout_s)

    async def _send(self, client: AsyncTestClient, request: httpx.Request, content: bytes) -> httpx.Response:
        copied = httpx.Request(
            request.method, request.url, headers=request.headers, content=content, extensions=request.extensions
        )
        response = await client._transport.handle_async_request(copied)
        body = b"".join([chunk async for chunk in response.aiter_raw()])
        return httpx.Response(response.status_code, headers=response.headers.raw, stream=httpx.ByteStream(body))
