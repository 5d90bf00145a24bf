"""How often a running job logs an event [J10] and writes its snapshot [P1]."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from bookstrack.errors import ConfigurationProblem
from bookstrack.model.job import PipelineName

EVENT_EVERY_S = 0.1
"""Between two ``processing`` events of a job. What waits is logged when this has passed, so the
rule that counts may not change for 2 s without an event holds by itself."""

_ROUNDING_S = 1e-6
_VARIABLE = "BOOKSTRACK_PERSIST_EVERY"


class PersistRule(Struct, frozen=True):
    """A snapshot is written with every so many updates, or so many seconds after the last."""

    updates: int
    seconds: float

    def due(self, *, updates: int, passed_s: float) -> bool:
        """Tell whether the update that just came, counted in ``updates``, is the one to write."""
        return updates >= self.updates or passed_s >= self.seconds


_DEFAULTS = {
    PipelineName.BATCH_ENRICHMENT: PersistRule(5, 10),
    PipelineName.CSV_IMPORT: PersistRule(20, 30),
    PipelineName.AI_SCAN: PersistRule(1, 60),
    PipelineName.IMPORT_WORKFLOW: PersistRule(1, 60),
}


def persist_rules(texts: Iterable[str]) -> Mapping[PipelineName, PersistRule]:
    """Read ``pipeline=updates/seconds``; pipelines that are not named keep their defaults.

    Raises:
        ConfigurationProblem: a text has another form or names no pipeline.
    """
    return _DEFAULTS | dict(map(_rule, texts))


def _rule(text: str) -> tuple[PipelineName, PersistRule]:
    name, _, numbers = text.partition("=")
    updates, _, seconds = numbers.partition("/")
    try:
        rule = PersistRule(int(updates), float(seconds))
        pipeline = PipelineName(name.strip())
    except ValueError as error:
        raise ConfigurationProblem(
            _VARIABLE, f"'{text}' is not of the form pipeline=updates/seconds"
        ) from error
    if rule.updates < 1 or not rule.seconds > 0:
        raise ConfigurationProblem(_VARIABLE, f"'{text}' must have numbers above 0")
    return pipeline, rule


class Pacer:
    """Says when the next event may be logged; times are monotonic seconds."""

    def __init__(self) -> None:
        self._last: float | None = None

    def wait(self, now: float) -> float:
        """Return the seconds until an event is due; 0 when it is."""
        if self._last is None:
            return 0.0
        left = self._last + EVENT_EVERY_S - now
        return left if left > _ROUNDING_S else 0.0

    def logged(self, now: float) -> None:
        """Note that an event is being logged."""
        self._last = now
