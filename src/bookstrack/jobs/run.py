"""One run of one claimed job, from where it stands to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from msgspec import Struct

from bookstrack.clock import Clock
from bookstrack.errors import JobCanceled, JobFailed, LeaseLost, StorageUnavailable
from bookstrack.jobs import ending
from bookstrack.jobs.context import Context
from bookstrack.jobs.draft import Draft
from bookstrack.jobs.ending import End
from bookstrack.jobs.feeds import Feeds
from bookstrack.jobs.halt import Halt
from bookstrack.jobs.outage import patiently
from bookstrack.jobs.pacing import PersistRule
from bookstrack.jobs.pipeline import Interrupted, Outcome, Pipeline
from bookstrack.jobs.recorder import Recorder
from bookstrack.jobs.standing import standing
from bookstrack.model.event import Event
from bookstrack.model.job import CancelMode, Fault
from bookstrack.settings import JobSettings
from bookstrack.storage.blobs import Blobs
from bookstrack.storage.database.job_rows import Claimed
from bookstrack.storage.database.job_store import JobStore

log = structlog.get_logger(__name__)
T = TypeVar("T")
Verdict = Outcome | Fault | None
"""What a pipeline has come to; None: the job was canceled."""

_STARTED = "Started"
_RESUMED = "Resumed after a server restart"
_AGAIN_AFTER_S = 1.0


class Workshop(Struct, frozen=True, kw_only=True):
    """What every run of this process needs; ``owner`` is the id of its executor."""

    store: JobStore
    owner: str
    feeds: Feeds
    blobs: Blobs
    clock: Clock
    settings: JobSettings


class Run:
    """A claimed job, brought to its end by ``to_its_end``."""

    def __init__(
        self, shop: Workshop, claimed: Claimed, *, pipeline: Pipeline, rule: PersistRule, halt: Halt
    ) -> None:
        self._shop = shop
        self._claimed = claimed
        self._job = claimed.job
        self._pipeline = pipeline
        self._rule = rule
        self._halt = halt

    async def to_its_end(self) -> Event:
        """Do the work that is left, write the end, and return it as an event.

        Raises:
            Interrupted: the job goes on elsewhere; nothing more will be written.
        """
        try:
            draft = await self._patiently(self._draft)
            recorder = self._recorder(draft)
            try:
                verdict = await self._verdict(draft, recorder)
                told = await self._told(recorder, verdict)
            finally:
                await recorder.abandon()
            if not told:  # what the log holds can be written, whatever else cannot
                draft = await self._patiently(self._draft)
                verdict = verdict if isinstance(verdict, Fault) else self._unexpected
            end = await self._patiently(lambda: self._end(draft, verdict))
            await self._finished(end)
        except LeaseLost as problem:
            self._halt.lose()
            raise Interrupted from problem
        return end.event

    async def _told(self, recorder: Recorder, verdict: Verdict) -> bool:
        """Let the recorder write the rest; False where it cannot be written at all."""
        try:
            await recorder.close(at_once=not isinstance(verdict, Outcome))
        except Exception:
            log.exception("job_untold", job_id=self._job.id)
            return False
        return True

    async def _finished(self, end: End) -> None:
        """Commit the end; an end that cannot be written is a failure of ours."""
        try:
            await self._patiently(lambda: self._finish(end))
        except LeaseLost:
            raise
        except Exception:
            log.exception("job_end_unwritten", job_id=self._job.id)
            known = await self._patiently(self._draft)
            now = self._shop.clock.time()
            plain = ending.failed(known.event(at=now), self._unexpected, now=now)
            await self._patiently(lambda: self._finish(plain))

    @property
    def _unexpected(self) -> Fault:
        return ending.unexpected(self._job.pipeline)

    async def _draft(self) -> Draft:
        """Begin where the log ends; what was finished without an event saying so counts, too."""
        known = await standing(self._shop.store, self._job)
        if not self._claimed.resumed:
            return Draft(known)
        return Draft(known, await self._shop.store.items(self._job.id))

    def _recorder(self, draft: Draft) -> Recorder:
        return Recorder(
            self._shop.store,
            self._claimed,
            self._shop.owner,
            draft=draft,
            rule=self._rule,
            clock=self._shop.clock,
            halt=self._halt,
            tell=self._shop.feeds.tell,
        )

    async def _verdict(self, draft: Draft, recorder: Recorder) -> Verdict:
        """Let the pipeline work; None: the job was canceled."""
        shop = self._shop
        if self._claimed.loops(now=shop.clock.time(), most=shop.settings.max_attempts):
            return ending.CRASH_LOOP
        if self._job.cancel_mode is not None:  # before anybody could run it
            self._halt.ask_cancel(self._job.cancel_mode)
            return None
        await recorder.announce(_RESUMED if self._claimed.resumed else _STARTED)
        ctx = Context(
            self._job,
            store=shop.store,
            owner=shop.owner,
            clock=shop.clock,
            blobs=shop.blobs,
            draft=draft,
            recorder=recorder,
            halt=self._halt,
        )
        while True:
            try:
                return await self._work(ctx)
            except JobCanceled:
                return None
            except JobFailed as problem:
                return _fault(problem)
            except LeaseLost:
                raise
            except StorageUnavailable as problem:
                log.warning("job_paused", job_id=self._job.id, problem=problem.message)
                self._halt.check_still_ours()
                await shop.clock.sleep(_AGAIN_AFTER_S)
            except Exception:
                log.exception("job_broke", job_id=self._job.id, pipeline=self._job.pipeline.value)
                return self._unexpected

    async def _work(self, ctx: Context) -> Outcome:
        """Run the pipeline once; cut it off when it does not stop by itself after a signal."""
        task = asyncio.create_task(self._pipeline.run(ctx), name=f"job {self._job.id}")
        patience = asyncio.create_task(self._cut_off(task))
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            patience.cancel()
            await asyncio.wait({task, patience})
        if task.cancelled():
            self._halt.check()
            raise RuntimeError("a pipeline canceled itself")
        return task.result()

    async def _cut_off(self, task: asyncio.Task[Outcome]) -> None:
        await self._halt.asked.wait()
        await self._shop.clock.sleep(self._halt.patience_s)
        task.cancel()

    async def _end(self, draft: Draft, verdict: Verdict) -> End:
        """Say how the job ends: a cancel outweighs whatever else there is to say."""
        shop, mode = self._shop, self._halt.cancel
        now = shop.clock.time()
        last = draft.event(at=now)
        if mode is not None:
            outcome = self._pipeline.outcome(self._job, await shop.store.items(self._job.id))
            keep = mode is CancelMode.SOFT
            ttl_s = shop.settings.results_ttl_s
            return ending.canceled(self._job, last, outcome, keep=keep, now=now, ttl_s=ttl_s)
        if isinstance(verdict, Outcome):
            ttl_s = shop.settings.results_ttl_s
            return ending.completed(self._job, last, verdict, now=now, ttl_s=ttl_s)
        return ending.failed(last, verdict or self._unexpected, now=now)

    async def _finish(self, end: End) -> None:
        """Commit the end, then tell of it; nothing when somebody was faster."""
        shop = self._shop
        event = await shop.store.finish(
            self._job.id,
            owner=shop.owner,
            now=shop.clock.time(),
            event=end.event,
            results=end.results,
            results_expires_at=end.results_expires_at,
        )
        if event is not None:
            await shop.feeds.tell(self._job.id, event)

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        return await patiently(self._shop.clock, attempt, check=self._halt.check_still_ours)


def _fault(problem: JobFailed) -> Fault:
    return Fault(
        code=problem.job_code,
        message=problem.message,
        retryable=problem.retryable,
        details=problem.details or None,
    )
