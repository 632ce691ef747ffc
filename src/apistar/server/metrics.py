"""
Counters for Prometheus: an `Observer`, and the page `/metrics` in front of an application.

Every series has the route's URL template, or the channel's topic, as its label, so that their number is bounded. With
several workers the counters are kept in files that all of them read (prometheus-client's multiprocess mode), so that
any worker answers for all.

The page is on the server's own port; `metrics_access.py` says who may read it.
Needs prometheus-client: `pip install 'apistar[metrics]'`.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, Final

from ..exceptions import ConfigurationError
from ..observer import Guarded, Observer
from ..types import ASGIApp, Receive, Scope, Send
from .layers import Layer, innermost
from .metrics_access import REFUSAL, MetricsAccess

try:
    import prometheus_client
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
    from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
except ImportError:
    raise ConfigurationError("metrics need prometheus-client: pip install 'apistar[metrics]'") from None

PATH: Final = "/metrics"
FOLDER_VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
SIZES: Final = (64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)
ROUND_TRIPS: Final = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
MAX_CODES: Final = 64
"""Close codes from 3000 on with a series of their own; those that come later share one for each thousand."""


class PrometheusObserver(Observer):
    """
    Counts in a registry.

    Args:
        registry: Its own in tests; the default one otherwise.
    """

    def __init__(self, registry: CollectorRegistry = prometheus_client.REGISTRY) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"apistar_websocket_{name}", text, ["route", *labels], registry=registry)

        def histogram(name: str, text: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(f"apistar_websocket_{name}", text, ["route"], registry=registry, buckets=buckets)

        self._opened = counter("opened", "Handshakes completed")
        self._closed = counter("closed", "Connections ended, by close code", "code")
        self._open = Gauge(
            "apistar_websocket_open",
            "Connections open now",
            ["route"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._received = counter("received_messages", "Messages received")
        self._received_bytes = counter("received_bytes", "Bytes of messages received")
        self._sent = counter("sent_messages", "Messages sent")
        self._sent_bytes = counter("sent_bytes", "Bytes of messages sent")
        self._dropped = counter("dropped_messages", "Messages that were not delivered")
        self._refused = counter("refused", "Handshakes refused, by HTTP status", "status")
        self._outbox = histogram("outbox_bytes", "Bytes waiting for a slow client when a message had to wait", SIZES)
        self._round_trip = histogram("ping_seconds", "Round-trip time of pings", ROUND_TRIPS)

        self._tls_crowded_out = Counter(
            "apistar_tls_crowded_out",
            "Connections ended before their handshake of TLS was over, in favour of others",
            registry=registry,
        )

        def channel_counter(name: str, text: str) -> Counter:
            return Counter(f"apistar_channel_{name}", text, ["channel"], registry=registry)

        self._published = channel_counter("published_messages", "Messages published by this process")
        self._published_bytes = channel_counter("published_bytes", "Bytes of messages published by this process")
        self._delivered = channel_counter("delivered_messages", "Publications handed on, times the subscriptions")
        self._undelivered = channel_counter("undelivered_messages", "Publications dropped for a slow socket")
        self._codes: set[int] = set()
        self._series: dict[str, tuple[Counter, Counter, Counter, Counter]] = {}

    def opened(self, route: str) -> None:
        self._opened.labels(route).inc()
        self._open.labels(route).inc()

    def closed(self, route: str, code: int) -> None:
        self._closed.labels(route, self._code(code)).inc()
        self._open.labels(route).dec()

    def received(self, route: str, size_bytes: int) -> None:
        messages, size, _, _ = self._series.get(route) or self._new_series(route)
        messages.inc()
        size.inc(size_bytes)

    def sent(self, route: str, size_bytes: int) -> None:
        _, _, messages, size = self._series.get(route) or self._new_series(route)
        messages.inc()
        size.inc(size_bytes)

    def dropped(self, route: str, messages: int) -> None:
        self._dropped.labels(route).inc(messages)

    def outbox(self, route: str, waiting_bytes: int) -> None:
        self._outbox.labels(route).observe(waiting_bytes)

    def pinged(self, route: str, round_trip_s: float) -> None:
        self._round_trip.labels(route).observe(round_trip_s)

    def refused(self, route: str, status: int) -> None:
        self._refused.labels(route, str(status)).inc()

    def tls_crowded_out(self) -> None:
        self._tls_crowded_out.inc()

    def published(self, channel: str, size_bytes: int) -> None:
        self._published.labels(channel).inc()
        self._published_bytes.labels(channel).inc(size_bytes)

    def delivered(self, channel: str, deliveries: int) -> None:
        self._delivered.labels(channel).inc(deliveries)

    def undelivered(self, channel: str, messages: int) -> None:
        self._undelivered.labels(channel).inc(messages)

    def _code(self, code: int) -> str:
        """A label for a close code: a peer may send any of 2,000 (RFC 6455 §7.4.2), and a series is kept for ever."""
        if code >= 3000 and code not in self._codes:
            if len(self._codes) >= MAX_CODES:
                return f"{code // 1000}xxx"
            self._codes.add(code)
        return str(code)

    def _new_series(self, route: str) -> tuple[Counter, Counter, Counter, Counter]:
        """Looking a label up takes a lock each time; a message must not."""
        series = (
            self._received.labels(route),
            self._received_bytes.labels(route),
            self._sent.labels(route),
            self._sent_bytes.labels(route),
        )
        self._series[route] = series
        return series


def measured(app: Any, access: MetricsAccess) -> tuple[Any, Observer]:
    """
    Count what happens in an application, and put the page in front of it, for those who have access.

    An API Star application's own `observer` is kept and told as well.
    """
    observer = Guarded(PrometheusObserver())
    target = innermost(app)
    if hasattr(target, "observer"):
        if isinstance(target.observer, Guarded):
            observer = Guarded(*target.observer.observers, *observer.observers)
        target.observer = observer
        target.hub.observer = observer
    return MetricsPage(app, access), observer


class MetricsPage(Layer):
    """Answers `GET /metrics` (and HEAD), and leaves the rest to the application, with its own `receive` and `send`."""

    def __init__(self, app: ASGIApp, access: MetricsAccess) -> None:
        super().__init__(app)
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["path"] != scope["root_path"] + PATH
            or scope["method"] not in ("GET", "HEAD")
        ):
            await self.app(scope, receive, send)
            return
        status, content_type, page = 403, b"text/plain; charset=utf-8", REFUSAL
        if self._access.allows(scope):
            registry = prometheus_client.REGISTRY
            if FOLDER_VARIABLE in os.environ:
                registry = CollectorRegistry()
                MultiProcessCollector(registry)
            status, content_type = 200, prometheus_client.CONTENT_TYPE_LATEST.encode()
            page = prometheus_client.generate_latest(registry)
        headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(page))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else page})


@contextlib.contextmanager
def shared_counters() -> Iterator[None]:
    """A folder for the counters of all workers, for as long as they run."""
    if FOLDER_VARIABLE in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="apistar-metrics-") as folder:
        os.environ[FOLDER_VARIABLE] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER_VARIABLE]


def forget_worker(process_id: int) -> None:
    """A worker died: its open connections are none any more, its counters stay."""
    if FOLDER_VARIABLE in os.environ:
        mark_process_dead(process_id)
