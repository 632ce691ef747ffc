"""picows alone, by callbacks on uvloop: `python -m benchmarks.servers.picows PORT`. No HTTP, no checks."""

import asyncio
import sys

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server


class Say(msgspec.Struct):
    room: str
    text: str
    number: int


DECODER = msgspec.json.Decoder(Say)
ENCODER = msgspec.json.Encoder()
SOCKETS: set[WSTransport] = set()


class Closing(WSListener):
    def close(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()


class Echo(Closing):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            transport.send(WSMsgType.BINARY, frame.get_payload_as_bytes())
        else:
            self.close(transport, frame)


class EchoText(Closing):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            transport.send(WSMsgType.TEXT, frame.get_payload_as_utf8_text().encode())
        else:
            self.close(transport, frame)


class Typed(Closing):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            transport.send(WSMsgType.TEXT, ENCODER.encode(DECODER.decode(frame.get_payload_as_memoryview())))
        else:
            self.close(transport, frame)


class Fan(Closing):
    def on_ws_connected(self, transport: WSTransport) -> None:
        SOCKETS.add(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY:
            message = frame.get_payload_as_bytes()
            for other in list(SOCKETS):
                other.send(WSMsgType.BINARY, message)
        else:
            self.close(transport, frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        SOCKETS.discard(transport)


LISTENERS = {b"/echo": Echo, b"/echo-text": EchoText, b"/typed": Typed, b"/fan": Fan}


def listener(request: WSUpgradeRequest) -> WSListener | None:
    kind = LISTENERS.get(request.path)
    return kind() if kind else None


async def main() -> None:
    server = await ws_create_server(listener, "127.0.0.1", int(sys.argv[1]), backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
