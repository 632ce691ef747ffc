"""The demo's application: `apistar run examples.demo.app:app`, or `scripts/demo`."""

import inspect
from collections.abc import Callable
from pathlib import Path

from apistar import ASyncApp, Route, http
from apistar.exceptions import NotFound
from examples import seed
from examples.demo.chat import chat

HERE = Path(__file__).parent

# Everything comes from this application; nothing stands in the page that could be injected into.
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}

HANDLERS: dict[str, Callable[..., object]] = {
    "hello": seed.websocket_helloworld,
    "hello-json": seed.websocket_helloworld_msg,
    "clock": seed.websocket_helloworld_forever,
    "pingpong": seed.websocket_pingpong_forever,
    "pingpong-json": seed.websocket_pingpong_json_forever,
    "chat": chat,
}


async def page() -> http.FileResponse:
    return http.FileResponse(HERE / "index.html", headers=SECURITY_HEADERS)


async def source(name: str) -> http.Response:
    """The handler's own code, as it runs."""
    if name not in HANDLERS:
        raise NotFound(f"no handler {name!r}")
    return http.Response(inspect.getsource(HANDLERS[name]), media_type="text/plain")


app = ASyncApp(
    routes=[
        Route("/", handler=page, documented=False),
        Route("/source/{name}", handler=source, documented=False),
        *seed.routes,
        Route("/chat", handler=chat),
    ],
    static_dir=str(HERE / "static"),
    title="API Star demo",
    description="Five sockets of the first page of the documentation, and a small typed chat.",
)
