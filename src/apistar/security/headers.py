"""
Reading a header of which there must be one at most, so that no two parts of the server read two of them.
"""

from __future__ import annotations

from ..exceptions import BadRequest
from ..types import Scope


def only_header(scope: Scope, name: bytes) -> str:
    """
    The value of a header, or an empty string.

    Raises:
        BadRequest: If it comes twice.
    """
    found: bytes | None = None
    for key, value in scope["headers"]:
        if key == name:
            if found is not None:
                raise BadRequest(f"header {name.decode()!r} comes twice")
            found = value
    return "" if found is None else found.decode("latin-1")
