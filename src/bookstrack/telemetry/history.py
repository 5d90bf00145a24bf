"""Counters over time: small snapshots of the registry, so that a report can look back.

A snapshot per minute of the last two hours and one per quarter of an hour of the last seven days,
each a packed row of numbers: under 2 MB whatever was counted.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator
from itertools import chain

from msgspec import Struct
from prometheus_client.metrics import MetricWrapperBase

from bookstrack.clock import Clock
from bookstrack.telemetry.metrics import Metrics

Series = tuple[str, ...]
"""What is counted, then the values of its labels; of a histogram also the bound of a bucket.

``lookups``, ``lookup_time`` by tier; ``rehydrations``; ``requests`` by path; ``statuses``;
``errors`` by code; ``request_time``; ``calls`` by provider and outcome; ``call_time`` by provider;
``jobs`` by pipeline and status.
The sum of a histogram in seconds stands under the bound ``sum``.
"""

SAMPLE_S = 60.0
_QUARTER_S = 900.0
_MINUTES = 121
_QUARTERS = 673
_KINDS = frozenset({"total", "bucket", "sum"})


class Window(Struct, frozen=True):
    """What was counted within the last ``seconds``."""

    seconds: float
    counts: dict[Series, float]

    def count(self, *series: str) -> float:
        """Return one count, 0 where nothing was counted."""
        return self.counts.get(series, 0.0)

    def by(self, name: str) -> dict[str, float]:
        """Return the counts of one kind by its first label."""
        found: dict[str, float] = {}
        for series, value in self.counts.items():
            if series[0] == name and value:
                found[series[1]] = found.get(series[1], 0.0) + value
        return found

    def within(self, *prefix: str) -> dict[str, float]:
        """Return the counts whose series begins so, by the one label that follows."""
        size = len(prefix)
        return {
            series[size]: value
            for series, value in self.counts.items()
            if series[:size] == prefix and len(series) == size + 1
        }


class _Snapshot(Struct, frozen=True):
    at: float
    values: array[float]


class History:
    """Snapshots of one registry; the owner of the process's minute tick calls ``record``."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._places: dict[Series, int] = {}
        self._minutes: deque[_Snapshot] = deque(maxlen=_MINUTES)
        self._quarters: deque[_Snapshot] = deque(maxlen=_QUARTERS)
        self.record()

    def record(self) -> None:
        """Take a snapshot now."""
        snapshot = _Snapshot(self._clock.monotonic(), self._read())
        if self._minutes and self._minutes[-1].values == snapshot.values:
            snapshot = _Snapshot(snapshot.at, self._minutes[-1].values)  # an idle server's are one
        self._minutes.append(snapshot)
        if not self._quarters or snapshot.at - self._quarters[-1].at >= _QUARTER_S:
            self._quarters.append(snapshot)

    def window(self, seconds: float) -> Window:
        """Return what was counted in the last so many seconds, or since the start if it is later.

        It begins at a snapshot: up to a minute too early, or a quarter of an hour beyond two hours.
        """
        now = self._clock.monotonic()
        base = self._base(now - seconds)
        values, before = self._read(), base.values
        counts = {
            series: values[place] - (before[place] if place < len(before) else 0.0)
            for series, place in self._places.items()
        }
        return Window(now - base.at, counts)

    def _base(self, begin: float) -> _Snapshot:
        old = [s for s in (*self._quarters, *self._minutes) if s.at <= begin]
        kept = old or [self._quarters[0]]
        return max(kept, key=lambda snapshot: snapshot.at)

    def _read(self) -> array[float]:
        values = array("d", bytes(8 * len(self._places)))
        for series, value in _samples(self._metrics):
            place = self._places.setdefault(series, len(self._places))
            if place == len(values):
                values.append(0.0)
            values[place] += value
        return values


def _samples(metrics: Metrics) -> Iterator[tuple[Series, float]]:
    yield from _of(metrics.cache_requests, ("lookups", "tier"))
    yield from _of(metrics.cache_latency, ("lookup_time", "tier"))
    yield from _of(metrics.cold_rehydrations, ("rehydrations",))
    yield from _of(metrics.http_requests, ("requests", "path"), ("statuses", "status"))
    yield from _of(metrics.http_errors, ("errors", "code"))
    yield from _of(metrics.http_duration, ("request_time",))
    yield from _of(metrics.provider_requests, ("calls", "provider", "outcome"))
    yield from _of(metrics.provider_latency, ("call_time", "provider"))
    yield from _of(metrics.jobs, ("jobs", "pipeline", "status"))


def _of(family: MetricWrapperBase, *wanted: Series) -> Iterator[tuple[Series, float]]:
    """Yield the samples of a family by some of its labels; the same series may come again.

    ``wanted`` are names of series, each with the labels it goes by.
    """
    for sample in chain.from_iterable(metric.samples for metric in family.collect()):
        kind = sample.name.rpartition("_")[2]
        if kind not in _KINDS:
            continue
        for name, *labels in wanted:
            series = (name, *(sample.labels[label] for label in labels))
            if kind == "bucket":
                series = (*series, sample.labels["le"])
            yield (*series, "sum") if kind == "sum" else series, sample.value
