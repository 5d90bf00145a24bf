"""What a process owes all jobs by the clock: a sign of life, take-overs, watchdogs, the broom.

Any number of processes do this at the same time; none of it rests on another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

import structlog

from bookstrack.background import Background
from bookstrack.clock import Clock
from bookstrack.errors import StorageProblem
from bookstrack.jobs import ending
from bookstrack.jobs.feeds import Feeds
from bookstrack.jobs.standing import standing
from bookstrack.jobs.tally import Tally
from bookstrack.model.job import PipelineName
from bookstrack.settings import JobSettings
from bookstrack.storage.blobs import Blobs
from bookstrack.storage.database.executors import Executor
from bookstrack.storage.database.job_store import JobStore

log = structlog.get_logger(__name__)

BEAT_S = 10.0
LOOK_S = 2.0
STALLS_S = 60.0
SWEEP_S = 600.0
_AT_ONCE = 100
_ENOUGH = 5  # objects in a row that cannot be deleted: the store is away rather than they are odd


class Ensurer(Protocol):
    """What runs jobs that somebody else has left."""

    async def ensure(self, job_id: str, pipeline: PipelineName) -> None:
        """See to it that the job is run, unless it is already being seen to."""
        ...


class Keeper:
    """Loops on the injected clock. ``running`` gives the ids of the jobs run here.

    A process that runs no jobs (``works`` is False) leaves orphans to those that do.
    """

    def __init__(
        self,
        store: JobStore,
        engine: Ensurer,
        *,
        executor: Executor,
        running: Callable[[], Collection[str]],
        feeds: Feeds,
        blobs: Blobs,
        clock: Clock,
        settings: JobSettings,
        tally: Tally,
        works: bool = True,
    ) -> None:
        self._tally = tally
        self._store = store
        self._engine = engine
        self._executor = executor
        self._running = running
        self._feeds = feeds
        self._blobs = blobs
        self._clock = clock
        self._settings = settings
        self._works = works
        self._known = False
        self._due_after = ""  # the path behind which the next sweep goes on
        self._loops = Background()

    async def open(self) -> None:
        """Say who we are, then begin; orphans are looked for at once [P9].

        A database that is away is tried again with every beat.
        """
        await self._safely("register", self._register)
        duties: list[tuple[str, float, Callable[[], Awaitable[None]]]] = [
            ("beat", BEAT_S, self.beat),
            ("stalls", STALLS_S, self.end_stalled),
            ("sweep", SWEEP_S, self.sweep),
        ]
        if self._works:
            duties.append(("orphans", LOOK_S, self.adopt))
        for name, seconds, duty in duties:
            self._loops.start(self._every(seconds, name, duty), f"jobs-{name}")

    async def close(self) -> None:
        """End the loops and take our leave: what we held is free at once [P11]."""
        await self._loops.close()
        if self._known:
            await self._safely("retire", lambda: self._store.retire(self._executor.id))

    async def beat(self) -> None:
        """Say that we live, and go on holding what runs here.

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        await self._register()
        await self._store.renew(
            self._executor.id,
            now=self._clock.time(),
            lease_s=self._settings.lease_s,
            running=self._running(),
        )
        self._tally.waiting(await self._store.waiting())

    async def adopt(self) -> None:
        """Have jobs run that nobody alive runs.

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        orphans = await self._store.orphans(now=self._clock.time(), lease_s=self._settings.lease_s)
        for orphan in orphans:
            if orphan.job_id not in self._running():
                await self._engine.ensure(orphan.job_id, orphan.pipeline)

    async def end_stalled(self) -> None:
        """Fail jobs that nothing was heard of for long and nobody will bring back [P12].

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        after_s = self._settings.stall_s
        for job_id in await self._store.stalled(now=self._clock.time(), after_s=after_s):
            try:
                await self._fail_stalled(job_id)
            except StorageProblem as problem:
                log.warning("job_stalled_on", job_id=job_id, problem=problem.message)
            except Exception:  # no job may keep the others from their end
                log.exception("job_stalled_on", job_id=job_id)

    async def sweep(self) -> None:
        """Delete what is over: objects, then the jobs they belong to [P13].

        An object that cannot be deleted stays, and its job with it, until a later sweep.

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        now, kept_s = self._clock.time(), self._settings.retention_s
        while await self._delete_due(now, kept_s):
            pass
        await self._store.sweep(now=now, retention_s=kept_s, limit=_AT_ONCE)

    async def _delete_due(self, now: float, kept_s: float) -> bool:
        """Delete the next objects of ended jobs; tell whether there is more to do now."""
        paths = await self._store.blobs_due(
            now=now, retention_s=kept_s, after=self._due_after, limit=_AT_ONCE
        )
        gone: list[str] = []
        failures = 0
        for path in paths:
            self._due_after = path
            if await self._delete(path):
                gone.append(path)
                failures = 0
            elif (failures := failures + 1) == _ENOUGH:
                break
        await self._store.forget_due(now=now, retention_s=kept_s, paths=gone)
        if failures < _ENOUGH and len(paths) < _AT_ONCE:
            self._due_after = ""
            return False
        return failures < _ENOUGH

    async def _delete(self, path: str) -> bool:
        try:
            await self._blobs.delete(path)
        except StorageProblem as problem:
            log.warning("job_object_left", path=path, problem=problem.message)
            return False
        return True

    async def _fail_stalled(self, job_id: str) -> None:
        """Fail a job, unless it has ended, gone or come to life meanwhile."""
        job = await self._store.get(job_id)
        if job is None:
            return
        now = self._clock.time()
        known = await standing(self._store, job)
        end = ending.failed(known.event, ending.STALLED, now=now)
        silent_since = now - self._settings.stall_s
        event = await self._store.finish(
            job_id, owner=None, now=now, event=end.event, silent_since=silent_since
        )
        if event is not None:
            log.error("job_stalled", job_id=job_id, pipeline=job.pipeline.value)
            await self._feeds.tell(job_id, event)

    async def _register(self) -> None:
        if not self._known:
            await self._store.register(self._executor)
            self._known = True

    async def _every(self, seconds: float, name: str, duty: Callable[[], Awaitable[None]]) -> None:
        if name == "orphans":
            await self._safely(name, duty)
        while True:
            await self._clock.sleep(seconds)
            await self._safely(name, duty)

    async def _safely(self, name: str, duty: Callable[[], Awaitable[None]]) -> None:
        """Do one duty; whatever goes wrong is logged and tried again next time."""
        try:
            await duty()
        except StorageProblem as problem:
            log.warning("jobs_duty_failed", duty=name, problem=problem.message)
        except Exception:
            log.exception("jobs_duty_broke", duty=name)
