"""
Annotations that are evaluated when they are read (PEP 649, Python 3.14): what they name may stand further down.

The sources are text, since earlier Pythons evaluate them at once; none has `from __future__ import annotations`.
"""

from __future__ import annotations

from typing import Any

import pytest

from apistar import TestClient
from apistar.exceptions import ConfigurationError

pytest.importorskip("annotationlib", reason="needs Python 3.14, which evaluates annotations late")

IMPORTS = """
import msgspec
from apistar import ASyncApp, Component, Provider, Route, WebSocket, http
"""

USES = """
async def chat(ws: WebSocket[Say | Leave, Said], user: User):
    await ws.connect()
    async for message in ws:
        await ws.send(Said(message.text, user.name))

async def order(body: http.Body[Order], users: Provider[User]) -> Order:
    async with users() as user:
        return Order(user.name, body.lines)

class UserComponent(Component):
    def resolve(self, token: Token) -> User:
        return User(token.value)

class TokenComponent(Component):
    def resolve(self) -> Token:
        return Token("ann")

class Hook:
    def on_request(self, token: Token):
        assert token.value == "ann"

routes = [Route("/chat", handler=chat), Route("/order", "POST", handler=order)]
"""

DEFINES = """
class Say(msgspec.Struct, tag="say"):
    text: str
    next: Say | None = None

class Leave(msgspec.Struct, tag="leave"): pass

class Said(msgspec.Struct, tag="said"):
    text: str
    by: str

class Order(msgspec.Struct):
    by: str
    lines: list[Line]

class Line(msgspec.Struct):
    number: int

class User:
    def __init__(self, name: str):
        self.name = name

class Token:
    def __init__(self, value: str):
        self.value = value
"""

APP = """
app = ASyncApp(routes, components=[UserComponent(), TokenComponent()], event_hooks=[Hook])
"""


def run(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "late"}
    exec(compile(IMPORTS + source, "late.py", "exec", dont_inherit=True), names)
    return names


def indented(source: str) -> str:
    return source.replace("\n", "\n    ")


@pytest.mark.parametrize(
    "source",
    [
        USES + DEFINES + APP,
        "def make():" + indented(USES + DEFINES + APP) + "\n    return app\n\napp = make()\n",
    ],
    ids=["in a module", "in a function"],
)
def test_names_may_be_defined_after_the_handlers_and_components_that_use_them(source: str) -> None:
    with TestClient(run(source)["app"]) as client:
        sent = {"by": "", "lines": [{"number": 1}]}
        assert client.post("/order", json=sent).json() == {"by": "ann", "lines": [{"number": 1}]}
        with client.websocket("/chat") as ws:
            ws.send_json({"type": "say", "text": "hello"})
            assert ws.receive_json() == {"type": "said", "text": "hello", "by": "ann"}


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (
            "async def handler(user: Missing): ...\nASyncApp([Route('/', handler=handler)])",
            r"an annotation of handler \(late.py:\d+\) cannot be resolved: name 'Missing' is not defined; define or "
            r"import the name in the module of the function, outside of `if TYPE_CHECKING`",
        ),
        (
            "async def handler(body: http.Body[Missing]): ...\nASyncApp([Route('/', 'POST', handler=handler)])",
            r"an annotation of handler \(late.py:\d+\) cannot be resolved: name 'Missing' is not defined; ",
        ),
        (
            "class User: ...\nclass Users(Component):\n    def resolve(self, token: Missing) -> User: ...\n"
            "async def handler(user: User): ...\nASyncApp([Route('/', handler=handler)], components=[Users()])",
            r"an annotation of Users.resolve \(late.py:\d+\) cannot be resolved: name 'Missing' is not defined; ",
        ),
        (
            "class Hook:\n    def on_request(self, token: Missing): ...\nASyncApp([], event_hooks=[Hook])",
            r"an annotation of Hook.on_request \(late.py:\d+\) cannot be resolved: name 'Missing' is not defined; ",
        ),
        (
            "async def handler(user: http.Missing): ...\nASyncApp([Route('/', handler=handler)])",
            r"an annotation of handler \(late.py:\d+\) cannot be evaluated: module 'apistar.http' has no attribute",
        ),
        (
            "async def handler(user: int | 'User'): ...\nASyncApp([Route('/', handler=handler)])",
            r"an annotation of handler \(late.py:\d+\) cannot be evaluated: unsupported operand type",
        ),
        (
            "class Say(msgspec.Struct):\n    by: Missing\n"
            "async def handler(ws: WebSocket[Say]): ...\nASyncApp([Route('/', handler=handler)])",
            r"name 'Missing' is not defined; define or import the name in the module of Say",
        ),
    ],
    ids=["handler", "within", "component", "hook", "attribute", "operator", "message"],
)
def test_name_that_is_defined_nowhere_is_told(source: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        run(source)
