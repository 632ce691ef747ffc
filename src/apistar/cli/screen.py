"""
What is printed above the line that is being typed, no faster than the terminal shows it.

prompt-toolkit's own `patch_stdout` takes whatever is printed at once, and keeps what a slow terminal has not shown yet.
Here whoever prints much waits for room, so that a server that floods is no longer read, and TCP tells it to wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import sys
from collections.abc import AsyncIterator
from typing import Final

from prompt_toolkit.application import get_app_session, run_in_terminal

ROOM_CHARACTERS: Final = 64 * 1024
"""Printed and not yet shown; a screen has a tenth of it."""
PAUSE_S: Final = 0.1
"""Between two drawings, each of which draws the typed line anew."""


class Screen(io.TextIOBase):
    """A terminal, as `sys.stdout`. Not for threads."""

    def __init__(self) -> None:
        self._output = get_app_session().output
        self._printed: list[str] = []
        self._characters = 0
        self._full = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._drawing: asyncio.Task[None] | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has an attribute; nobody assigns it
        """Of the terminal."""
        return self._output.encoding()

    def isatty(self) -> bool:
        """It is one."""
        return True

    def write(self, text: str) -> int:
        """Take what is printed, to be shown soon; there is always room for it."""
        self._printed.append(text)
        self._characters += len(text)
        if self._characters >= ROOM_CHARACTERS:
            self._room.clear()
            self._full.set()
        if self._drawing is None:
            self._drawing = asyncio.create_task(self._draw())
        return len(text)

    async def wait_for_room(self) -> None:
        """Wait until the terminal has shown most of what was printed."""
        await self._room.wait()

    async def _draw(self) -> None:
        while self._printed:
            await run_in_terminal(self._show)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_S):
                    await self._full.wait()
        self._drawing = None

    def _show(self) -> None:
        """Waits for the terminal, and the loop with it."""
        text = "".join(self._printed)
        self._printed.clear()
        self._characters = 0
        self._full.clear()
        self._room.set()
        self._output.enable_autowrap()
        self._output.write_raw(text)
        self._output.flush()

    async def end(self) -> None:
        """Show the rest."""
        if self._drawing is not None:
            self._drawing.cancel()
            await asyncio.gather(self._drawing, return_exceptions=True)
        self._show()


@contextlib.asynccontextmanager
async def screen() -> AsyncIterator[Screen]:
    """`sys.stdout` and `sys.stderr` above the typed line, until the block ends."""
    shown = Screen()
    before = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = shown
    try:
        yield shown
    finally:
        sys.stdout, sys.stderr = before
        await shown.end()
