"""
One HTTP exchange, in the order in which it happens:

1. hooks' `on_request`
2. the plan of the handler, then the handler
3. the return value becomes a response; an `HTTPException` becomes a problem document
4. hooks' `on_response`; or, for an exception that nobody handled, a 500 and hooks' `on_error`, which may
   answer in its place
5. the response is sent
6. clean-ups, in reverse order
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable
from functools import partial
from typing import Any, Final

import anyio.to_thread
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from ..components import Exchange
from ..exceptions import HTTPException
from ..http.event_stream import EventStream
from ..http.responses import check_headers, problem_of
from ..http.waiting import TimedReceive, timed
from ..injector import Plan, Resolution
from ..transports.turns import taking_turns
from ..types import Event, Send
from .causes import cause_of, plain
from .faults import note_translated, refusal_of, report
from .operation import Operation, Style

BODILESS: Final = frozenset({204, 304})


async def serve_http(operation: Operation, exchange: Exchange, refusal: HTTPException | None = None) -> None:
    """
    Run one exchange to its end.

    Args:
        refusal: Answer with this instead of calling the handler; hooks run all the same.
    """
    resolution = operation.program.resolution(exchange)
    error: BaseException | None = None
    exchange.receive = timed(exchange.scope, exchange.receive, exchange.limits)
    try:
        response = await _respond(operation, exchange, resolution, refusal)
        if isinstance(exchange.receive, TimedReceive):
            exchange.receive.answered = True
        await _sending(exchange, response)
    except ClientDisconnect as gone:
        error = gone
    except BaseException as fault:
        error = fault
        raise
    finally:
        await exchange.close()
        cleanup = resolution.close(error or exchange.ended_by)
        if cleanup is not None:
            await _clean_up(operation, exchange, cleanup)


async def _respond(
    operation: Operation, exchange: Exchange, resolution: Resolution, refusal: HTTPException | None
) -> Response:
    hooks = operation.hooks
    try:
        try:
            await hooks.start(resolution)
            if refusal is not None:
                raise refusal
            exchange.response = operation.respond(await _call(operation, exchange, resolution))
        except (HTTPException, StarletteHTTPException) as answer:
            exchange.ended_by = answer
            exchange.response = problem_of(answer)
        except (BaseExceptionGroup, asyncio.CancelledError) as fault:
            cause = await cause_of(fault, resolution) if isinstance(fault, asyncio.CancelledError) else plain(fault)
            if not isinstance(cause, HTTPException | StarletteHTTPException):
                raise cause from None
            exchange.ended_by = cause
            exchange.response = problem_of(cause)
        await _run_hooks(hooks.on_response, exchange, resolution)
        check_headers(exchange.response)
    except (HTTPException, StarletteHTTPException) as answer:
        exchange.ended_by = answer
        exchange.response = problem_of(answer)
    except ClientDisconnect:
        raise
    except Exception as fault:
        exchange.error = exchange.ended_by = fault
        exchange.response = problem_of(refusal_of(fault))
        await _run_error_hooks(operation, exchange, resolution)
        if exchange.response.status_code >= 500:
            report(exchange.scope, operation.label, fault)
        else:
            note_translated(exchange.scope, operation.label, fault, str(exchange.response.status_code))
    return exchange.response


async def _call(operation: Operation, exchange: Exchange, resolution: Resolution) -> Any:
    plan = operation.plan
    if plan.immediate:
        resolution.prepare_nowait(plan)
    else:
        await resolution.prepare(plan)
    if operation.encode_event is not None:
        events = resolution.invoke(plan.call, plan.arguments)
        exchange.stream = EventStream(events, operation.encode_event, operation.limits)
        await exchange.stream.begin(exchange.receive if exchange.body_done else None)
        return exchange.stream
    if operation.style is Style.ASYNC:
        return await resolution.invoke(plan.call, plan.arguments)
    result = await anyio.to_thread.run_sync(partial(resolution.invoke, plan.call, plan.arguments))
    return await result if inspect.isawaitable(result) else result


def _sending(exchange: Exchange, response: Response) -> Awaitable[None]:
    """The response on its way; no coroutine around its own."""
    send, receive = exchange.send, exchange.receive
    if response.status_code in BODILESS:
        send = _without_length(_without_body(send))
    elif exchange.scope["method"] == "HEAD":
        send = _without_body(send)
    if not hasattr(response, "body"):  # it comes in pieces
        if send is not exchange.send and isinstance(response, StreamingResponse):
            return _send_head(response, send)
        send, receive = taking_turns(exchange.scope, send), exchange.listener
    return response(exchange.scope, receive, send)


async def _send_head(response: StreamingResponse, send: Send) -> None:
    """Of a body that is not sent no piece is made: it may have no end, and nobody whose pace it keeps."""
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": b""})
    if isinstance(response.body_iterator, AsyncGenerator):
        await response.body_iterator.aclose()
    if response.background is not None:
        await response.background()


async def _run_hooks(plans: tuple[Plan, ...], exchange: Exchange, resolution: Resolution) -> None:
    for plan in plans:
        replaced = await resolution.run(plan)
        if isinstance(replaced, Response):
            exchange.response = replaced


async def _run_error_hooks(operation: Operation, exchange: Exchange, resolution: Resolution) -> None:
    for plan in operation.hooks.on_error:
        try:
            await _run_hooks((plan,), exchange, resolution)
        except (HTTPException, StarletteHTTPException) as answer:
            exchange.response = problem_of(answer)
        except Exception as fault:
            report(exchange.scope, operation.label, fault)


async def _clean_up(operation: Operation, exchange: Exchange, cleanup: Any) -> None:
    try:
        await cleanup
    except Exception as fault:
        # The generators see what ended the exchange, and most let it pass: that one was answered or reported before.
        if fault is not exchange.ended_by and not isinstance(fault, ClientDisconnect):
            report(exchange.scope, operation.label, fault)


def _without_body(send: Send) -> Send:
    """RFC 9110 §9.3.2: the answer to HEAD has the headers of GET and no content; §15.3.5, §15.4.5: nor have these."""

    async def send_headers(event: Event) -> None:
        if event["type"] == "http.response.body":
            event = {**event, "body": b""}
        await send(event)

    return send_headers


def _without_length(send: Send) -> Send:
    """A hook may set the status after the body: a 204 has no length (RFC 9110 §8.6), and uvicorn counts a 304's."""

    async def send_unmeasured(event: Event) -> None:
        if event["type"] == "http.response.start":
            headers = [header for header in event.get("headers", ()) if header[0].lower() != b"content-length"]
            event = {**event, "headers": headers}
        await send(event)

    return send_unmeasured
