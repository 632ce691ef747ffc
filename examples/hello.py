"""The smallest application: one HTTP route and one WebSocket route."""

from apistar import ASyncApp, Route, WebSocket


async def welcome(name: str = "you") -> dict[str, str]:
    return {"message": f"hello, {name}"}


async def echo(ws: WebSocket) -> None:
    await ws.connect()
    async for message in ws:
        await ws.send(message)


app = ASyncApp(
    routes=[
        Route("/", handler=welcome),
        Route("/echo", handler=echo),
    ]
)
