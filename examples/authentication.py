"""
Who is it? A token comes by cookie, header, query or subprotocol; handlers ask for a `User` and know nothing of tokens.

    apistar run examples.authentication:app
    apistar ws ws://127.0.0.1:8000/greetings -H 'Authorization: Bearer ada-secret'
    new WebSocket("ws://127.0.0.1:8000/greetings", ["greetings.v1", "bearer.ada-secret"])    // in a browser

Browsers cannot set headers of a WebSocket. Prefer a cookie where the page is yours: the Origin check keeps other pages
out. A token in a subprotocol is next; one in the query ends up in histories and logs of others.
"""

import hashlib

from msgspec import Struct

from apistar import ASyncApp, Component, Route, WebSocket, http
from apistar.exceptions import Unauthorized

SUBPROTOCOL = "greetings.v1"


def fingerprint(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# What is kept is no token, so that nobody can use what leaks; and looking one up tells nothing by the time it takes.
TOKENS = {fingerprint("ada-secret"): "Ada", fingerprint("grace-secret"): "Grace"}


class User(Struct):
    name: str


class UserComponent(Component):
    security = {
        "cookie": {"type": "apiKey", "in": "cookie", "name": "token"},
        "header": {"type": "http", "scheme": "bearer"},
        "query": {"type": "apiKey", "in": "query", "name": "token"},
    }

    def resolve(
        self, ws: WebSocket, cookies: http.Cookies, authorization: http.Header | None, token: http.QueryParam | None
    ) -> User:
        """
        Find the user of a token.

        Raises:
            Unauthorized: If there is no token, or nobody has it.
        """
        scheme, _, credentials = (authorization or "").partition(" ")
        in_header = credentials if scheme.lower() == "bearer" else None
        in_subprotocols = [name.removeprefix("bearer.") for name in ws.subprotocols if name.startswith("bearer.")]
        for candidate in (cookies.get("token"), in_header, token, *in_subprotocols):
            if candidate and (name := TOKENS.get(fingerprint(candidate))):
                return User(name)
        raise Unauthorized("bring a token", headers={"WWW-Authenticate": "Bearer"})


async def greetings(ws: WebSocket[str, str], user: User) -> None:
    """Greet a user, and repeat what they say."""
    # Never the token: the answer names the protocol that is spoken.
    await ws.connect(subprotocol=SUBPROTOCOL if SUBPROTOCOL in ws.subprotocols else None)
    await ws.send(f"hello, {user.name}")
    async for message in ws:
        await ws.send(f"{user.name} says {message}")


app = ASyncApp(routes=[Route("/greetings", handler=greetings)], components=[UserComponent()], title="Greetings")
