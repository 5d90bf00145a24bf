"""The metrics registry: one object, handed to whoever counts (operations §9)."""

from __future__ import annotations

import platform

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bookstrack import __version__

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LONG = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
_FAST = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)


class Metrics:
    """Every family the server exports; names and labels are part of the contract."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._http()
        self._cache()
        self._providers()
        self._streams()
        self._jobs()
        self.db_query_duration = self._histogram(
            "db_query_duration_seconds", "Time of one database operation.", ("operation",), _FAST
        )
        self.db_query_errors = self._counter(
            "db_query_errors_total", "Database operations that failed.", ("operation",)
        )
        self.job_success = Gauge(
            "scheduled_job_last_success_timestamp_seconds",
            "When a scheduled job last ended well.",
            ("job",),
            registry=self.registry,
        )
        build = Gauge(
            "build_info",
            "Always 1; labels name the build.",
            ("version", "python"),
            registry=self.registry,
        )
        build.labels(__version__, platform.python_version()).set(1)

    def _http(self) -> None:
        self.http_requests = self._counter(
            "http_requests_total", "Requests answered.", ("method", "path", "status")
        )
        self.http_duration = self._histogram(
            "http_request_duration_seconds", "Time to answer.", ("method", "path"), _SECONDS
        )
        self.http_errors = self._counter(
            "http_errors_total", "Failure answers by code.", ("path", "code")
        )
        self.http_in_flight = Gauge(
            "http_requests_in_flight", "Requests being answered.", registry=self.registry
        )
        self.rate_rejected = self._counter(
            "rate_limit_rejected_total", "Requests refused with 429.", ("class",)
        )
        self.rate_errors = self._counter(
            "rate_limiter_errors_total",
            "Requests let through because counting failed.",
            ("class",),
        )
        self.deprecated_requests = self._counter(
            "deprecated_requests_total", "Requests to deprecated routes.", ("group",)
        )

    def _cache(self) -> None:
        self.cache_requests = self._counter(
            "cache_requests_total", "Lookups by the tier that answered.", ("tier",)
        )
        self.cache_events = self._counter(
            "cache_events_total", "What happened inside the tiers.", ("event",)
        )
        self.cache_latency = self._histogram(
            "cache_latency_seconds", "Time of one lookup by tier.", ("tier",), _FAST
        )
        self.cache_hit_rate = Gauge(
            "cache_hit_rate",
            "Share of lookups a tier answered, percent.",
            ("tier",),
            registry=self.registry,
        )
        self.cache_entries = Gauge(
            "cache_entries", "Entries held.", ("tier",), registry=self.registry
        )
        self.cache_bytes = Gauge("cache_bytes", "Bytes held.", ("tier",), registry=self.registry)
        self.cold_rehydrations = self._counter(
            "cold_rehydrations_total", "Entries brought back from the cold tier.", ()
        )

    def _providers(self) -> None:
        self.provider_requests = self._counter(
            "provider_requests_total", "Calls to outside providers.", ("provider", "outcome")
        )
        self.provider_latency = self._histogram(
            "provider_latency_seconds", "Time of one provider call.", ("provider",), _SECONDS
        )
        self.provider_quota = Gauge(
            "provider_quota_used_ratio",
            "Share of the daily quota used.",
            ("provider",),
            registry=self.registry,
        )
        self.circuit_state = Gauge(
            "circuit_state",
            "0 closed, 1 half-open, 2 open.",
            ("provider",),
            registry=self.registry,
        )
        self.circuit_transitions = self._counter(
            "circuit_transitions_total", "Changes of a breaker.", ("provider", "to")
        )

    def _streams(self) -> None:
        self.sse_connections = self._gauge(
            "sse_connections", "Event streams open now.", ("pipeline",)
        )
        self.ws_connections = self._gauge("ws_connections", "Sockets open now.", ("pipeline",))
        self.sse_connects = self._counter(
            "sse_connects_total", "Event streams asked for.", ("outcome",)
        )
        self.ws_connects = self._counter("ws_connects_total", "Sockets asked for.", ("outcome",))
        self.ws_deprecated = self._counter(
            "ws_deprecated_clients_total", "Deprecated sockets opened, by program.", ("client",)
        )
        self.sse_resumes = self._counter(
            "sse_resumes_total", "Event streams that were to go on after an event.", ("outcome",)
        )
        self.stream_first_event = self._histogram(
            "stream_first_event_seconds",
            "From asking to the first event.",
            ("transport",),
            _SECONDS,
        )
        self.progress_delivery = self._histogram(
            "progress_delivery_seconds",
            "From logging an event to sending it.",
            ("transport",),
            _FAST,
        )

    def _jobs(self) -> None:
        self.jobs = self._counter("jobs_total", "Jobs that ended here.", ("pipeline", "status"))
        self.jobs_active = self._gauge("jobs_active", "Jobs run here now.", ("pipeline",))
        self.job_queue_depth = self._gauge(
            "job_queue_depth", "Jobs nobody has begun yet, in all processes.", ("pipeline",)
        )
        self.job_duration = self._histogram(
            "job_duration_seconds", "From accepting a job to its end.", ("pipeline",), _LONG
        )
        self.job_items = self._counter(
            "job_items_total", "Items of jobs that ended here.", ("pipeline", "outcome")
        )

    def _gauge(self, name: str, text: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...]
    ) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)

    def exposition(self) -> bytes:
        """Render every family as Prometheus text 0.0.4."""
        return generate_latest(self.registry)
