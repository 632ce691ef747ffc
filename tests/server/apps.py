"""
ASGI applications that the tests of the server run: foreign ones, which know nothing of API Star.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
ASGIApp = Callable[[Event, Receive, Send], Awaitable[None]]


async def bare(scope: Event, receive: Receive, send: Send) -> None:
    """A foreign application; the path says what it does."""
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
    elif scope["type"] == "http":
        await http(scope, receive, send)
    else:
        await websocket(scope, receive, send)


async def lifespan(scope: Event, receive: Receive, send: Send) -> None:
    await receive()
    scope["state"]["answer"] = 42
    scope["state"]["endings"] = []
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def http(scope: Event, receive: Receive, send: Send) -> None:
    body = b""
    more = True
    while more:
        event = await receive()
        body += event.get("body", b"")
        more = event.get("more_body", False)
    path = scope["path"].removeprefix(scope["root_path"])
    if path == "/late":
        await asyncio.sleep(0.8)
    if path == "/slow":
        await asyncio.Event().wait()
    if path == "/endings":
        body = json.dumps(scope["state"]["endings"]).encode()
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def websocket(scope: Event, receive: Receive, send: Send) -> None:
    path = scope["path"].removeprefix(scope["root_path"])
    event = await receive()
    assert event == {"type": "websocket.connect"}
    await globals()[path.strip("/").replace("-", "_")](scope, receive, send)


async def echo(scope: Event, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            scope["state"]["endings"].append([event["code"], event["reason"]])
            return
        await send({**event, "type": "websocket.send"})


async def scope_of(scope: Event, receive: Receive, send: Send) -> None:
    """Sends what the scope holds, bytes as latin-1."""
    await send({"type": "websocket.accept", "subprotocol": (scope["subprotocols"] or [None])[0]})
    shown = {
        "state": scope["state"]["answer"],
        "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
        "raw_path": scope["raw_path"].decode(),
        "query_string": scope["query_string"].decode(),
        "extensions": sorted(scope["extensions"]),
        **{name: scope[name] for name in ("asgi", "http_version", "scheme", "server", "client", "root_path", "path")},
    }
    await send({"type": "websocket.send", "text": json.dumps(shown)})
    await send({"type": "websocket.close"})


async def with_headers(scope: Event, receive: Receive, send: Send) -> None:
    headers = [(b"x-one", b"1"), (b"set-cookie", b"a=b"), (b"set-cookie", b"c=d")]
    await send({"type": "websocket.accept", "headers": headers, "subprotocol": "chat"})
    await receive()


async def refuse(scope: Event, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.close", "code": 4001, "reason": "never seen"})
    scope["state"]["endings"].append((await receive())["code"])


async def deny(scope: Event, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"text/plain"), (b"x-why", b"because")]
    await send({"type": "websocket.http.response.start", "status": 451, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b"not ", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"today"})
    scope["state"]["endings"].append((await receive())["code"])


async def deny_half(send: Send, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "websocket.http.response.start", "status": 404, "headers": [(b"x-why", b"because"), *headers]})
    await send({"type": "websocket.http.response.body", "body": b"half", "more_body": True})


async def deny_and_return(scope: Event, receive: Receive, send: Send) -> None:
    await deny_half(send, (b"content-length", b"100"))


async def deny_and_fail(scope: Event, receive: Receive, send: Send) -> None:
    await deny_half(send)
    raise ValueError("secret")


async def deny_and_accept(scope: Event, receive: Receive, send: Send) -> None:
    await deny_half(send)
    await send({"type": "websocket.accept"})


async def deny_and_wait(scope: Event, receive: Receive, send: Send) -> None:
    """Begins a refusal and waits for the end, which it notes."""
    await deny_half(send)
    event = await receive()
    scope["state"]["endings"].append([event["type"], event["code"], "of a refusal"])


async def deny_with_length(scope: Event, receive: Receive, send: Send) -> None:
    """Refuses in pieces whose sum is the length that was announced, as the query says: a piece's bytes, a comma, …"""
    announced, *pieces = map(int, scope["query_string"].split(b","))
    headers = [(b"content-length", b"%d" % announced)]
    await send({"type": "websocket.http.response.start", "status": 404, "headers": headers})
    for number, size in enumerate(pieces, 1):
        more = number < len(pieces)
        await send({"type": "websocket.http.response.body", "body": b"x" * size, "more_body": more})


async def deny_without_body(scope: Event, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.http.response.start", "status": 204})
    await send({"type": "websocket.http.response.body", "body": b"no ", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"body"})


async def deny_without_end(scope: Event, receive: Receive, send: Send) -> None:
    """Refuses in pieces without end, and notes what stopped it."""
    await send({"type": "websocket.http.response.start", "status": 404})
    try:
        while True:
            await send({"type": "websocket.http.response.body", "body": b"x" * 200_000, "more_body": True})
    except OSError as error:
        scope["state"]["endings"].append([type(error).__name__, "without end"])


async def deny_101(scope: Event, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.http.response.start", "status": 101, "headers": []})


async def deny_nothing(scope: Event, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.http.response.body", "body": b"no start"})


async def close(scope: Event, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "code": 4100, "reason": "enough"})
    event = await receive()
    scope["state"]["endings"].append([event["type"], event["code"], event["reason"]])
    try:
        await send({"type": "websocket.send", "text": "late"})
    except RuntimeError as error:
        scope["state"]["endings"].append(str(error))


async def fail_before(scope: Event, receive: Receive, send: Send) -> None:
    raise ValueError("secret")


async def fail_after(scope: Event, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})
    raise ValueError("secret")


async def return_before(scope: Event, receive: Receive, send: Send) -> None:
    return


async def return_after(scope: Event, receive: Receive, send: Send) -> None:
    await send({"type": "websocket.accept"})


async def never_answer(scope: Event, receive: Receive, send: Send) -> None:
    event = await receive()
    scope["state"]["endings"].append([event["type"], event["code"]])


async def hesitate(scope: Event, receive: Receive, send: Send) -> None:
    """Takes a moment before it accepts."""
    await asyncio.sleep(0.2)
    await echo(scope, receive, send)


async def send_late(scope: Event, receive: Receive, send: Send) -> None:
    """Sends after the client has left, and tells what that raised."""
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass
    again = await receive()
    try:
        await send({"type": "websocket.send", "text": "late"})
    except OSError as error:
        scope["state"]["endings"].append([type(error).__name__, again["type"]])
    await send({"type": "websocket.close"})


async def wrong_order(scope: Event, receive: Receive, send: Send) -> None:
    """Sends before accepting, accepts twice, and tells what that raised."""
    told = []
    event: Event
    for event in (
        {"type": "websocket.send", "text": "early"},
        {"type": "websocket.accept"},
        {"type": "websocket.accept"},
    ):
        try:
            await send(event)
        except RuntimeError as error:
            told.append(str(error))
    for event in ({"type": "websocket.close", "code": 1006}, {"type": "websocket.send"}):
        try:
            await send(event)
        except RuntimeError as error:
            told.append(str(error))
    await send({"type": "websocket.send", "text": json.dumps(told)})
    await send({"type": "websocket.close"})


async def push(scope: Event, receive: Receive, send: Send) -> None:
    """Sends without end to whoever may not read."""
    await send({"type": "websocket.accept"})
    while True:
        await send({"type": "websocket.send", "bytes": b"x" * 65536})


async def murmur(scope: Event, receive: Receive, send: Send) -> None:
    """The same, a byte at a time."""
    await send({"type": "websocket.accept"})
    while True:
        await send({"type": "websocket.send", "bytes": b"x"})


async def swallow(scope: Event, receive: Receive, send: Send) -> None:
    """A handler that does not let itself be cancelled."""
    await send({"type": "websocket.accept"})
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue


async def thread(scope: Event, receive: Receive, send: Send) -> None:
    """A handler in a thread that never returns."""
    await send({"type": "websocket.accept"})
    await asyncio.to_thread(time.sleep, 1000)


async def block(scope: Event, receive: Receive, send: Send) -> None:
    """A handler that stops the loop."""
    await send({"type": "websocket.accept"})
    await receive()
    time.sleep(1000)  # noqa: ASYNC251 — what no handler may do


async def finish(scope: Event, receive: Receive, send: Send) -> None:
    """A handler that takes its time after the end."""
    await send({"type": "websocket.accept"})
    event = await receive()
    await asyncio.sleep(0.3)
    print(f"finished after {event['code']}", flush=True)


async def crash(scope: Event, receive: Receive, send: Send) -> None:
    """Kills its own process when told to; says which process it is."""
    import os
    import signal

    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": str(os.getpid())})
    while (event := await receive())["type"] == "websocket.receive":
        if event.get("text") == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        await send({"type": "websocket.send", "text": "alive"})


def hangs(phase: str) -> ASGIApp:
    """An application whose start-up or shutdown never ends."""

    async def app(scope: Event, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await bare({**scope, "state": {"answer": 42, "endings": []}}, receive, send)
            return
        await receive()
        if phase == "startup":
            print("startup hangs", flush=True)
            await asyncio.Event().wait()
        if phase == "refuse":
            await send({"type": "lifespan.startup.failed", "message": "I will not"})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if phase == "fail":
            raise ValueError("secret")
        if phase == "block":
            time.sleep(1000)  # noqa: ASYNC251  # what no handler may do
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue

    return app


hangs_in_startup = hangs("startup")
hangs_in_shutdown = hangs("shutdown")
blocks_in_shutdown = hangs("block")
fails_in_shutdown = hangs("fail")
