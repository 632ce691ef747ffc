"""
Whether a person wants colours: not with NO_COLOR in the environment (https://no-color.org).
"""

from __future__ import annotations

import os


def wanted() -> bool | None:
    """`False` where they are not; `None` where the terminal decides, as click has it."""
    return False if os.environ.get("NO_COLOR") else None
