"""
What a handler may ask for about its request, by annotation.

`Header`, `Cookie` and `QueryParam` go by the parameter's name (`user_agent: http.Header` is the header `User-Agent`); a
missing one without a default is a 400. `Header` alone is a `str`; `Header[int]`, which is `Annotated[int, Header]`, is
converted. `Body[T]` is the body decoded as `T`; `Body` alone is `bytes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, NewType, TypeAlias, TypeVar

from starlette.datastructures import URL, FormData, Headers, QueryParams, UploadFile
from starlette.requests import Request

Method = NewType("Method", str)
"""The request method in capitals; `GET` for a WebSocket handshake."""

Path = NewType("Path", str)
"""The decoded path of the request."""

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    # Aliases, so that a default may be written as what it is: `user_agent: http.Header = ""`.
    Value = TypeVarWithDefault("Value", default=str)
    Header: TypeAlias = Annotated[Value, "header"]
    Cookie: TypeAlias = Annotated[Value, "cookie"]
    QueryParam: TypeAlias = Annotated[Value, "query"]
else:

    class _Named(str):
        __slots__ = ()

        def __class_getitem__(cls, tp):
            return Annotated[tp, cls]

    class Header(_Named):
        """The value of the header that is named like the parameter, `_` for `-`."""

    class Cookie(_Named):
        """The value of the cookie that is named like the parameter."""

    class QueryParam(_Named):
        """The value of the query parameter that is named like the parameter."""


class Cookies(dict[str, str]):
    """The cookies of the request by name (RFC 6265 §5.4)."""


class PathParams(dict[str, Any]):
    """The converted path parameters by name."""


class BodyMarker:
    """Marks an annotation as the body of the request."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "http.Body"


BODY: Final = BodyMarker()

T = TypeVar("T")
Body: TypeAlias = Annotated[T, BODY]

__all__ = [
    "URL",
    "Body",
    "Cookie",
    "Cookies",
    "FormData",
    "Header",
    "Headers",
    "Method",
    "Path",
    "PathParams",
    "QueryParam",
    "QueryParams",
    "Request",
    "UploadFile",
]
