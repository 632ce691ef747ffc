"""Routes and plans → one description → OpenAPI 3.1 and AsyncAPI 3.0 documents."""

from .asyncapi import asyncapi
from .openapi import openapi
from .reading import read
from .reference import Info, Reference, Server

__all__ = ["Info", "Reference", "Server", "asyncapi", "openapi", "read"]
