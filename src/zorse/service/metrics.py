"""What the service counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Counters of one application."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self.requests = Counter(
            "zorse_requests",
            "Requests answered, by route, method and status.",
            ["route", "method", "status"],
            registry=own,
        )
        self.seconds = Histogram(
            "zorse_request_seconds",
            "Seconds from a request's first byte to its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=own,
        )
        self.images = Counter("zorse_images", "Images encoded.", registry=own)
        self.batch = Histogram(
            "zorse_batch_images", "Images encoded together.", buckets=(1, 2, 4, 8, 16, 32, 64, 128), registry=own
        )
        self.encoding = Counter("zorse_encoding_seconds", "Seconds spent encoding images.", registry=own)
        self.texts = Counter("zorse_texts", "Texts asked for, by whether they were known.", ["known"], registry=own)
        self.inside = Gauge("zorse_requests_inside", "Requests accepted and not answered yet.", registry=own)
        self.waiting = Gauge("zorse_images_waiting", "Images accepted and not encoded yet.", registry=own)
        self.held = Gauge("zorse_bytes_held", "Bytes of request bodies in memory.", registry=own)

    def encoded(self, images: int, seconds: float) -> None:
        """A batch was encoded."""
        self.images.inc(images)
        self.batch.observe(images)
        self.encoding.inc(seconds)

    def read(self, known: int, new: int) -> None:
        """Texts were asked for."""
        self.texts.labels("yes").inc(known)
        self.texts.labels("no").inc(new)

    def page(self) -> bytes:
        """The figures as Prometheus reads them."""
        return generate_latest(self.registry)
