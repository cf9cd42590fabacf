"""Metrics of a running server for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)


class Metrics:
    """The metrics of one server, in a registry of its own, so that two servers in one process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "hqsam_requests", "Requests answered", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "hqsam_request_seconds", "Time to an answer", ["route"], buckets=_QUICK, registry=self._registry
        )
        self.encode_seconds = Histogram(
            "hqsam_encode_seconds",
            "Time to open an image that had to be encoded",
            buckets=_QUICK,
            registry=self._registry,
        )
        self.decode_seconds = Histogram(
            "hqsam_decode_seconds", "Time of a decoder pass", buckets=_QUICK, registry=self._registry
        )
        self.decoded_together = Histogram(
            "hqsam_decoded_together",
            "Requests that shared a decoder pass",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=self._registry,
        )
        self.opened = Counter(
            "hqsam_opened", "Images opened, by where they were found", ["found_in"], registry=self._registry
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one response; status 0 is a client that left before it."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def gauge(self, name: str, what: str, value: Callable[[], float]) -> None:
        """Add a gauge whose value is computed when it is read."""
        Gauge(f"hqsam_{name}", what, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self._registry)


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""Methods that are counted; others count as one, so that no client fills the memory with names of methods."""
