"""Annotations to inject from a request, and responses to give back."""

from .annotations import (
    URL,
    Body,
    Cookie,
    Cookies,
    FormData,
    Header,
    Headers,
    Method,
    Path,
    PathParams,
    QueryParam,
    QueryParams,
    Request,
    UploadFile,
)
from .responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from .server_sent_event import ServerSentEvent

__all__ = [
    "URL",
    "Body",
    "Cookie",
    "Cookies",
    "FileResponse",
    "FormData",
    "HTMLResponse",
    "Header",
    "Headers",
    "JSONResponse",
    "Method",
    "Path",
    "PathParams",
    "QueryParam",
    "QueryParams",
    "RedirectResponse",
    "Request",
    "Response",
    "ServerSentEvent",
    "StreamingResponse",
    "UploadFile",
]
