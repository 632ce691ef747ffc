"""
Lines as they are typed or piped in, one by one, without stopping the event loop.

In a terminal the line that is being typed stays below what is printed meanwhile (`screen.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncIterator
from typing import Final

from prompt_toolkit import PromptSession

PROMPT: Final = "▸ "
CHUNK_BYTES: Final = 65536
AHEAD: Final = 4
"""Chunks read before their lines are sent."""


async def typed_lines() -> AsyncIterator[str]:
    """From a terminal; ends with ctrl-d or ctrl-c. Up and down go through what was typed."""
    session: PromptSession[str] = PromptSession(erase_when_done=True)
    while True:
        try:
            line = await session.prompt_async(PROMPT)
        except (EOFError, KeyboardInterrupt):
            return
        yield line


async def piped_lines(descriptor: int = 0) -> AsyncIterator[str]:
    """
    From a pipe or a file; ends where it ends.

    A thread reads, since files cannot be waited for, and is left alone at the end. It reads from the descriptor itself:
    an interpreter that ends while a thread is in `sys.stdin` holds its lock, and aborts.
    """
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    room = threading.Semaphore(AHEAD)

    def read() -> None:
        # No coroutine is made here: one that finds its loop closed would be told of as never awaited.
        with contextlib.suppress(RuntimeError):  # the loop is gone
            chunk = b"-"
            while chunk:
                room.acquire()
                try:
                    chunk = os.read(descriptor, CHUNK_BYTES)
                except OSError:
                    chunk = b""
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)

    threading.Thread(target=read, name="apistar: standard input", daemon=True).start()
    begun = b""
    while chunk := await chunks.get():
        room.release()
        *lines, begun = (begun + chunk).split(b"\n")
        for line in lines:
            yield _text(line)
    if begun:
        yield _text(begun)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "surrogateescape")
