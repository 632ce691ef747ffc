"""
How a callable may end, read from its source and from the section `Raises:` of its docstring.

`raise NotFound("no such room")`, `await ws.close(4001, "kicked")`, `await ws.reject(402)` and
`await ws.connect(subprotocol="chat.v2")` say what a client must expect; nothing has to be declared a second time.
Only what stands in the callable itself is seen: what its helpers raise belongs into `Raises:`.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import linecache
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard

from starlette.exceptions import HTTPException as StarletteHTTPException

from .. import exceptions
from ..exceptions import HTTPException, WebSocketProtocolError
from ..injector.signature import unwrapped
from ..messages.docstring import Docstring
from ..websocket import WebSocket
from ..websocket.status import HTTP_CLOSE_CODES
from .reference import Outcome


@dataclass(slots=True)
class Outcomes:
    """
    What was found.

    Attributes:
        denials: Statuses; those of a WebSocket handler before its `connect()`.
        closes: Close codes.
        subprotocols: Chosen by name.
    """

    denials: list[Outcome] = field(default_factory=list)
    closes: list[Outcome] = field(default_factory=list)
    subprotocols: list[str] = field(default_factory=list)


_BLOCKS: Final = ("body", "orelse", "finalbody", "handlers", "cases")
"""Where a statement holds statements."""

_CONNECTING: Final = ("connect", "accept")


def outcomes_of(call: Callable[..., Any], documentation: Docstring, websocket: bool) -> Outcomes:
    """
    Read how `call` may end.

    Args:
        documentation: Its docstring.
        websocket: Whether it is the handler of a WebSocket, for which the place of `connect()` matters.
    """
    found = Outcomes()
    function = unwrapped(call)
    scope = _Scope(function)
    for name, text in documentation.entries.get("Raises", {}).items():
        _raised(found, scope.lookup(name.split(".")), {}, text, denied=True)
    node = _node_of(function)
    if node is None:
        return found
    sockets = _sockets(node, scope) if websocket else frozenset()
    expressions = _walk(node.body) if sockets else ()
    calls = [
        (call, call.func.attr) for call in expressions if isinstance(call, ast.Call) and _is_of(call.func, sockets)
    ]
    connected = min((child.lineno for child, method in calls if method in _CONNECTING), default=None)
    for child in _statements(node):
        if isinstance(child, ast.Raise) and child.exc is not None:
            cls, arguments = _construction(child.exc, scope)
            _raised(found, cls, arguments, "", denied=connected is None or child.lineno < connected)
    for child, method in calls:
        _called(found, method, _arguments(child, scope))
    return found


def forget_sources() -> None:
    """Drop the parsed files; called when all routes are read."""
    _functions.cache_clear()


def _raised(found: Outcomes, cls: object, arguments: dict[int | str, object], text: str, denied: bool) -> None:
    if not isinstance(cls, type):
        return
    if issubclass(cls, HTTPException | StarletteHTTPException):
        starlette = issubclass(cls, StarletteHTTPException)
        status = arguments.get("status_code", arguments.get(0 if starlette else 1))
        detail = arguments.get("detail", arguments.get(1 if starlette else 0))
        if status is None and not issubclass(cls, StarletteHTTPException):
            status = cls.default_status
        if isinstance(status, int):
            text = text or (detail if isinstance(detail, str) else "")
            (found.denials if denied else found.closes).append(
                Outcome(int(status) if denied else HTTP_CLOSE_CODES + status, text)
            )
    elif issubclass(cls, WebSocketProtocolError):
        code = arguments.get("code", arguments.get(1, 1007 if issubclass(cls, exceptions.InvalidMessage) else 1002))
        detail = arguments.get("detail", arguments.get(0))
        if isinstance(code, int):
            found.closes.append(Outcome(code, text or (detail if isinstance(detail, str) else "")))


def _called(found: Outcomes, method: str, arguments: dict[int | str, object]) -> None:
    match method:
        case "close":
            code, reason = arguments.get("code", arguments.get(0, 1000)), arguments.get("reason", arguments.get(1))
            if isinstance(code, int) and (code != 1000 or reason):
                found.closes.append(Outcome(code, reason if isinstance(reason, str) else ""))
        case "reject":
            status = arguments.get("status", arguments.get(0, 403))
            if isinstance(status, int):
                found.denials.append(Outcome(status, ""))
        case "connect" | "accept":
            if arguments.get("close"):
                found.denials.append(Outcome(403, ""))
            subprotocol = arguments.get("subprotocol", arguments.get(0))
            if isinstance(subprotocol, str):
                found.subprotocols.append(subprotocol)


class _Scope:
    """The names that a function sees, as far as they are known before it runs."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._globals: dict[str, object] = getattr(function, "__globals__", {})
        try:
            self._nonlocals = dict(inspect.getclosurevars(function).nonlocals)
        except (TypeError, ValueError):
            self._nonlocals = {}

    def lookup(self, names: list[str]) -> object:
        """What a dotted name means; `None` where that is not known."""
        first, *rest = names
        value: object = None
        for known in (self._nonlocals, self._globals, vars(exceptions), vars(builtins)):
            if first in known:
                value = known[first]
                break
        for name in rest:
            value = getattr(value, name, None)
        return value

    def value(self, node: ast.expr) -> object:
        """The value of a constant or a dotted name; `None` for anything else."""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.JoinedStr):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        if isinstance(node, ast.Name | ast.Attribute):
            names = _dotted(node)
            return self.lookup(names) if names else None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self.value(node.left), self.value(node.right)
            return left + right if isinstance(left, int) and isinstance(right, int) else None
        return None


def _construction(node: ast.expr, scope: _Scope) -> tuple[object, dict[int | str, object]]:
    """The class and the arguments of `X(…)` or `X`."""
    if isinstance(node, ast.Call):
        return scope.value(node.func), _arguments(node, scope)
    return scope.value(node), {}


def _arguments(call: ast.Call, scope: _Scope) -> dict[int | str, object]:
    positional: dict[int | str, object] = {index: scope.value(node) for index, node in enumerate(call.args)}
    named: dict[int | str, object] = {
        keyword.arg: scope.value(keyword.value) for keyword in call.keywords if keyword.arg is not None
    }
    return {**positional, **named}


def _dotted(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return [*before, node.attr] if before else []
    return []


def _sockets(node: ast.FunctionDef | ast.AsyncFunctionDef, scope: _Scope) -> frozenset[str]:
    """Names of the parameters that are WebSockets."""
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return frozenset(argument.arg for argument in arguments if _is_socket(argument.annotation, scope))


def _is_socket(annotation: ast.expr | None, scope: _Scope) -> bool:
    match annotation:
        case ast.Constant(str() as text):
            return _is_socket(ast.parse(text, mode="eval").body, scope)
        case ast.BinOp(left, ast.BitOr(), right):
            return _is_socket(left, scope) or _is_socket(right, scope)
        case ast.Subscript(value):
            return _is_socket(value, scope)
        case ast.Name() | ast.Attribute():
            return scope.value(annotation) is WebSocket
        case _:
            return False


def _is_of(function: ast.expr, names: frozenset[str]) -> TypeGuard[ast.Attribute]:
    """Whether this is a method of one of these names."""
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id in names


def _node_of(function: Callable[..., Any]) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The syntax tree of a function, from its file, which is parsed once."""
    code = getattr(function, "__code__", None)
    return _functions(code.co_filename).get(code.co_firstlineno) if code is not None else None


@functools.lru_cache(maxsize=256)
def _functions(filename: str) -> dict[int, ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions of a file by the line of their first decorator, or of their `def`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the file was compiled before; what it warned of was said then
            tree = ast.parse("".join(linecache.getlines(filename)))
    except (SyntaxError, ValueError):
        return {}
    return dict(_numbered(tree))


def _numbered(tree: ast.AST) -> Iterator[tuple[int, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in _statements(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]), node


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """The statements of a tree, those inside of others included."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for block in _BLOCKS:
            waiting.extend(getattr(node, block, ()))


def _walk(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes and all that they hold, those in nested functions included."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                waiting.extend(item for item in value if isinstance(item, ast.AST))
            elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
                waiting.append(value)
