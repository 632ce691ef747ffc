"""The `websockets` library's own server on uvloop: `python -m benchmarks.servers.websockets PORT`. No HTTP routes."""

import asyncio
import sys

import msgspec
import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve


class Say(msgspec.Struct):
    room: str
    text: str
    number: int


DECODER = msgspec.json.Decoder(Say)
ENCODER = msgspec.json.Encoder()
SOCKETS: set[ServerConnection] = set()


async def handle(ws: ServerConnection) -> None:
    assert ws.request is not None
    if ws.request.path == "/typed":
        async for message in ws:
            await ws.send(ENCODER.encode(DECODER.decode(message)), text=True)
    elif ws.request.path == "/fan":
        SOCKETS.add(ws)
        try:
            async for message in ws:
                broadcast(SOCKETS, message)
        finally:
            SOCKETS.discard(ws)
    else:
        async for message in ws:
            await ws.send(message)


async def main() -> None:
    async with serve(handle, "127.0.0.1", int(sys.argv[1]), backlog=2048):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
