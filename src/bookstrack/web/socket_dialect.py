"""A dialect of the sockets: the same facts as messages of one version."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from bookstrack.model.event import Event
from bookstrack.model.job import Job
from bookstrack.web.socket_facts import Results


class Trouble(Struct, frozen=True):
    """What is wrong with a connection: code, text, HTTP status that fits, and whether to retry."""

    code: str
    message: str
    status: int
    retryable: bool


class Dialect(Protocol):
    """Renders messages as texts; times are epoch ms. ``None`` where a version has no word."""

    version: int

    def reads_results(self, job: Job, event: Event) -> bool:
        """Tell whether an event cannot be rendered without the stored results."""
        ...

    def event(self, job: Job, event: Event, results: Results | None) -> tuple[str, ...]:
        """Render a logged event, its companions first."""
        ...

    def ready_ack(self, job: Job, now: int) -> str:
        """Answer the client's ``ready``."""
        ...

    def reconnected(self, job: Job, event: Event, now: int) -> str:
        """Say where the job stands after its newest event."""
        ...

    def keep_alive(self, job: Job, event: Event, now: int) -> str:
        """Repeat the newest event while a worker is alive [W23]."""
        ...

    def error(self, job: Job, trouble: Trouble, now: int) -> str:
        """Say what is wrong with this connection."""
        ...

    def ping(self, job: Job, now: int) -> str | None:
        """Give a sign of life."""
        ...

    def pong(self, job: Job, now: int, latency: int | None) -> str | None:
        """Answer the client's ping."""
        ...
