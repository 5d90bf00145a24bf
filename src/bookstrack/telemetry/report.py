"""The JSON form of the metrics (http-api A4), as types."""

from __future__ import annotations

from msgspec import Struct

from bookstrack.model.naming import camel_name


class HitRates(Struct, frozen=True, kw_only=True):
    """Share of lookups that each tier answered, percent; null where there were none.

    ``combined`` is edge and kv together, as the original counted.
    """

    edge: float | None
    kv: float | None
    db: float | None
    r2_cold: float | None
    api: float | None
    combined: float | None


class Latency(Struct, frozen=True, kw_only=True):
    """Milliseconds; the percentiles are estimated within the bounds of the histogram."""

    avg: float
    p50: float
    p95: float
    p99: float


class Volume(Struct, frozen=True, kw_only=True):
    """Lookups in all and by the tier that answered."""

    total_requests: int
    edge_hits: int
    kv_hits: int
    db_hits: int
    r2_rehydrations: int
    api_misses: int


class Requests(Struct, frozen=True, kw_only=True, rename=camel_name):
    """HTTP requests by path template and by status; error rates in percent.

    ``server_error_rate`` leaves out features that are switched off by configuration.
    """

    by_endpoint: dict[str, int]
    by_status: dict[str, int]
    error_rate: float
    server_error_rate: float


class ProviderReport(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """Calls to one provider, how it stands now, and today's quota where calls are counted."""

    requests: int = 0
    by_outcome: dict[str, int]
    breaker: str
    quota_used: int | None = None
    quota_limit: int | None = None
    latency: Latency | None = None


class Costs(Struct, frozen=True, kw_only=True):
    """Estimates of the form ``$0.0001/1h``; stores of this machine cost nothing."""

    kv_reads_estimate: str
    r2_reads: str
    total_estimate: str


class Issue(Struct, frozen=True, kw_only=True):
    """Something an operator should look at; ``since`` is when a report first showed it."""

    severity: str
    message: str
    since: str


class HealthReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``healthy``, or ``degraded`` with its issues; ``message`` where nothing can be said."""

    status: str
    issues: tuple[Issue, ...]
    message: str | None = None


class Report(Struct, frozen=True, kw_only=True, rename=camel_name):
    """What this process did within ``windowSeconds``, the asked period or its whole life.

    ``jobs`` are those that ended in this process, by pipeline and status.
    """

    timestamp: str
    period: str
    window_seconds: int
    hit_rates: HitRates
    latency: dict[str, Latency]
    volume: Volume
    requests: Requests
    providers: dict[str, ProviderReport]
    jobs: dict[str, dict[str, int]]
    costs: Costs
    health: HealthReport
