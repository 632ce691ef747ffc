"""
CORS is Starlette's middleware; what would make it an open door is found when the application is built.

Its lists match to the letter, so an entry that no browser sends is a mistake that shows as nothing but a page that does
not work. Credentials for every origin are worse: any page then reads what its visitor may read here. Browsers refuse
them beside `*`; Starlette answers with the origin that asked instead, and there they are taken.

Sources: the Fetch standard, "CORS protocol and credentials"; RFC 6454 §6.2.
"""

from __future__ import annotations

from typing import Final

from ..exceptions import ConfigurationError
from .origin import origin_of

FOREIGN: Final = ("https://foreign.invalid", "http://foreign.invalid", "null")
"""Origins that nobody lists (RFC 6761 §6.4): an expression that matches one matches all."""


def check_cors(layer: object) -> None:
    """
    Look at one middleware of an application; everything but CORS passes.

    Raises:
        ConfigurationError: If it gives credentials to every origin, or has an origin that no browser sends.
    """
    from starlette.middleware.cors import CORSMiddleware

    if not isinstance(layer, CORSMiddleware):
        return
    if isinstance(layer.allow_origins, str):
        raise ConfigurationError(f"allow_origins must be a list: allow_origins=[{layer.allow_origins!r}]")
    for origin in layer.allow_origins:
        if origin != "*" and origin_of(origin) != origin:
            raise ConfigurationError(f"allowed origin {origin!r} never comes; a browser sends {origin_of(origin)!r}")
    if "Access-Control-Allow-Credentials" in layer.simple_headers and any(map(layer.is_allowed_origin, FOREIGN)):
        raise ConfigurationError(
            "CORSMiddleware gives credentials to every origin, so that any page may act in its visitor's name; list "
            "the origins in allow_origins, or leave allow_credentials out"
        )
