"""The page on which an API is read and tried: reference and live console."""

from .endpoints import docs_routes
from .refusals import Refusals, witnessed

__all__ = ["Refusals", "docs_routes", "witnessed"]
