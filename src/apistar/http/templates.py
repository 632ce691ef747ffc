"""
A folder of Jinja templates, which escape what they are given as HTML asks for.
"""

from __future__ import annotations

import os
from typing import Any

from ..exceptions import ConfigurationError


class Templates:
    """
    The templates of one folder.

    Args:
        names: What every template may name, besides what it is rendered with.

    Raises:
        ConfigurationError: If Jinja is not installed, or if there is no such folder.
    """

    def __init__(self, directory: str | os.PathLike[str], **names: object) -> None:
        try:
            from starlette.templating import Jinja2Templates
        except ImportError:
            raise ConfigurationError("template_dir needs Jinja: pip install 'apistar[templates]'") from None
        if not os.path.isdir(directory):
            raise ConfigurationError(
                f"template_dir {str(directory)!r} is no folder; a relative one is below {os.getcwd()}"
            )
        self._environment = Jinja2Templates(directory=directory).env
        self._environment.globals.update(names)

    def render(self, name: str, context: dict[str, Any]) -> str:
        """Render one template."""
        return str(self._environment.get_template(name).render(**context))
