"""Asks several sources one question: in turn with hedging, or all together.

A source that fails does not end the question; its problem is collected. A source that is
silent does not hold it up: after the hedge the next one is started beside it, and the slow call
goes on in the background so that its breaker learns how it ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog
from msgspec import Struct

from bookstrack.background import Tasks
from bookstrack.clock import Clock
from bookstrack.errors import (
    BooksTrackError,
    CircuitOpen,
    ProviderBusy,
    ProviderFailed,
    ProviderProblem,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaExhausted,
    StorageUnavailable,
)
from bookstrack.model.answer import Caution
from bookstrack.model.provider_names import breaker_name
from bookstrack.model.query import Query
from bookstrack.model.record import BookRecord, Findings, ProviderId
from bookstrack.providers.base import Budget, Provider

log = structlog.get_logger(__name__)

Enough = Callable[[Findings], bool]


class Heard(Struct, frozen=True, kw_only=True):
    """What the sources said: findings in order of asking, and the problems of the others."""

    findings: tuple[tuple[ProviderId, Findings], ...] = ()
    problems: tuple[ProviderProblem, ...] = ()
    asked: tuple[ProviderId, ...] = ()

    @property
    def records(self) -> tuple[BookRecord, ...]:
        """Return every book record, in order of asking."""
        return tuple(record for _, found in self.findings for record in found.books)

    @property
    def complete(self) -> bool:
        """Tell whether every source that was asked answered."""
        return not self.problems

    @property
    def total(self) -> int | None:
        """Return the largest count of hits that a source names."""
        return max((f.total for _, f in self.findings if f.total is not None), default=None)

    def cautions(self) -> tuple[Caution, ...]:
        """Return what the caller should know: one entry per source that is missing."""
        return tuple(
            Caution(code=problem.code, provider=problem.provider) for problem in self.problems
        )

    def raise_if_unanswered(self) -> None:
        """Raise where every source failed; "nothing found" from one of them is an answer.

        Our own tables know little: that they have nothing is no answer where others failed.

        Raises:
            ProviderProblem: the one that tells the caller most.
            StorageUnavailable: only our own tables were to be asked, and they cannot be read.
        """
        own = ProviderId.CATALOG
        outside = [problem for problem in self.problems if problem.provider != own]
        if outside and all(name is own for name, _ in self.findings):
            raise verdict(outside)
        if self.problems and not self.findings:
            raise StorageUnavailable(self.problems[0].message)


_RESTING = (ProviderBusy, QuotaExhausted, CircuitOpen, ProviderUnavailable)
_REST_S = 60.0


def verdict(problems: Sequence[ProviderProblem]) -> ProviderProblem:
    """Return the problem to report when nobody answered (http-api §4).

    A provider that has refused our key is as good as absent while there are others.
    """
    usable = [problem for problem in problems if not _key_refused(problem)] or list(problems)
    first = min(usable, key=_wait)
    if len(usable) == 1 or all(isinstance(problem, CircuitOpen) for problem in usable):
        return first
    waits = [problem.retry_after for problem in usable if problem.retry_after]
    details = {"providers": sorted({breaker_name(problem.provider) for problem in usable})}
    if all(isinstance(problem, ProviderTimeout) for problem in usable):
        return ProviderTimeout(first.provider, "No provider answered in time", details=details)
    if all(isinstance(problem, _RESTING) for problem in usable):
        return ProviderBusy(
            first.provider,
            "Every provider asks us to wait",
            details=details,
            retry_after=min(waits, default=_REST_S),
        )
    if all(isinstance(problem, ProviderRefused) for problem in usable):
        return first
    return ProviderFailed(
        first.provider,
        "Every provider failed",
        details=details,
    )


def _key_refused(problem: ProviderProblem) -> bool:
    return isinstance(problem, ProviderRefused) and problem.reason == "auth"


def _wait(problem: ProviderProblem) -> float:
    return problem.retry_after or 0.0


class Questioner:
    """Asks providers and owns the calls that outlive their question."""

    def __init__(self, clock: Clock, *, hedge_s: float) -> None:
        self._clock = clock
        self._hedge_s = hedge_s
        self._calls = Tasks()

    async def in_turn(
        self, providers: Sequence[Provider], query: Query, *, within: Budget, enough: Enough
    ) -> Heard:
        """Ask one after the other until an answer is enough, at most until the deadline."""
        if not providers:
            return Heard()
        waiting = list(providers)
        started: dict[asyncio.Task[Findings], ProviderId] = {}
        while True:
            if waiting and all(task.done() for task in started):
                self._start(waiting.pop(0), query, within, started)
            timer = asyncio.ensure_future(self._clock.sleep(self._patience(waiting, within)))
            running = [task for task in started if not task.done()]
            try:
                await asyncio.wait([*running, timer], return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                _end(started)
                raise
            finally:
                timer.cancel()
            if any(_said(task, enough) for task in started) or not (
                waiting or any(not task.done() for task in started)
            ):
                break
            if self._clock.monotonic() >= within.deadline:
                break
            if waiting and not any(task.done() for task in running):
                self._start(waiting.pop(0), query, within, started)
        return _heard(started, enough)

    async def together(
        self, providers: Sequence[Provider], query: Query, *, within: Budget
    ) -> Heard:
        """Ask all at the same time and wait for every one, at most until the deadline."""
        started: dict[asyncio.Task[Findings], ProviderId] = {}
        for provider in providers:
            self._start(provider, query, within, started)
        if started:
            timer = asyncio.ensure_future(self._clock.sleep(self._patience([], within)))
            everyone = asyncio.gather(*started, return_exceptions=True)
            try:
                await asyncio.wait(
                    [asyncio.shield(everyone), timer], return_when=asyncio.FIRST_COMPLETED
                )
            except asyncio.CancelledError:
                _end(started)
                raise
            finally:
                timer.cancel()
        return _heard(started)

    def _patience(self, waiting: Sequence[Provider], within: Budget) -> float:
        left = max(0.0, within.deadline - self._clock.monotonic())
        return min(self._hedge_s, left) if waiting and within.interactive else left

    def _start(
        self,
        provider: Provider,
        query: Query,
        within: Budget,
        started: dict[asyncio.Task[Findings], ProviderId],
    ) -> None:
        call = _ask(provider, query, within)
        started[self._calls.start(call, f"ask {provider.name.value}")] = provider.name

    async def close(self) -> None:
        """Cancel calls that still run and wait for their end."""
        await self._calls.close()


async def _ask(provider: Provider, query: Query, within: Budget) -> Findings:
    """Ask one provider; a defect in it is a problem of this provider alone."""
    try:
        return await provider.ask(query, within=within)
    except BooksTrackError:
        raise
    except Exception as defect:
        log.exception("provider_defect", provider=provider.name.value)
        raise ProviderFailed(provider.name, f"{provider.name.value} cannot be used") from defect


def _end(started: Iterable[asyncio.Task[Findings]]) -> None:
    """Call nobody any more: the question itself was taken back."""
    for task in started:
        task.cancel()


def _said(task: asyncio.Task[Findings], enough: Enough) -> bool:
    return task.done() and task.exception() is None and enough(task.result())


def _heard(
    started: dict[asyncio.Task[Findings], ProviderId], enough: Enough = lambda _: False
) -> Heard:
    """Collect what was said; who was asked only in case, and is not needed, is not missing."""
    findings: list[tuple[ProviderId, Findings]] = []
    problems: list[ProviderProblem] = []
    for task, name in started.items():
        if not task.done():
            if not any(enough(found) for _, found in findings):
                problems.append(ProviderTimeout(name, "No answer yet"))
            continue
        problem = task.exception()
        if problem is None:
            findings.append((name, task.result()))
        elif isinstance(problem, ProviderProblem):
            problems.append(problem)
        else:
            raise problem
    return Heard(findings=tuple(findings), problems=tuple(problems), asked=tuple(started.values()))
