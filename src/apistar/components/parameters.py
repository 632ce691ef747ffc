"""
Sources that go by the parameter's name: parameters of path and query, headers and cookies.

Converters are built when the plan is compiled. A path parameter is converted by the router, where a value that does
not fit is a 404; one of the others that is missing or does not fit is a 400.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import inspect
import math
import typing
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from ..annotations import bare, is_union, optional_of, union_of
from ..exceptions import BadRequest, ConfigurationError
from ..http.annotations import Cookie, Header, QueryParam
from ..injector import Binding
from ..injector.signature import words
from ..messages.fault import fault
from ..messages.json import JSON
from .exchange import Exchange
from .site import Site

_SCALARS = (
    str,
    int,
    float,
    bool,
    uuid.UUID,
    decimal.Decimal,
    datetime.date,
    datetime.datetime,
    datetime.time,
    datetime.timedelta,
    enum.Enum,
)
_MANY = (list, set, frozenset, tuple)
_FORGOTTEN = {
    "ws": "WebSocket",
    "websocket": "WebSocket",
    "request": "http.Request",
    "response": "http.Response",
}
"""What a parameter of such a name is meant to be, where other frameworks go by the name or by its position."""


class ParameterInfo(msgspec.Struct, frozen=True):
    """
    What the schema says of a parameter.

    Attributes:
        name: As it is called on the wire.
        place: `path`, `query`, `header` or `cookie`.
        annotation: Its type, with constraints.
        required: Whether leaving it out is an error.
        default: What stands in for it.
    """

    name: str
    place: Literal["path", "query", "header", "cookie"]
    annotation: Any
    required: bool
    default: Any = inspect.Parameter.empty


class PathSource:
    """A parameter that is named in the route's URL."""

    def bind(self, parameter: inspect.Parameter, site: object) -> Binding | None:
        if not isinstance(site, Site) or parameter.name not in site.names:
            return None
        annotation = str if parameter.annotation is parameter.empty else parameter.annotation
        site.ask_path(parameter.name, annotation)
        name = parameter.name
        return Binding(
            ("path", name),
            lambda exchange: exchange.path_params[name],
            f"path parameter {name}: {words(annotation)}",
            about=ParameterInfo(name, "path", annotation, required=True),
        )


class HeaderSource:
    """`x_token: http.Header`, `x_page: http.Header[int]`."""

    def bind(self, parameter: inspect.Parameter, site: object) -> Binding | None:
        annotation = _marked(parameter.annotation, Header)
        if annotation is None:
            return None
        name = parameter.name.replace("_", "-").lower()
        raw_name = name.encode("latin-1", "replace")  # a name beyond Latin-1 is no header's
        return _named(parameter, name, "header", annotation, lambda exchange: exchange.header(raw_name))


class CookieSource:
    """`sid: http.Cookie`, `page: http.Cookie[int]`."""

    def bind(self, parameter: inspect.Parameter, site: object) -> Binding | None:
        annotation = _marked(parameter.annotation, Cookie)
        if annotation is None:
            return None
        name = parameter.name
        return _named(parameter, name, "cookie", annotation, lambda exchange: exchange.connection.cookies.get(name))


def _named(
    parameter: inspect.Parameter,
    name: str,
    place: Literal["header", "cookie"],
    annotation: Any,
    find: Callable[[Exchange], str | None],
) -> Binding:
    """A header or a cookie: one text, or nothing."""
    if not _is_scalar(optional_of(annotation) or annotation):
        raise ConfigurationError(
            f"parameter {parameter.name!r}: a {place} is one text and cannot be {words(annotation)}; ask for "
            f"http.{place.capitalize()} and take it apart, or for all of them, http.{place.capitalize()}s"
        )
    default = _default(parameter.replace(annotation=annotation))
    required = default is parameter.empty
    convert = _converter(f"{place} {name!r}", annotation)

    def read(exchange: Exchange) -> Any:
        value = find(exchange)
        if value is not None:
            return value if convert is None else convert(value)
        if required:
            raise BadRequest(f"{place} {name!r} is missing")
        return default

    return Binding(
        (place, name, str(annotation), repr(default)),
        read,
        f"{place} {name}" if annotation is str else f"{place} {name}: {words(annotation)}",
        about=ParameterInfo(name, place, annotation, required, default),
    )


def _marked(annotation: Any, mark: Any) -> Any:
    """What a parameter is to be that is marked as coming from one place; `None` where it is not marked so."""
    if annotation is mark:
        return str
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        others = [extra for extra in extras if extra is not mark]
        if len(others) < len(extras):
            return Annotated[(inner, *others)] if others else inner
    elif is_union(annotation):
        members = [_marked(member, mark) or member for member in get_args(annotation)]
        if members != list(get_args(annotation)):
            return union_of(members)
    return None


class QuerySource:
    """`limit: int = 10`, `tags: list[str]`, `q: http.QueryParam`, `page: http.QueryParam[int]`."""

    def bind(self, parameter: inspect.Parameter, site: object) -> Binding | None:
        if parameter.annotation is parameter.empty and parameter.name in _FORGOTTEN:
            raise ConfigurationError(
                f"parameter {parameter.name!r} has no annotation; write `{parameter.name}: "
                f"{_FORGOTTEN[parameter.name]}`, or `{parameter.name}: str` if a query parameter is meant"
            )
        annotation = _marked(parameter.annotation, QueryParam)
        if annotation is None:
            annotation = str if parameter.annotation is parameter.empty else parameter.annotation
        inner = optional_of(annotation) or bare(annotation)
        many = get_origin(bare(inner)) in _MANY and all(
            _is_scalar(item) for item in get_args(bare(inner)) if item is not Ellipsis
        )
        if bare(inner) in _MANY:
            many = True
        if not many and not _is_scalar(inner):
            return None
        name = parameter.name
        default = _default(parameter.replace(annotation=annotation))
        return Binding(
            ("query", name, str(annotation), repr(default)),
            _many(name, annotation, default) if many else _one(name, annotation, default),
            f"query parameter {name}: {words(annotation)}",
            about=ParameterInfo(name, "query", annotation, default is parameter.empty, default),
        )


def _default(parameter: inspect.Parameter) -> Any:
    if parameter.default is parameter.empty and optional_of(parameter.annotation) is not None:
        return None
    return parameter.default


def _is_scalar(annotation: Any) -> bool:
    annotation = bare(annotation)
    if get_origin(annotation) is Literal:
        return True
    if is_union(annotation):
        return all(_is_scalar(member) for member in get_args(annotation) if member is not type(None))
    if isinstance(annotation, typing.NewType):
        return _is_scalar(annotation.__supertype__)
    return isinstance(annotation, type) and issubclass(annotation, _SCALARS)


def _one(name: str, annotation: Any, default: Any) -> Callable[[Exchange], Any]:
    convert = _converter(f"query parameter {name!r}", annotation)

    def read(exchange: Exchange) -> Any:
        value = exchange.values.get(name)
        if value is not None:
            return value if convert is None else convert(value)
        if default is inspect.Parameter.empty:
            raise BadRequest(f"query parameter {name!r} is missing; it is {_article(annotation)}")
        return default

    return read


def _many(name: str, annotation: Any, default: Any) -> Callable[[Exchange], Any]:
    convert = _converter(f"query parameter {name!r}", annotation)
    assert convert is not None

    def read(exchange: Exchange) -> Any:
        values = [value for field, value in exchange.fields if field == name]
        if values:
            return convert(values)
        if default is inspect.Parameter.empty:
            raise BadRequest(f"query parameter {name!r} is missing; give it once or several times")
        return default

    return read


def _converter(what: str, annotation: Any) -> Callable[[Any], Any] | None:
    """A strict converter from text, or `None` where the text is the value; `what` is what errors call it."""
    if bare(annotation) is annotation and (optional_of(annotation) or annotation) is str:
        return None

    wanted = optional_of(annotation) if bare(annotation) is annotation else None  # nothing on the wire says None

    def convert(value: Any) -> Any:
        try:
            return _finite(msgspec.convert(value, annotation if wanted is None else wanted, strict=False))
        except msgspec.ValidationError as error:
            shown = value if isinstance(value, str) else ", ".join(value)
            detail = fault(error, JSON, annotation, "").detail.removeprefix("$: ")
            detail = detail.removeprefix(f"invalid value {value!r}; ").removesuffix(
                ", got str"
            )  # it has just been said
            raise BadRequest(f"{what} is {shown[:80]!r}: {detail}") from None

    return convert


def _finite(value: Any) -> Any:
    """The value itself, if every number in it is one: `nan` passes each constraint and fails where it is used."""
    for number in value if isinstance(value, _MANY) else (value,):
        finite = math.isfinite(number) if isinstance(number, float) else True
        if not (number.is_finite() if isinstance(number, decimal.Decimal) else finite):
            raise msgspec.ValidationError("Expected `finite number`")
    return value


def _article(annotation: Any) -> str:
    spelled = words(bare(optional_of(annotation) or annotation))
    return f"an {spelled}" if spelled[0] in "aeiouAEIOU" else f"a {spelled}"
