"""Why a running job has to stop, and how soon."""

from __future__ import annotations

import asyncio

from bookstrack.errors import JobCanceled
from bookstrack.jobs.pipeline import Interrupted
from bookstrack.model.job import CancelMode

CANCEL_PATIENCE_S = 1.5
"""How long a pipeline has to come to its end after a cancel; whoever asked waits 2 s [C6]."""
SHUTDOWN_PATIENCE_S = 10.0
"""How long a pipeline has to finish its current items when the process ends [P11]."""


class Halt:
    """Asked from outside, looked at from inside; a reason once given stays.

    ``canceled`` and ``asked`` can be waited for.
    """

    def __init__(self) -> None:
        self.cancel: CancelMode | None = None
        self.lost = False
        self.interrupted = False
        self.canceled = asyncio.Event()
        self.asked = asyncio.Event()

    def ask_cancel(self, mode: CancelMode) -> None:
        """Somebody wants the job to end."""
        self.cancel = mode
        self.canceled.set()
        self.asked.set()

    def interrupt(self) -> None:
        """The process ends; the job goes on elsewhere."""
        self.interrupted = True
        self.asked.set()

    def lose(self) -> None:
        """Somebody else has the job, or has ended it: nothing we write counts any more."""
        self.lost = True
        self.canceled.set()
        self.asked.set()

    @property
    def patience_s(self) -> float:
        """Return the seconds within which the job has to stop by itself."""
        if self.lost:
            return 0.0
        return CANCEL_PATIENCE_S if self.cancel else SHUTDOWN_PATIENCE_S

    def check_still_ours(self) -> None:
        """Do nothing while waiting for the store makes sense.

        Raises:
            Interrupted: the job goes on elsewhere.
        """
        if self.lost or self.interrupted:
            raise Interrupted

    def check(self) -> None:
        """Do nothing while the job may go on.

        Raises:
            JobCanceled: it was asked to end.
            Interrupted: it goes on elsewhere.
        """
        if self.lost:
            raise Interrupted
        if self.cancel is not None:
            raise JobCanceled("The job was canceled")
        if self.interrupted:
            raise Interrupted
