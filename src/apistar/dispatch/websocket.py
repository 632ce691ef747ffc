"""
One WebSocket, in the order in which it happens:

1. hooks' `on_request`, which may connect or refuse
2. the plan of the handler, then the handler
3. hooks' `on_response`, which may still send; or `on_error` for an exception that nobody handled, which may raise
   one of the table in its place
4. the end, by the table below
5. clean-ups, in reverse order

| the handler | before `connect()` | after it |
|---|---|---|
| returned | 403 | Close 1000 |
| raised `WebSocketDisconnect` | 403 | nothing more to send |
| raised `HTTPException` | its response | Close 4000 + status |
| raised `WebSocketProtocolError` | 400 | Close with its code |
| raised `BrokerUnavailable` | 503 | Close 1013 |
| raised anything else | 500 | Close 1011 |
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final, cast

from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

from ..components import Exchange
from ..exceptions import (
    BadRequest,
    BrokerUnavailable,
    Forbidden,
    HTTPException,
    WebSocketDisconnect,
    WebSocketProtocolError,
)
from ..http.responses import problem_of
from ..injector import Plan, Resolution
from ..transports.transport import Transport
from ..websocket import WebSocket, status
from .causes import cause_of, plain
from .faults import note, note_translated, refusal_of, report
from .operation import Operation, Style

_ENDINGS: Final = (WebSocketDisconnect, HTTPException, WebSocketProtocolError)


async def serve_websocket(operation: Operation, exchange: Exchange, leave: Callable[[], None]) -> None:
    """
    Run one WebSocket to its end; `exchange.websocket` is bound to its transport.

    Args:
        leave: Called at last, whatever happened.
    """
    websocket = cast("WebSocket[Any, Any]", exchange.websocket)
    resolution = operation.program.resolution(exchange)
    plan = operation.plan
    error: BaseException | None = None
    try:
        if operation.hooks.start_anything:
            await operation.hooks.start(resolution)
        if plan.immediate:
            resolution.prepare_nowait(plan)
        else:
            await resolution.prepare(plan)
        if operation.style is Style.GENERATOR:
            await _stream(resolution.invoke(plan.call, plan.arguments), websocket, operation.connects)
        else:
            returned = await resolution.invoke(plan.call, plan.arguments)
            if returned is not None:
                note(
                    exchange.scope, operation.label, f"returned {type(returned).__name__}, which nobody gets: send() it"
                )
    except BaseException as fault:
        error = plain(fault)
    if isinstance(error, asyncio.CancelledError):
        error = await cause_of(error, resolution)
    try:
        await _finish(operation, exchange, resolution, websocket, error)
    finally:
        try:
            cleanup = resolution.close(error)
            if cleanup is not None:
                await _clean_up(operation, exchange, cleanup, error)
        finally:
            leave()
    if isinstance(error, BaseException) and not isinstance(error, Exception):
        raise error


async def refuse_websocket(transport: Transport, error: HTTPException) -> None:
    """Answer a handshake that no handler sees."""
    response = problem_of(error)
    await transport.reject(response.status_code, response.raw_headers, bytes(response.body))


async def _stream(values: AsyncGenerator[Any, None], websocket: WebSocket[Any, Any], connects: bool) -> None:
    """
    Send the values of an async generator; when the peer leaves it is cancelled where it waits, and closed.

    What clients send meanwhile is dropped, so that it does not fill the inbox and hide the peer's Close.

    Args:
        connects: Whether the generator takes the socket and may complete or refuse the handshake itself; if it has
            not when its first value comes, that is done here.
    """
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    async def drop_all() -> None:
        with contextlib.suppress(WebSocketDisconnect):
            async for _ in websocket:
                pass

    async def connect() -> None:
        await websocket.connect()
        tasks.add(loop.create_task(drop_all()))

    async def send_all() -> None:
        async with contextlib.aclosing(values):
            async for value in values:
                if len(tasks) == 1:
                    await connect()
                await websocket.send(value)

    def stop() -> None:
        sending.cancel()

    if not connects:
        await connect()
    sending = loop.create_task(send_all())
    tasks.add(sending)
    websocket.call_when_closed(stop)
    try:
        await asyncio.wait({sending})
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    if not sending.cancelled():
        sending.result()


async def _finish(
    operation: Operation,
    exchange: Exchange,
    resolution: Resolution,
    websocket: WebSocket[Any, Any],
    error: BaseException | None,
) -> None:
    if isinstance(error, StarletteHTTPException):
        error = _own(error)
    if error is None or isinstance(error, _ENDINGS):
        failed = await _run_hooks(operation.hooks.on_response, operation, exchange, resolution)
        error = failed or error
    if isinstance(error, Exception) and not isinstance(error, _ENDINGS):
        error = await _translated(operation, exchange, resolution, error)
    if error is None or isinstance(error, WebSocketDisconnect):
        if websocket.connecting:
            note(exchange.scope, operation.label, "returned before connect(): refused with 403")
            await _reject(websocket, Forbidden())
        elif websocket.connected:
            await websocket.close()
        elif websocket.broken:
            reason = f": {websocket.close_reason}" if websocket.close_reason else ""
            note(exchange.scope, operation.label, f"ended with {websocket.close_code}{reason}")
    elif isinstance(error, HTTPException):
        note(exchange.scope, operation.label, f"ended with {error}")
        if websocket.connecting:
            await _reject(websocket, error)
        elif websocket.connected:
            await websocket.close(status.HTTP_CLOSE_CODES + error.status_code, error.title)
    elif isinstance(error, WebSocketProtocolError):
        note(exchange.scope, operation.label, f"ended with {error}")
        if websocket.connecting:
            await _reject(websocket, BadRequest(error.detail or None))
        elif websocket.connected:
            await websocket.close(error.code, error.reason)
    elif isinstance(error, Exception):
        await _failed(websocket, error)
    elif websocket.connected:
        await websocket.close(status.WS_1012_SERVICE_RESTART)
    elif websocket.connecting:
        await _reject(websocket, HTTPException(status_code=503))


async def _failed(websocket: WebSocket[Any, Any], error: Exception) -> None:
    if websocket.connecting:
        await _reject(websocket, refusal_of(error))
    elif websocket.connected:
        later = isinstance(error, BrokerUnavailable)
        await websocket.close(status.WS_1013_TRY_AGAIN_LATER if later else status.WS_1011_INTERNAL_ERROR)


async def _translated(operation: Operation, exchange: Exchange, resolution: Resolution, error: Exception) -> Exception:
    """What `on_error` hooks make of a fault: the ending that the last of them raised, or the fault itself, reported."""
    exchange.error = error
    ending: HTTPException | WebSocketProtocolError | None = None
    for plan in operation.hooks.on_error:
        try:
            await resolution.run(plan)
        except WebSocketDisconnect:
            continue
        except StarletteHTTPException as answer:
            ending = _own(answer)
        except (HTTPException, WebSocketProtocolError) as answer:
            ending = answer
        except Exception as fault:
            report(exchange.scope, operation.label, fault)
    if ending is None or (isinstance(ending, HTTPException) and ending.status_code >= 500):
        report(exchange.scope, operation.label, error)
    else:
        note_translated(exchange.scope, operation.label, error, str(ending))
    return ending or error


def _own(error: StarletteHTTPException) -> HTTPException:
    return HTTPException(error.detail or None, error.status_code, error.headers)


async def _run_hooks(
    plans: tuple[Plan, ...], operation: Operation, exchange: Exchange, resolution: Resolution
) -> Exception | None:
    """Run hooks after the handler; a fault of one does not keep the others from running."""
    first: Exception | None = None
    for plan in plans:
        try:
            await resolution.run(plan)
        except WebSocketDisconnect:
            continue
        except Exception as fault:
            if first is None and not exchange.error:
                first = fault
            else:
                report(exchange.scope, operation.label, fault)
    return first


async def _reject(websocket: WebSocket[Any, Any], error: HTTPException) -> None:
    response: Response = problem_of(error)
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers]
    await websocket.reject(response.status_code, bytes(response.body), headers)


async def _clean_up(operation: Operation, exchange: Exchange, cleanup: Any, error: BaseException | None) -> None:
    try:
        await cleanup
    except Exception as fault:
        # The generators see what ended the handler, and most let it pass: that one was dealt with before.
        if fault is not error:
            report(exchange.scope, operation.label, fault)
