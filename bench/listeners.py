"""Section ``listeners``: crowds that watch jobs, by server-sent events and by WebSockets."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from bench.figures import Row, percentile
from bench.jobs import LIFTED, Begun, post_job
from bench.processes import Running, fake_upstream, resident_mb, server, server_core
from bench.streaming import (
    Listener,
    SocketListener,
    listen,
    socket_request,
    sse_request,
    stalled,
)

JOBS = 100
_BOOKS = 20
_DEAF = 10
_TOGETHER = 50  # connections opened at the same time
_SETTLE_S = 2.0
_SLOW_MS, _SPREAD_MS = 500, 1500
_MANY = {
    "BOOKSTRACK_JOB_WORKERS": str(JOBS),
    "BOOKSTRACK_CONCURRENCY_LIMIT": "1",
    "BOOKSTRACK_WS_MAX_CONNECTIONS_PER_JOB": "6",  # five of the crowd, one that never reads
    "BOOKSTRACK_PROVIDER_TIMEOUT_MS": "20000",
}
Request = Callable[[Begun], bytes]


def listeners() -> list[Row]:
    """Let crowds watch a hundred jobs at work, then one job, then one that does not begin."""
    events = _at_work(1000, Listener, lambda job: sse_request(job.stream, last=0))
    sockets = _at_work(500, SocketListener, _socket)
    return [
        *_rows("1000 listeners, 10 on each of 100 jobs", events),
        *_rows("500 WebSockets, 5 on each of 100 jobs", sockets),
        *_one_job(1000),
        _memory(1000),
    ]


class Heard(Struct, frozen=True):
    """What a crowd heard: seconds from event to receipt, and how many heard everything."""

    delays: list[float]
    complete: int
    crowd: int
    seconds: float


def _socket(job: Begun) -> bytes:
    return socket_request(f"/ws/progress?jobId={job.id}&token={job.token}")


def _at_work(crowd: int, kind: type[Listener], request: Request) -> Heard:
    """Watch jobs of twenty books each, about a book a second; some listeners never read."""
    with (
        tempfile.TemporaryDirectory() as folder,
        fake_upstream(delay_ms=_SLOW_MS, spread_ms=_SPREAD_MS) as upstream,
        _server(Path(folder), {**upstream, **_MANY}) as ours,
    ):
        begun = [
            post_job(ours.port, range(start, start + _BOOKS))
            for start in range(1000, 1000 + JOBS * _BOOKS, _BOOKS)
        ]
        deaf = [stalled(ours.port, request(job)) for job in begun[:_DEAF]]
        try:
            return asyncio.run(_watch(ours.port, begun, crowd, kind, request))
        finally:
            for one in deaf:
                one.close()


def _server(folder: Path, environ: Mapping[str, str]) -> Any:
    return server(folder, environ={**environ, **LIFTED}, core=server_core())


async def _watch(
    port: int, begun: Sequence[Begun], crowd: int, kind: type[Listener], request: Request
) -> Heard:
    """Open the crowd's connections; what is told from a second later on counts."""
    whom = [begun[number % len(begun)] for number in range(crowd)]
    opened: list[Listener] = []
    for start in range(0, crowd, _TOGETHER):
        some = whom[start : start + _TOGETHER]
        opened += await asyncio.gather(*(listen(port, request(job), kind) for job in some))
    opened_at = time.time()
    for listener in opened:
        listener.live_from = opened_at + 1
        listener.delays.clear()
    await asyncio.gather(*(listener.over for listener in opened), return_exceptions=True)
    return Heard(
        delays=[delay for listener in opened for delay in listener.delays],
        complete=sum(listener.complete for listener in opened),
        crowd=crowd,
        seconds=max(listener.ended_at for listener in opened) - opened_at,
    )


def _rows(what: str, heard: Heard) -> list[Row]:
    p99 = percentile(heard.delays, 0.99) * 1000
    return [
        Row(
            what=f"{what}: p99 from event to receipt",
            ours=f"{p99:.0f} ms",
            other=f"median {percentile(heard.delays, 0.5) * 1000:.0f} ms",
            figure=f"{len(heard.delays) / heard.seconds:.0f} events a second",
            bound="< 50 ms",
            ok=p99 < 50,
        ),
        Row(
            what=f"{what}: heard everything",
            ours=f"{heard.complete} of {heard.crowd}",
            bound="all",
            ok=heard.complete == heard.crowd,
        ),
    ]


def _one_job(crowd: int) -> list[Row]:
    """Watch one job of a hundred books with everybody."""
    with (
        tempfile.TemporaryDirectory() as folder,
        fake_upstream(delay_ms=_SLOW_MS, spread_ms=_SPREAD_MS) as upstream,
        _server(Path(folder), {**upstream, **_MANY}) as ours,
    ):
        begun = [post_job(ours.port, range(1000, 1000 + _BOOKS))]
        heard = asyncio.run(
            _watch(ours.port, begun, crowd, Listener, lambda job: sse_request(job.stream, last=0))
        )
    what = f"{crowd} listeners on one job"
    return [
        Row(
            what=f"{what}: p99 from event to receipt",
            ours=f"{percentile(heard.delays, 0.99) * 1000:.0f} ms",
            other=f"median {percentile(heard.delays, 0.5) * 1000:.0f} ms",
        ),
        Row(
            what=f"{what}: heard everything",
            ours=f"{heard.complete} of {heard.crowd}",
            bound="all",
            ok=heard.complete == heard.crowd,
        ),
    ]


def _memory(crowd: int) -> Row:
    """Listen to a job that nobody runs; what grows is the listeners'."""
    with (
        tempfile.TemporaryDirectory() as folder,
        fake_upstream() as upstream,
        _server(Path(folder), {**upstream, "BOOKSTRACK_JOB_WORKERS": "0"}) as ours,
    ):
        job = post_job(ours.port, range(1000, 1000 + _BOOKS))
        each_kb = asyncio.run(_grown(ours, sse_request(job.stream, last=0), crowd))
    return Row(
        what=f"memory per listener, {crowd} of them",
        ours=f"{each_kb:.0f} KB",
        bound="< 50 KB",
        ok=each_kb < 50,
    )


async def _grown(ours: Running, request: bytes, crowd: int) -> float:
    first = await listen(ours.port, request)
    await asyncio.sleep(_SETTLE_S)
    before = resident_mb(ours.process.pid)
    opened = [first]
    for _ in range(0, crowd, _TOGETHER):
        some = (listen(ours.port, request) for _ in range(_TOGETHER))
        opened += await asyncio.gather(*some)
    await asyncio.gather(*(listener.reach(1) for listener in opened))
    await asyncio.sleep(_SETTLE_S)
    grown = (resident_mb(ours.process.pid) - before) * 1000 / crowd
    for listener in opened:
        listener.transport.close()
    return grown
