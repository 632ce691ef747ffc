"""
A folder whose files are served as they are; Starlette serves them.
"""

from __future__ import annotations

import os

from ..exceptions import ConfigurationError
from ..types import ASGIApp, Receive, Scope, Send
from .files import without_other_ranges


def static_files(directory: str | os.PathLike[str]) -> ASGIApp:
    """
    The application that serves the files of a folder; what it does not have is its `HTTPException` with a 404.

    Raises:
        ConfigurationError: If there is no such folder.
    """
    from starlette.staticfiles import StaticFiles  # by those alone who have static files

    try:
        files = StaticFiles(directory=directory)
    except RuntimeError:
        raise ConfigurationError(
            f"static_dir {str(directory)!r} is no folder; a relative one is below {os.getcwd()}"
        ) from None

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await files(without_other_ranges(scope), receive, send)

    return serve
