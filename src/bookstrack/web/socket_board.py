"""What the sockets want of the jobs: nothing else is used."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from bookstrack.model.event import Event
from bookstrack.model.job import Job


class Standing(Protocol):
    """Where a job stands: its row and its newest event."""

    @property
    def job(self) -> Job:
        """Return the row, folded up to the newest event."""
        ...

    @property
    def event(self) -> Event:
        """Return the newest event."""
        ...


class Stored(Protocol):
    """Stored results: an encoded JSON object, readable until an epoch second."""

    @property
    def body(self) -> bytes:
        """Return the encoded object."""
        ...


class Board(Protocol):
    """The jobs as transports see them."""

    async def job(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            NotFound: there is none.
        """
        ...

    def authorize(self, job: Job, token: str) -> None:
        """Check a job token.

        Raises:
            Unauthorized: it is wrong, or expired (``details["reason"]``).
        """
        ...

    async def status(self, job_id: str) -> Standing:
        """Return where a job stands now.

        Raises:
            NotFound: there is no such job.
        """
        ...

    def follow(self, job_id: str, *, after: int) -> AsyncIterator[Event]:
        """Yield the events after a number, then live ones, up to the terminal event."""
        ...

    async def results(self, job_id: str) -> Stored:
        """Return stored results.

        Raises:
            NotFound: there are none (any more).
        """
        ...
