"""Jobs on a stage: their events are what a test says, behind a real server on a real port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bookstrack.errors import NotFound, Unauthorized
from bookstrack.jobs.snapshot import Snapshot, fold
from bookstrack.model.event import Event
from bookstrack.model.job import Fault, Job, JobStatus, PipelineName, Summary
from bookstrack.testing.clock import FrozenClock
from bookstrack.testing.serving import Served, serving

BATCH = PipelineName.BATCH_ENRICHMENT
IMPORT = PipelineName.CSV_IMPORT
SCAN = PipelineName.AI_SCAN
ID = "8F14E45F-CEEA-467F-AB8D-1A2B3C4D5E6F"  # as the iOS app makes them
TOKEN = "0f1e2d3c-4b5a-8978-8796-a5b4c3d2e1f0"
HOUR = 3600.0

STARTED = JobStatus.INITIALIZED
WORKING = JobStatus.PROCESSING
COMPLETED = JobStatus.COMPLETED
FAILED = JobStatus.FAILED
CANCELED = JobStatus.CANCELED


class Results(msgspec.Struct, frozen=True):
    """Stored results."""

    body: bytes
    expires_at: float


class Stage:
    """A job board whose jobs do what the test says."""

    def __init__(self, clock: FrozenClock) -> None:
        self.clock = clock
        self.jobs: dict[str, Job] = {}
        self.logs: dict[str, list[Event]] = {}
        self.stored: dict[str, Results] = {}
        self.expired: set[str] = set()
        self.followers = 0
        self._news = asyncio.Condition()

    # --- what a test does --------------------------------------------------------------------

    async def job(self, job_id: str) -> Job:
        try:
            return self.jobs[job_id]
        except KeyError:
            raise NotFound("There is no job of this id") from None

    async def add(
        self,
        pipeline: PipelineName = BATCH,
        *,
        total: int = 10,
        job_id: str = ID,
        **extra: Any,
    ) -> None:
        """Create a job with its first event."""
        now = self.clock.time()
        self.jobs[job_id] = Job(
            id=job_id,
            pipeline=pipeline,
            status=STARTED,
            total=total,
            token_expires_at=now + 2 * HOUR,
            created_at=now,
            updated_at=now,
            last_event=0,
            lease_until=now + 24 * HOUR,
        )
        self.logs[job_id] = []
        await self.emit(STARTED, job_id=job_id, processed=0, progress=0.0, extra=extra)

    async def emit(self, status: JobStatus = WORKING, *, job_id: str = ID, **facts: Any) -> Event:
        """Log an event and tell those who follow."""
        job, log = self.jobs[job_id], self.logs[job_id]
        before = log[-1] if log else None
        processed = facts.pop("processed", before.processed if before else 0)
        event = Event(
            seq=len(log) + 1,
            at=int(self.clock.time() * 1000),
            status=status,
            processed=processed,
            total=job.total,
            progress=facts.pop("progress", min(0.99, processed / max(1, job.total))),
            succeeded=facts.pop("succeeded", processed),
            **facts,
        )
        log.append(event)
        self.jobs[job_id] = msgspec.structs.replace(
            job, status=status, last_event=event.seq, processed=processed
        )
        async with self._news:
            self._news.notify_all()
        return event

    async def complete(self, *, job_id: str = ID, results: Any = None, **facts: Any) -> Event:
        """End a job well."""
        job = self.jobs[job_id]
        if results is not None:
            until = self.clock.time() + 2 * HOUR
            self.stored[job_id] = Results(msgspec.json.encode(results), until)
        return await self.emit(
            COMPLETED,
            job_id=job_id,
            processed=job.total,
            progress=1.0,
            summary=facts.pop("summary", None) or summary(job),
            results_until=self.clock.time() + 2 * HOUR,
            **facts,
        )

    async def fail(self, *, retryable: bool = True, job_id: str = ID, **details: Any) -> Event:
        """End a job badly."""
        fault = Fault(
            code="E_BATCH_PROCESSING_FAILED",
            message="Nothing works",
            retryable=retryable,
            details=details or None,
        )
        return await self.emit(FAILED, job_id=job_id, fault=fault, message="Nothing works")

    # --- what the server asks ----------------------------------------------------------------

    def authorize(self, job: Job, token: str) -> None:
        if token != TOKEN:
            raise Unauthorized("Invalid token", details={"reason": "invalid_token"})
        if job.id in self.expired:
            raise Unauthorized("Token expired", details={"reason": "expired"})

    async def status(self, job_id: str) -> Snapshot:
        return fold(await self.job(job_id), self.logs[job_id])

    async def events(self, job_id: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
        return self.logs[job_id][after : after + limit]

    async def follow(self, job_id: str, *, after: int) -> AsyncIterator[Event]:
        self.followers += 1
        try:
            while True:
                while len(self.logs[job_id]) <= after:
                    async with self._news:
                        await self._news.wait()
                for event in self.logs[job_id][after:]:
                    yield event
                    after = event.seq
                    if event.terminal:
                        return
        finally:
            self.followers -= 1

    async def results(self, job_id: str) -> Results:
        try:
            return self.stored[job_id]
        except KeyError:
            raise NotFound("There are no results") from None


def summary(job: Job, **counts: Any) -> Summary:
    """Return the counts of a job in which everything went well."""
    return Summary(
        total_processed=job.total,
        success_count=job.total,
        failure_count=0,
        duration=1500,
        resource_id=f"job-results:{job.id}",
        **counts,
    )


async def eventually(condition: Callable[[], Any]) -> None:
    """Wait until something is true that happens a little later, on another task's turn."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 there is no event for it
            await asyncio.sleep(0.01)


class Talk:
    """One open socket, and everything that came over it as the bytes it was."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.texts: list[str] = []

    async def next(self) -> dict[str, Any]:
        """Return the next message."""
        async with asyncio.timeout(5):
            text = await self.socket.recv()
        assert isinstance(text, str)
        self.texts.append(text)
        return msgspec.json.decode(text)

    async def until(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the messages up to the first of one of these types."""
        found = [await self.next()]
        while found[-1]["type"] not in kinds:
            found.append(await self.next())
        return found

    async def say(self, kind: str, **more: Any) -> None:
        """Send a message."""
        await self.socket.send(msgspec.json.encode({"type": kind, **more}).decode())

    async def ready(self) -> None:
        """Say that events may come, and take the answer."""
        await self.say("ready")
        assert (await self.next())["type"] == "ready_ack"

    async def closed(self) -> tuple[int | None, str]:
        """Return code and reason of the close; no message may come before it."""
        async with asyncio.timeout(5):
            try:
                text = await self.socket.recv()
            except ConnectionClosed:
                return self.socket.close_code, self.socket.close_reason or ""
        pytest.fail(f"another message: {text!r}")

    async def silent(self) -> None:
        """Check that nothing has come."""
        try:
            async with asyncio.timeout(0.05):
                text = await self.socket.recv()
        except TimeoutError:
            return
        pytest.fail(f"a message: {text!r}")


class Refusal(msgspec.Struct, frozen=True):
    """An HTTP answer instead of a socket."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Theatre:
    """A server whose jobs are on a stage, and ways to reach it."""

    def __init__(self, served: Served, stage: Stage, stack: AsyncExitStack) -> None:
        self.url, self.parts = served.url, served.parts
        self.served = served
        self.stage = stage
        self.clock = stage.clock
        self._stack = stack

    async def talk(
        self,
        *,
        job_id: str | None = ID,
        token: str | None = TOKEN,
        headers: dict[str, str] | None = None,
        protocols: list[str] | None = None,
        path: str = "/ws/progress",
        agent: str = "test",
        **query: str,
    ) -> Talk:
        """Open a socket."""
        known = {"jobId": job_id, "token": token, **query}
        asked = urlencode({name: value for name, value in known.items() if value is not None})
        socket = await self._stack.enter_async_context(
            connect(
                f"{self.url.replace('http', 'ws')}{path}?{asked}",
                additional_headers=headers,
                subprotocols=protocols,  # pyright: ignore[reportArgumentType]
                user_agent_header=agent,
                compression=None,
                ping_interval=None,
                proxy=None,
                close_timeout=1,
                max_size=None,
            )
        )
        return Talk(socket)

    def close(self) -> None:
        """Do what a server does first when it shuts down."""
        self.served.streams.close()

    def open_sockets(self) -> int:
        """Return how many sockets are open."""
        return self.served.streams.total

    async def refused(self, **asked: Any) -> Refusal:
        """Return the answer to an upgrade that must not succeed."""
        with pytest.raises(InvalidStatus) as caught:
            await self.talk(**asked)
        response = caught.value.response
        return Refusal(response.status_code, response.headers, bytes(response.body or b""))


Open = Callable[..., Any]


@pytest.fixture
async def theatre(tmp_path: Any) -> AsyncIterator[Open]:
    """Return ``run(**settings)``, which starts a server with an empty stage."""
    async with AsyncExitStack() as everything:

        async def run(**settings: str) -> Theatre:
            environ = {
                "BOOKSTRACK_DATA_DIR": str(tmp_path / "data"),
                "BOOKSTRACK_ENV": "test",
                "BOOKSTRACK_OFFLINE": "true",
                "BOOKSTRACK_RATE_LIMIT_ENABLED": "false",
                **{f"BOOKSTRACK_{name}": value for name, value in settings.items()},
            }
            clock = FrozenClock()
            stage = Stage(clock)
            served = await everything.enter_async_context(
                serving(environ, clock=clock, board=stage)
            )
            return Theatre(served, stage, everything)

        yield run
