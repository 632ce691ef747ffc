"""The command `apistar`."""

from .main import main

__all__ = ["main"]
