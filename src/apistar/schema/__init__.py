"""
Routes and plans → one description → OpenAPI 3.1 and AsyncAPI 3.0 documents.

What writes documents (`reading`, `documents`) is imported when the first one is asked for.
"""

from .endpoints import schema_routes
from .reference import Info, Reference, Server

__all__ = ["Info", "Reference", "Server", "schema_routes"]
