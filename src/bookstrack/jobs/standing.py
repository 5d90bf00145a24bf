"""Reads how a job stands now, from its row and as much of its log as the row lags behind."""

from __future__ import annotations

from bookstrack.jobs.snapshot import Snapshot, fold
from bookstrack.model.event import Event
from bookstrack.model.job import Job
from bookstrack.storage.database.job_store import JobStore

_PAGE = 1000


async def standing(store: JobStore, job: Job) -> Snapshot:
    """Return the job as the newest event leaves it [P3].

    Raises:
        StorageUnavailable: the log cannot be read.
        ValueError: the job has been deleted meanwhile.
    """
    events: list[Event] = []
    after = job.snapshot_event - 1
    while True:
        page = await store.events(job.id, after=after, limit=_PAGE)
        events += page
        if len(page) < _PAGE:
            return fold(job, events)
        after = page[-1].seq
