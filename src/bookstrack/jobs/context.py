"""What a pipeline gets to work with: its items, a place for results, and the signal to stop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec

from bookstrack.clock import Clock
from bookstrack.errors import JobFailed, LeaseLost
from bookstrack.jobs.draft import Change, Draft
from bookstrack.jobs.halt import Halt
from bookstrack.jobs.outage import patiently
from bookstrack.jobs.pipeline import Interrupted
from bookstrack.jobs.recorder import Recorder
from bookstrack.jobs.window import each
from bookstrack.model.job import Blob, CancelMode, Item, ItemResult, ItemState, Job
from bookstrack.storage.blobs import Blobs
from bookstrack.storage.database.job_store import JobStore

T = TypeVar("T")
_INTERNAL = "E_INTERNAL"
_TOGETHER = 500  # results in one transaction


class Context:
    """One run of one job; it knows nothing of who watches.

    Its methods raise Interrupted once the job is not ours any more. ``StorageUnavailable`` need
    not be handled: what waits for the store does so by itself, or the pipeline is run again.
    """

    def __init__(
        self,
        job: Job,
        *,
        store: JobStore,
        owner: str,
        clock: Clock,
        blobs: Blobs,
        draft: Draft,
        recorder: Recorder,
        halt: Halt,
    ) -> None:
        self.job = job
        self.clock = clock
        self._store = store
        self._owner = owner
        self._blobs = blobs
        self._draft = draft
        self._recorder = recorder
        self._halt = halt

    @property
    def cancel(self) -> CancelMode | None:
        """Return how the job was asked to end, None while nobody did."""
        return self._halt.cancel

    @property
    def processed(self) -> int:
        """Return how many items have ended so far, in earlier runs too."""
        return self._draft.processed

    @property
    def progress(self) -> float:
        """Return the progress reached so far, in earlier runs too."""
        return self._draft.progress

    def check(self) -> None:
        """Do nothing while the job may go on; ask before every costly call.

        Raises:
            JobCanceled: somebody wants it to end.
            Interrupted: the process shuts down, or the job is somebody else's.
        """
        self._halt.check()

    async def items(self) -> list[Item]:
        """Return all items as they are stored; work only on PENDING and RUNNING ones [P4]."""
        return await self._store.items(self.job.id)

    async def add_items(self, inputs: Sequence[bytes], *, start: int) -> None:
        """Add items that became known later, numbered from ``start``; twice adds nothing."""
        await self._fenced(
            lambda: self._store.add_items(
                self.job.id, self._owner, now=self.clock.time(), items=inputs, start=start
            )
        )

    async def emit(
        self,
        *,
        progress: float | None = None,
        message: str | None = None,
        current_item: str | None = None,
        stage: str | None = None,
        total: int | None = None,
        extra: dict[str, Any] | None = None,
        important: bool = False,
    ) -> None:
        """Tell how the job stands; None leaves a thing as it was.

        At most one event in 100 ms is logged, and the newest wins; ``important`` ones (a new
        stage, a finished photo) all are, one after the other [J10]. Progress never goes back and
        stays below 1 [J8]. ``extra`` holds facts that later events repeat until they change (None
        takes one away), under their wire names.
        """
        change = Change(
            progress=progress,
            message=message,
            current_item=current_item,
            stage=stage,
            total=total,
            extra=extra or {},
        )
        await self._recorder.update(change, important=important)

    async def done(
        self,
        result: ItemResult,
        *,
        ok: bool,
        progress: float | None = None,
        current_item: str | None = None,
        message: str | None = None,
        extra: dict[str, Any] | None = None,
        important: bool = False,
    ) -> None:
        """Store what became of an item; returns when it is committed.

        An item that is not ``ok`` is stored as ERROR if it claims to be DONE. Progress is the
        share of ended items unless it is given. The event that tells of an ``important`` one is
        logged whatever follows [J10].
        """
        if not ok and result.state is ItemState.DONE:
            result = msgspec.structs.replace(result, state=ItemState.ERROR)
        total = self._draft.total
        share = (self._draft.processed + 1) / total if total else None
        change = Change(
            progress=share if progress is None else progress,
            current_item=current_item,
            message=message,
            extra=extra or {},
        )
        await self._recorder.items([result], change, important=important)

    async def ended(
        self,
        results: Sequence[ItemResult],
        *,
        progress: float | None = None,
        message: str | None = None,
        current_item: str | None = None,
    ) -> None:
        """Store what became of many items at once; returns when all of them are committed."""
        change = Change(progress=progress, message=message, current_item=current_item)
        for start in range(0, len(results), _TOGETHER):
            await self._recorder.items(results[start : start + _TOGETHER], change)

    async def each(
        self,
        items: Sequence[T],
        work: Callable[[T], Awaitable[None]],
        *,
        at_once: int,
        grace_s: float = 0.0,
    ) -> None:
        """Do the work for every item, ``at_once`` of them at the same time, in order.

        A cancel cuts off the items at work, so that no call they would have made is made: at once,
        or after ``grace_s`` seconds (below 1.5) where what is under way costs too much to be lost.

        Raises:
            JobCanceled: somebody wants the job to end.
            Interrupted: the job goes on elsewhere.
            Exception: the first failure of ``work``.
        """
        await each(items, work, at_once=at_once, halt=self._halt, clock=self.clock, grace_s=grace_s)

    async def checkpoint(self, name: str, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """Return what is kept under a name, or make it and keep it before it is used [P6].

        The name holds a hash of what the reply depends on.
        """
        kept = await self._store.checkpoint(self.job.id, name)
        if kept is not None:
            return kept
        self.check()
        made = await make()
        await self._fenced(
            lambda: self._store.put_checkpoint(
                self.job.id, self._owner, name, made, now=self.clock.time()
            )
        )
        return made

    async def blob(self, name: str) -> bytes:
        """Return an input that lies in the object store.

        Raises:
            JobFailed: it is not there.
        """
        for blob in await self._store.blobs(self.job.id):
            if blob.name == name:
                data = await self._blobs.get(blob.path, at_most=blob.size)
                if data is not None:
                    return data
        raise JobFailed(_INTERNAL, f"The input {name} is gone", retryable=False)

    async def add_blobs(self, blobs: Sequence[Blob]) -> None:
        """Note objects before they are stored: they are deleted with the job's inputs [P13]."""
        await self._fenced(
            lambda: self._store.add_blobs(
                self.job.id, self._owner, now=self.clock.time(), blobs=blobs
            )
        )

    async def forget_blobs(self, names: Sequence[str]) -> None:
        """Forget objects that have been deleted: nobody counts or deletes them again."""
        await self._fenced(
            lambda: self._store.forget_blobs(
                self.job.id, self._owner, now=self.clock.time(), names=names
            )
        )

    async def discard_blob(self, name: str) -> None:
        """Delete an input that is not needed any more, also not by a later run."""
        for blob in await self._store.blobs(self.job.id):
            if blob.name == name:
                await self._blobs.delete(blob.path)
                await self.forget_blobs([name])

    async def _fenced(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write, however long the store is away: what is written cost something."""
        try:
            await patiently(self.clock, write, check=self._halt.check_still_ours)
        except LeaseLost as problem:
            self._halt.lose()
            raise Interrupted from problem
