"""What a kind of job has to be: a name, the work, and how finished items become results.

A new pipeline is one class like this and its entry in the table of pipelines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct, field

from bookstrack.model.job import Fault, Item, Job, PipelineName

if TYPE_CHECKING:
    from bookstrack.jobs.context import Context


class Interrupted(BaseException):
    """The process shuts down, or the job is somebody else's now: it goes on elsewhere.

    No ``Exception``, so that nothing which handles the failure of one item takes it for one.
    """


class Outcome(Struct, frozen=True, kw_only=True):
    """What a job has come to. ``results`` is an encoded JSON object, the body of §9.

    ``processed`` counts the items that have ended; it is ``succeeded + failed`` where it is not
    given. ``summary_extra`` has further
    fields of ``Summary`` by their Python names, ``extra`` facts of the last event by their wire
    names; with a ``fault`` the job has failed as a whole.
    """

    results: bytes
    succeeded: int
    failed: int
    processed: int | None = None
    summary_extra: dict[str, Any] = field(default_factory=dict[str, Any])
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    fault: Fault | None = None

    @property
    def handled(self) -> int:
        """Return how many units were dealt with, well or badly."""
        return self.succeeded + self.failed if self.processed is None else self.processed


class Pipeline(Protocol):
    """One kind of job. An instance serves all its jobs, so it keeps nothing about any of them."""

    name: PipelineName

    async def run(self, ctx: Context) -> Outcome:
        """Do the work that is left; called again, for the same job, after a crash or an outage.

        Raises:
            JobFailed: the job as a whole cannot go on. Anything else that is raised is a mistake
                of the pipeline and fails the job, too; JobCanceled and Interrupted pass through.
        """
        ...

    def outcome(self, job: Job, items: Sequence[Item]) -> Outcome:
        """Make results of what is finished so far, without any input or output.

        Called in whichever process cancels the job, whether or not its worker still lives.
        """
        ...
