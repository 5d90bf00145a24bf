"""Our server and a baseline in turns, so that a busy machine slows both alike."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from msgspec import Struct

from bench.client import Run
from bench.figures import Row, median_ratio
from bench.processes import Running, scheduled


class Measured(Struct, frozen=True):
    """One run with the seconds its server computed and the seconds it waited for its core."""

    run: Run
    busy_s: float
    waited_s: float

    @property
    def cpu_us(self) -> float:
        """Return microseconds of processor time per answer."""
        return self.busy_s / len(self.run.took) * 1e6


Pair = tuple[Measured, Measured]
Drive = Callable[[int], Run]


def in_turns(ours: Running, theirs: Running, drive: Drive, *, rounds: int) -> list[Pair]:
    """Run the load against one and the other, so many times."""
    return [(_measured(ours, drive), _measured(theirs, drive)) for _ in range(rounds)]


def _measured(server: Running, drive: Drive) -> Measured:
    before = scheduled(server.process.pid)
    run = drive(server.port)
    after = scheduled(server.process.pid)
    return Measured(run, after[0] - before[0], after[1] - before[1])


def rate_rows(what: str, pairs: list[Pair], *, least: float) -> list[Row]:
    """Return throughput and processor time, each as the median of the rounds' ratios."""
    rate = median_ratio([(o.run.rate, t.run.rate) for o, t in pairs])
    cost = median_ratio([(t.cpu_us, o.cpu_us) for o, t in pairs])
    waited = median(o.waited_s / o.run.seconds for o, _ in pairs)
    failed = sum(o.run.failed + t.run.failed for o, t in pairs)
    return [
        Row(
            what=f"{what}: answers per second",
            ours=f"{median(o.run.rate for o, _ in pairs):.0f}",
            other=f"bare handler {median(t.run.rate for _, t in pairs):.0f}",
            figure=f"{rate:.2f}",
            bound=f">= {least}",
            ok=rate >= least and not failed,
        ),
        Row(
            what=f"{what}: processor time per answer",
            ours=f"{median(o.cpu_us for o, _ in pairs):.0f} us",
            other=f"bare handler {median(t.cpu_us for _, t in pairs):.0f} us",
            figure=f"{cost:.2f}",
        ),
        Row(what=f"{what}: time spent waiting for the core", ours=f"{waited:.0%}"),
        Row(what=f"{what}: failed answers", ours=str(failed), bound="0", ok=not failed),
    ]
