"""Makes the JSON form of the metrics: what happened in a window of time, and is all well."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from bookstrack.clock import Clock, timestamp
from bookstrack.model.provider_names import breaker_name
from bookstrack.telemetry.history import History, Window
from bookstrack.telemetry.metrics import Metrics
from bookstrack.telemetry.report import (
    Costs,
    HealthReport,
    HitRates,
    Issue,
    Latency,
    ProviderReport,
    Report,
    Requests,
    Volume,
)

PERIODS = {"15m": 900, "1h": 3600, "24h": 86_400, "7d": 604_800}
_DEFAULT = "1h"
_KEPT_S = 300.0
_ENOUGH = 20
_COMBINED_LEAST, _COMBINED_TARGET = 90, 95
_EDGE_LEAST, _EDGE_TARGET = 75, 80
_SOURCES = {"edge": "edge_hit", "kv": "kv_hit", "db": "db_hit"}


class Standing(Struct, frozen=True, kw_only=True):
    """How a provider stands now: internal id, breaker state, and today's counted calls."""

    name: str
    breaker: str
    quota_used: int | None
    quota_limit: int | None


class Prices(Struct, frozen=True, kw_only=True):
    """Dollars per million reads of the shared tier and of the object store."""

    kv: float = 0.5
    cold: float = 0.36


class Reports:
    """Makes reports and keeps each for five minutes."""

    def __init__(
        self,
        metrics: Metrics,
        history: History,
        clock: Clock,
        *,
        standings: Callable[[], Sequence[Standing]],
        prices: Prices,
    ) -> None:
        self._metrics = metrics
        self._history = history
        self._clock = clock
        self._standings = standings
        self._prices = prices
        self._kept: dict[str, tuple[float, Report]] = {}
        self._since: dict[tuple[str, str], str] = {}

    def report(self, asked: str | None) -> Report:
        """Return the report of a period, of the last hour where there is no such period."""
        period = asked if asked in PERIODS else _DEFAULT
        now = self._clock.monotonic()
        made, report = self._kept.get(period, (0.0, None))
        if report is None or now - made >= _KEPT_S:
            report = self._report(period)
            self._kept[period] = (now, report)
        return report

    def refresh(self) -> None:
        """Bring those gauges up to date that nothing else sets; hit rates of the last hour."""
        lookups = self._history.window(PERIODS[_DEFAULT]).by("lookups")
        for tier, rate in _percentages(lookups).items():
            value = float("nan") if rate is None else rate
            self._metrics.cache_hit_rate.labels(tier).set(value)
        for standing in self._standings():
            if standing.quota_limit:
                share = (standing.quota_used or 0) / standing.quota_limit
                self._metrics.provider_quota.labels(standing.name).set(share)

    def _report(self, period: str) -> Report:
        window = self._history.window(PERIODS[period])
        lookups = window.by("lookups")
        rates = HitRates(**_percentages(lookups))
        return Report(
            timestamp=timestamp(self._clock.time()),
            period=period,
            window_seconds=int(window.seconds),
            hit_rates=rates,
            latency=_latencies(window),
            volume=_volume(window, lookups),
            requests=_requests(window),
            providers={
                breaker_name(standing.name): _provider(window, standing)
                for standing in self._standings()
            },
            jobs=_jobs(window),
            costs=_costs(window, lookups, self._prices, period),
            health=self._health(rates, int(sum(lookups.values())), period),
        )

    def _health(self, rates: HitRates, lookups: int, period: str) -> HealthReport:
        found: dict[str, str] = {}
        if lookups >= _ENOUGH:
            found = dict(_shortfalls(rates))
        for kind in [known for known in self._since if known[0] == period]:
            if kind[1] not in found:
                del self._since[kind]
        now = timestamp(self._clock.time())
        return HealthReport(
            status="degraded" if found else "healthy",
            issues=tuple(
                Issue(
                    severity="warning",
                    message=message,
                    since=self._since.setdefault((period, kind), now),
                )
                for kind, message in found.items()
            ),
            message=None if lookups else "no lookups in this period",
        )


def _shortfalls(rates: HitRates) -> Sequence[tuple[str, str]]:
    rules = (
        ("combined", rates.combined, _COMBINED_LEAST, _COMBINED_TARGET),
        ("edge", rates.edge, _EDGE_LEAST, _EDGE_TARGET),
    )
    return [
        (name, f"{name} hit rate {rate:g} % is below {least} % (target {target} %)")
        for name, rate, least, target in rules
        if rate is not None and rate < least
    ]


def _percentages(lookups: Mapping[str, float]) -> dict[str, float | None]:
    """Return the tiers' shares under the names of the wire."""
    parts = {
        "edge": lookups.get("edge", 0.0),
        "kv": lookups.get("kv", 0.0),
        "db": lookups.get("db", 0.0),
        "r2_cold": lookups.get("cold", 0.0),
        "api": lookups.get("api_miss", 0.0),
        "combined": lookups.get("edge", 0.0) + lookups.get("kv", 0.0),
    }
    total = sum(lookups.values())
    return {name: _percent(part, total) if total else None for name, part in parts.items()}


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def _volume(window: Window, lookups: Mapping[str, float]) -> Volume:
    return Volume(
        total_requests=int(sum(lookups.values())),
        edge_hits=int(lookups.get("edge", 0)),
        kv_hits=int(lookups.get("kv", 0)),
        db_hits=int(lookups.get("db", 0)),
        r2_rehydrations=int(window.count("rehydrations")),
        api_misses=int(lookups.get("api_miss", 0)),
    )


def _latencies(window: Window) -> dict[str, Latency]:
    found = {
        _SOURCES.get(tier, tier): latency_of(window.within("lookup_time", tier))
        for tier in sorted({series[1] for series in window.counts if series[0] == "lookup_time"})
    }
    found["request"] = latency_of(window.within("request_time"))
    return {source: latency for source, latency in found.items() if latency is not None}


def latency_of(counts: Mapping[str, float]) -> Latency | None:
    """Read a histogram: counts up to each bound in seconds, and their ``sum``; None when empty."""
    buckets = sorted((float(bound), n) for bound, n in counts.items() if bound != "sum")
    total = buckets[-1][1] if buckets else 0.0
    if not total:
        return None
    return Latency(
        avg=_ms(counts.get("sum", 0.0) / total),
        p50=_ms(_quantile(buckets, 0.50 * total)),
        p95=_ms(_quantile(buckets, 0.95 * total)),
        p99=_ms(_quantile(buckets, 0.99 * total)),
    )


def _quantile(buckets: Sequence[tuple[float, float]], rank: float) -> float:
    """Return the value of a rank, spread evenly between a bucket's bounds as Prometheus does."""
    lower, below = 0.0, 0.0
    for upper, count in buckets:
        if count >= rank:
            if upper == float("inf"):
                break
            return lower + (upper - lower) * (rank - below) / (count - below)
        lower, below = upper, count
    return lower


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _requests(window: Window) -> Requests:
    statuses = window.by("statuses")
    total = sum(statuses.values())
    failed = sum(n for status, n in statuses.items() if status >= "400")
    broken = sum(n for status, n in statuses.items() if status >= "500")
    broken -= window.by("errors").get("FEATURE_DISABLED", 0.0)
    return Requests(
        by_endpoint=_whole(window.by("requests")),
        by_status=_whole(statuses),
        error_rate=_percent(failed, total),
        server_error_rate=_percent(broken, total),
    )


def _whole(counts: Mapping[str, float]) -> dict[str, int]:
    return {name: int(value) for name, value in sorted(counts.items())}


def _provider(window: Window, standing: Standing) -> ProviderReport:
    outcomes = _whole({k: n for k, n in window.within("calls", standing.name).items() if n})
    return ProviderReport(
        requests=sum(outcomes.values()),
        by_outcome=outcomes,
        breaker=standing.breaker,
        quota_used=standing.quota_used,
        quota_limit=standing.quota_limit,
        latency=latency_of(window.within("call_time", standing.name)),
    )


def _jobs(window: Window) -> dict[str, dict[str, int]]:
    return {
        pipeline: _whole({k: n for k, n in window.within("jobs", pipeline).items() if n})
        for pipeline in sorted(window.by("jobs"))
    }


def _costs(window: Window, lookups: Mapping[str, float], prices: Prices, period: str) -> Costs:
    """Every lookup that memory did not answer read the shared tier."""
    shared = (sum(lookups.values()) - lookups.get("edge", 0.0)) * prices.kv / 1e6
    cold = window.count("rehydrations") * prices.cold / 1e6
    return Costs(
        kv_reads_estimate=f"${shared:.4f}/{period}",
        r2_reads=f"${cold:.4f}/{period}",
        total_estimate=f"${shared + cold:.4f}/{period}",
    )
