"""
The head of an HTTP request, as httptools gives it piece by piece, and its bounds.

- In bytes (exactly where a line is whole, else to one read), in headers and in time: one deadline from the first byte
  to the last of the head, and the same for a connection that says nothing.
- Trailers are bounded like a head, and dropped: merged into the headers, they would get past whoever checked those
  (RFC 9110 §6.5.1).
- HTTP/1.1 asks for exactly one Host, and one that is a host (RFC 9112 §3.2).
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from .handshake import Refused, is_host, too_large
from .header_names import NAMES
from .pipeline import Pipeline

_ABSOLUTE: Final = re.compile(rb"[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#@]*)(/[^?#]*)?((?:\?[^#]*)?)", re.IGNORECASE)
"""RFC 9112 §3.2.2, RFC 3986 §3: scheme, user, host with a port, path, query."""

LINE_BYTES: Final = 4
"""Of a header line besides name and value: colon, space, CR, LF."""


class RequestHead(Pipeline):
    """
    A connection as the head of a request sees it.

    Attributes:
        _refusal: Why httptools was made to stop.
        _in_head: Neither the head of the next request nor its first byte is over.
        _deadline: Of the head, in the loop's time.
        _head_bytes: Of the head so far, in whole lines.
        _partial_bytes: What httptools holds of a line that is not whole.
        _moved: The last read completed something.
        _trailers: How many came behind this body.
        _hosts: How many headers `Host` this head has.
    """

    _refusal: Refused | None = None
    _in_head = True
    _deadline = 0.0
    _head_bytes = 0
    _partial_bytes = 0
    _moved = False
    _trailers = 0
    _hosts = 0

    def on_message_begin(self) -> None:
        self._unset_keepalive_if_required()
        if self._deaf:
            self._bad("nothing is interpreted behind an upgrade that was declined")
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._in_head = True
        self._head_bytes = self._hosts = 0

    def on_url(self, url: bytes) -> None:
        self._moved = True
        self.url += url
        self._head_bytes += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        headers = self.headers
        limits = self.service.limits
        self._head_bytes += len(name) + len(value) + LINE_BYTES
        if self._head_bytes > limits.max_handshake_bytes or len(headers) >= limits.max_handshake_headers:
            self._too_large()
        self._moved = True
        if not self._in_head:
            self._trailers += 1
            if self._trailers > limits.max_handshake_headers:
                self._too_large()
            return
        name = NAMES.get(name) or name.lower()
        if name == b"host":
            self._hosts += 1
            if not is_host(value):
                self._bad("header 'host' is no host with an optional port")
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        headers.append((name, value.rstrip(b" \t")))

    def _check_head(self) -> None:
        """
        The head is whole.

        Raises:
            Refused: If it is too large, or has no Host or several.
        """
        self._in_head = False
        self._moved = True
        self._trailers = 0
        if self._head_bytes > self.service.limits.max_handshake_bytes:
            self._too_large()
        if self._hosts != 1 and (self._hosts > 1 or self.parser.get_http_version() != "1.0"):
            self._bad("a request of HTTP/1.1 has exactly one header 'host'")
        if self.expect_100_continue and self.parser.get_http_version() == "1.0":
            self.expect_100_continue = False  # RFC 9110 §10.1.1
        if not self.url.startswith(b"/"):
            self._check_target()

    def _check_target(self) -> None:
        """
        Take a target that is no path (RFC 9112 §3.2): a whole URL, whose host stands above the header, or `*`.

        Raises:
            Refused: If it is none of these, or `*` is not for OPTIONS.
        """
        if self.url == b"*" and self.parser.get_method() == b"OPTIONS":
            return
        found = _ABSOLUTE.fullmatch(self.url)
        if found is None or not found[1] or not is_host(found[1]):
            self._bad("the request target is no path, no URL with a host, and not `*` for OPTIONS")
        host, path, query = found.groups()
        self.url = (path or b"/") + query
        self.headers = [header for header in self.headers if header[0] != b"host"]
        self.headers.append((b"host", host))

    def _check_coding(self) -> None:
        """
        What httptools takes besides `chunked` is a body in a coding that no application undoes.

        Raises:
            Refused: With 501, as RFC 9112 §6.1 asks for.
        """
        if any(name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in self.headers):
            self._refusal = Refused(501, "a request body is chunked, or not coded for its transfer")
            raise self._refusal

    def _too_large(self) -> NoReturn:
        self._refusal = too_large(self.service.limits)
        raise self._refusal

    def _bad(self, detail: str) -> NoReturn:
        self._refusal = Refused(400, detail)
        raise self._refusal

    # The deadline and the size of a head that is not whole

    def _start_clock(self) -> None:
        limit_s = self.service.limits.handshake_timeout_s
        self._deadline = self.loop.time() + limit_s
        self.service.wheel.schedule(self, limit_s, self.loop)

    def _head_left_s(self) -> float:
        """What is left of the time for this head, and for the answer to a handshake: all, where it came in one read."""
        if self.bucket is None:
            return self.service.limits.handshake_timeout_s
        return max(self._deadline - self.loop.time(), 0.0)

    def _watch_head(self, size: int) -> None:
        """A head, or the trailers, may not be whole after this read of `size` bytes; httptools keeps part of a line."""
        self._partial_bytes = 0 if self._moved else self._partial_bytes + size
        whole_bytes = self._head_bytes if self._in_head else 0
        if whole_bytes + self._partial_bytes > self.service.limits.max_handshake_bytes:
            self._refuse(too_large(self.service.limits))
        elif self._in_head and self.bucket is None and not self.pipeline:
            self._start_clock()
        elif self._in_body:
            self._watch_body()

    def on_deadline(self) -> None:
        if self._head_bytes or self._partial_bytes:
            self._refuse(Refused(408, "the request took too long"))
        else:
            self.transport.close()
