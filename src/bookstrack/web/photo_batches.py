"""Photo batches that tests of client makers move by hand: state in the shared cache."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field

from bookstrack.assembly import Assembly
from bookstrack.errors import NotFound
from bookstrack.model.naming import camel_name
from bookstrack.web.envelope import encode

COMPLETE = "complete"
CANCELING = "canceling"
_OVER = frozenset({COMPLETE, "completed", "failed", "canceled"})
_TTL_S = 86_400


class Photo(Struct, kw_only=True, omit_defaults=True, rename=camel_name):
    """One photo: queued, processing, complete or error."""

    index: int
    status: str
    books_found: int = field(default_factory=int)
    error: str | None = None


class FinalResults(Struct, kw_only=True, rename=camel_name):
    """What a batch ended with."""

    total_books: int
    photo_results: list[dict[str, Any]]
    books: list[dict[str, Any]]


class Batch(Struct, kw_only=True, omit_defaults=True, rename=camel_name):
    """The state of a batch; ``type`` is always ``batch``."""

    job_id: str
    type: str
    total_photos: int
    photos: list[Photo] = field(default_factory=list[Photo])
    overall_status: str
    current_photo: int = field(default_factory=int)
    total_books_found: int = field(default_factory=int)
    cancel_requested: bool = field(default_factory=bool)
    final_results: FinalResults | None = None

    @property
    def over(self) -> bool:
        """Tell whether nothing may change any more."""
        return self.overall_status in _OVER


class Batches:
    """Batches by id, in the cache that all processes share."""

    def __init__(self, parts: Assembly) -> None:
        self._kv = parts.storage.kv

    async def find(self, job_id: str) -> Batch | None:
        """Return a batch."""
        found = await self._kv.get(_key(job_id))
        return None if found is None else msgspec.json.decode(found, type=Batch)

    async def known(self, job_id: str) -> Batch:
        """Return a batch.

        Raises:
            NotFound: there is none of this id.
        """
        batch = await self.find(job_id)
        if batch is None:
            raise NotFound("There is no batch of this id", details={"jobId": job_id[:100]})
        return batch

    async def keep(self, batch: Batch) -> None:
        """Remember a batch for a day."""
        await self._kv.set(_key(batch.job_id), encode(batch), ttl_s=_TTL_S)


def _key(job_id: str) -> str:
    return f"test:batch:{job_id}"
