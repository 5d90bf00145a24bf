"""One batch of records on its way into layer B: what is known, what waits, what has changed."""

from __future__ import annotations

from msgspec import Struct, field
from sqlalchemy.engine import Connection

from bookstrack.storage.database.known import Known
from bookstrack.storage.database.pending import Pending
from bookstrack.storage.database.shelf import Entity


class Changes(Struct):
    """What the Books table has to be told: editions, whole works, and people."""

    editions: set[int] = field(default_factory=set[int])
    works: set[int] = field(default_factory=set[int])
    authors: set[int] = field(default_factory=set[int])


class Batch(Struct, kw_only=True):
    """The state that all steps of one batch share; ``now`` is in epoch seconds."""

    connection: Connection
    known: Known
    now: int
    pending: Pending = field(default_factory=Pending)
    changes: Changes = field(default_factory=Changes)

    def add_id(self, entity: Entity, provider: str, number: str) -> bool:
        """Note that an entity bears an id; tell whether that is news."""
        rows = self.known.shelf.ids[entity]
        if any(r["provider"] == provider and r["external_id"] == number for r in rows):
            return False
        rows.append({"provider": provider, "external_id": number})
        self.pending.ids.setdefault((entity[0], provider, number), entity[1])
        return True
