"""
A binary upload with progress: chunks come in, and each is answered with how far it is.

    apistar run examples.upload:app
    open http://127.0.0.1:8000/

The client waits for each answer before it sends the next chunk, so a slow disk slows the client, not the server.
"""

import hashlib
import tempfile
from typing import Annotated

from msgspec import Meta, Struct

from apistar import ASyncApp, Limits, Route, WebSocket
from apistar.exceptions import PayloadTooLarge, WebSocketProtocolError

MAX_FILE_BYTES = 100 * 1024 * 1024

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Upload</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }</style>
<h1>Upload</h1>
<p><label>File <input type="file" id="file"></label> <progress id="bar" value="0" max="1"></progress></p>
<p id="words" role="status"></p>
<script>
  file.onchange = () => {
    const chosen = file.files[0], step = 65536;
    const socket = new WebSocket(location.href.replace("http", "ws") + `upload?size=${chosen.size}`);
    const send = (from) => socket.send(chosen.slice(from, from + step));
    socket.onopen = () => send(0);
    socket.onmessage = (event) => {
      const { received, sha256 } = JSON.parse(event.data);
      bar.value = received / chosen.size;
      if (sha256) words.textContent = `${received} bytes, SHA-256 ${sha256}`; else send(received);
    };
    socket.onclose = ({ code, reason }) => { if (code !== 1000) words.textContent = `failed: ${reason || code}`; };
  };
</script>
"""


class Progress(Struct):
    """
    How much is there.

    Attributes:
        sha256: Of the whole file, once it is there.
    """

    received: int
    sha256: str | None = None


async def upload(ws: WebSocket[bytes, Progress], size: Annotated[int, Meta(ge=1)]) -> None:
    """Take a file of `size` bytes in chunks."""
    if size > MAX_FILE_BYTES:
        raise PayloadTooLarge(f"a file has at most {MAX_FILE_BYTES} bytes")
    await ws.connect()
    received, digest = 0, hashlib.sha256()
    with tempfile.TemporaryFile() as file:
        while received < size:
            chunk = await ws.receive()
            received += file.write(chunk)
            digest.update(chunk)
            if received > size:
                raise WebSocketProtocolError(f"{received} bytes came, {size} were announced", code=1008)
            await ws.send(Progress(received, digest.hexdigest() if received == size else None))


async def page() -> str:
    return PAGE


app = ASyncApp(
    routes=[Route("/", handler=page), Route("/upload", handler=upload, limits=Limits(max_message_bytes=256 * 1024))],
    title="Upload",
)
