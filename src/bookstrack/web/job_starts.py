"""The answer to whoever starts a job, the same for every pipeline (jobs §2.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from litestar import Response

from bookstrack.clock import Clock
from bookstrack.model.job import Job, PipelineName
from bookstrack.settings import Settings
from bookstrack.web.job_paths import status_path, stream_path
from bookstrack.web.job_views import JobStart, Offer, StartTop, start_facts
from bookstrack.web.reply import Reply
from bookstrack.web.socket_phase import SocketPhase

_ROLLOUT = "sseRollout"
_FLAGS = {
    PipelineName.BATCH_ENRICHMENT: "useBatchEnrichmentSSE",
    PipelineName.AI_SCAN: "useBookshelfScanSSE",
}


class Switches(Protocol):
    """Feature flags."""

    async def enabled(self, name: str, user_id: str | None = None) -> bool:
        """Tell whether a feature is on for somebody."""
        ...


class Begun(Protocol):
    """A job that was started, now or by an earlier request like this one."""

    @property
    def job(self) -> Job:
        """Return its row."""
        ...

    @property
    def token(self) -> str:
        """Return its token."""
        ...

    @property
    def replayed(self) -> bool:
        """Tell whether an earlier request had started it."""
        ...


class JobStarts:
    """Answers 202, with all that a client needs in order to follow the job.

    ``connected`` tells how many sockets follow a job here.
    """

    def __init__(
        self, settings: Settings, clock: Clock, flags: Switches, connected: Callable[[str], int]
    ) -> None:
        self._clock = clock
        self._connected = connected
        self._flags = flags
        self._phase = SocketPhase(settings.streams, settings.api)
        self._socket_token = not settings.streams.subprotocol_auth

    async def answer(
        self,
        reply: Reply,
        started: Begun,
        *,
        status: str,
        message: str,
        sse_query: str = "",
        **more: Any,
    ) -> Response[Any]:
        """Return the answer; ``more`` are further fields of ``StartTop``.

        ``sse_query`` is appended to the address of the stream [S20].
        """
        job = started.job
        offer = Offer(
            sse=await self._advertises(job.pipeline, reply.exchange.token_id),
            sse_query=sse_query,
            socket=self._phase.phase != "sunset",
            socket_token=self._socket_token,
        )
        facts = start_facts(
            job,
            started.token,
            now=self._clock.time(),
            status=status,
            message=message,
            offer=offer,
            websocket_ready=self._connected(job.id) > 0,  # nobody is waited for [W12]
            **more,
        )
        top, data = StartTop(**facts), JobStart(**facts, success=True)
        return reply.data(data, top=top, status=202, headers=self._headers(started))

    def _headers(self, started: Begun) -> dict[str, str]:
        job = started.job
        headers = {"location": status_path(job.id, job.pipeline)}
        if started.replayed:
            headers["idempotent-replayed"] = "true"
        if self._phase.phase == "deprecated":
            announced = self._phase.headers(stream_path(job.id, job.pipeline))
            headers |= {name.decode(): value.decode() for name, value in announced}
        return headers

    async def _advertises(self, pipeline: PipelineName, user: str | None) -> bool:
        """Tell whether streams of this pipeline are advertised to this caller yet."""
        own = _FLAGS.get(pipeline)
        if own is not None and not await self._flags.enabled(own, user):
            return False
        return await self._flags.enabled(_ROLLOUT, user)
