"""An application that means its readers ill: whatever it can say is markup, code, or turns the text around it."""

from __future__ import annotations

import enum
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import msgspec

from apistar import ASyncApp, Include, Route, WebSocket, http
from apistar.exceptions import Forbidden

MARKUP: Final = (
    "<img class=evil src=x onerror=window.hit=1><script>window.hit=1</script><svg class=evil onload=window.hit=1>"
)
TURNED: Final = "\u202eyou\u2066\n\u200b\x1b[2J\x9b"
LINKS: Final = (
    f"[a](javascript:window.hit=1) ![b](http://127.0.0.1:1/b.png) <a class=evil href='javascript:window.hit=1'>c</a> "
    f"`{MARKUP}`\n\n- {MARKUP}\n- {MARKUP}"
)


class Mood(enum.Enum):
    MARKUP = MARKUP
    LINK = "javascript:window.hit=1"


class Say(msgspec.Struct, tag=MARKUP):
    text: Annotated[str, msgspec.Meta(title=MARKUP, description=LINKS, examples=[MARKUP], pattern="^<")]
    mood: Mood = Mood.MARKUP


class Person(msgspec.Struct):
    friend: Person | None = None


Say.__doc__ = LINKS


async def chat(ws: WebSocket[Say, Say], room: str, mood: Mood = Mood.MARKUP) -> None:
    await ws.connect()


chat.__doc__ = LINKS


async def attack(ws: WebSocket, kind: str) -> None:
    await ws.connect(ws.subprotocols[0] if ws.subprotocols else None)
    match kind:
        case "text":
            await ws.send(MARKUP)
        case "json":
            await ws.send(json.dumps({MARKUP: MARKUP, "__proto__": {"a": MARKUP}, "toString": [MARKUP] * 300}))
        case "bytes":
            await ws.send(MARKUP.encode())
        case "reason":
            await ws.close(4000, "<img class=evil src=x onerror=window.hit=1>")
        case "turned":
            await ws.send(TURNED)
            await ws.close(4000, TURNED)
        case "lines":
            await ws.send("\n" * (1 << 20))
        case "value":
            await ws.send(json.dumps({"a": "x" * (1 << 20)}))
        case "deep":
            await ws.send("[" * 200_000 + "]" * 200_000)
        case "flood":
            for _ in range(100):
                await ws.send("x" * (1 << 20))
    async for message in ws:
        await ws.send(message)


async def friends(ws: WebSocket[Person, Person]) -> None:
    await ws.connect()
    await ws.send_text('{"friend":' * 20_000 + "{}" + "}" * 20_000)
    async for _ in ws:
        pass


async def barred(ws: WebSocket) -> None:
    raise Forbidden(MARKUP)


async def broken() -> AsyncIterator[str]:
    yield "and then"
    raise ConnectionError("the answer ends within")


def answer(kind: str) -> http.Response:
    match kind:
        case "html":
            return http.HTMLResponse(MARKUP, headers={"x-evil": "<img class=evil src=x onerror=window.hit=1>"})
        case "short":
            return http.StreamingResponse(broken(), media_type="text/plain")
        case "frames":
            return http.HTMLResponse("<iframe src=/docs/></iframe><iframe src=/answer/html></iframe>")
        case "text":
            return http.Response("x" * 15_000_000, media_type="text/plain")
        case "elsewhere":
            return http.RedirectResponse("http://127.0.0.1:1/")
    return http.Response(MARKUP, status_code=500, media_type="application/json")


def rest(rest: str) -> dict[str, Any]:
    return {"rest": rest}


app = ASyncApp(
    routes=[
        Route("/chat/{room}", handler=chat, name=MARKUP),
        Route("/'\"><b class=evil>/{room}", handler=chat, name="quoted"),
        Route("/attack/{kind}", handler=attack),
        Route("/friends", handler=friends),
        Route("/barred", handler=barred),
        Route("/answer/{kind}", handler=answer),
        Route("/{+rest}", handler=rest),
        Include("/included", MARKUP, [Route("/barred", handler=barred, name="barred2")]),
    ],
    title=MARKUP,
    version=MARKUP,
    description=LINKS,
)
