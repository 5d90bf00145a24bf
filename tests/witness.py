"""Looks at the rows of jobs from outside, and has the database note every end of an item."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.engine import Connection

from bookstrack.storage.database.engine import Database, open_database
from bookstrack.storage.database.job_store import JobStore
from bookstrack.telemetry.metrics import Metrics

_NOTES = "CREATE TABLE witnessed (job_id TEXT NOT NULL, idx INTEGER NOT NULL)"
_NOTE = "INSERT INTO witnessed VALUES (NEW.job_id, NEW.idx);"
_EVERY = "CREATE TRIGGER witness AFTER UPDATE ON job_items FOR EACH ROW"
_ENDED = "WHEN (NEW.state NOT IN ('pending', 'running'))"
_TRIGGER = {
    "sqlite": [f"{_EVERY} {_ENDED} BEGIN {_NOTE} END"],
    "postgresql": [
        "CREATE FUNCTION witness() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {_NOTE} RETURN NEW; END $$",
        f"{_EVERY} {_ENDED} EXECUTE FUNCTION witness()",
    ],
}
_STANDING = """
SELECT jobs.id, jobs.finished_at IS NOT NULL, jobs.attempts, jobs.takeovers, executors.pid,
    (SELECT count(*) FROM job_items WHERE job_id = jobs.id AND state NOT IN ('pending', 'running')),
    (SELECT count(*) FROM job_items WHERE job_id = jobs.id)
FROM jobs LEFT JOIN executors ON executors.id = jobs.owner
"""


class Standing(Struct, frozen=True):
    """How a job stands.

    ``attempts`` counts take-overs, ``vain`` those since it last got on; ``pid`` is the process
    that holds it.
    """

    job_id: str
    ended: bool
    attempts: int
    vain: int
    pid: int | None
    items_ended: int
    items: int

    @property
    def in_the_middle(self) -> bool:
        return 0 < self.items_ended < self.items

    def is_beyond(self, before: Standing) -> bool:
        """Tell whether somebody has taken the job up since, or ended it."""
        return self.ended or self.attempts > before.attempts


class Witness:
    """One database of jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.store = JobStore(database)

    async def note_ends(self) -> None:
        """From now on let the database note each time a row is written as that of an ended item."""

        def create(connection: Connection) -> None:
            for statement in (_NOTES, *_TRIGGER[self._database.dialect]):
                connection.execute(text(statement))

        await self._database.run("witness", create, writes=True)

    async def ends(self) -> dict[str, list[int]]:
        """Return by job the numbers of the items that were written as ended, as often as noted."""
        found: dict[str, list[int]] = defaultdict(list)
        async with self._database.connect() as connection:
            rows = await connection.execute(text("SELECT job_id, idx FROM witnessed ORDER BY idx"))
            for job_id, index in rows:
                found[job_id].append(index)
        return found

    async def standing(self) -> dict[str, Standing]:
        """Return how every job stands."""
        async with self._database.connect() as connection:
            rows = await connection.execute(text(_STANDING))
            found = [Standing(row[0], bool(row[1]), *row[2:]) for row in rows]
        return {one.job_id: one for one in found}

    async def told(self) -> dict[str, int]:
        """Return how many ended items the newest events of unfinished jobs tell of."""
        found = {}
        for one in (await self.standing()).values():
            if not one.ended:
                *_, newest = await self.store.events(one.job_id)
                found[one.job_id] = newest.processed
        return found


@asynccontextmanager
async def open_witness(url: str) -> AsyncIterator[Witness]:
    """Look into the database of the processes."""
    async with open_database(url, metrics=Metrics()) as database:
        yield Witness(database)
