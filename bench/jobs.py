"""Section ``jobs``: batch enrichments, one and ten at once, and how soon they are seen to run."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec
from msgspec import Struct

from bench.figures import Row, percentile
from bench.processes import Running, fake_upstream, scheduled, server, server_core
from bench.streaming import listen, sse_request
from bookstrack.testing.generated import generated_isbn

DELAY_MS = 150
BOOKS = 100
_AT_ONCE = 10
_IDEAL_S = BOOKS / _AT_ONCE * DELAY_MS / 1000
_QUICK_MS = 20
_RUNS = 5
_STARTS = 20
LIFTED = {
    "BOOKSTRACK_RATE_EXEMPT_CIDRS": "127.0.0.0/8",
    "BOOKSTRACK_MAX_STREAMS_PER_IDENTITY": "100000",
}


class Begun(Struct, frozen=True):
    """A job that was accepted, as its 202 tells; ``at`` is ``time.time`` when that was there."""

    id: str
    token: str
    stream: str
    at: float


def post_job(port: int, numbers: Sequence[int]) -> Begun:
    """Start a job of generated books.

    Raises:
        RuntimeError: it was not accepted.
    """
    body = msgspec.json.encode({"barcodes": [generated_isbn(number) for number in numbers]})
    return post(port, "/api/v2/enrichments", body, "application/json")


def post(port: int, path: str, body: bytes, media_type: str) -> Begun:
    """Start a job by sending a body.

    Raises:
        RuntimeError: it was not accepted.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, body, {"content-type": media_type})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 202:
            raise RuntimeError(f"a job was not accepted: {text.decode()}")
        data = msgspec.json.decode(text)["data"]
        return Begun(data["jobId"], data["authToken"], data["sseUrl"], time.time())
    finally:
        connection.close()


def results(port: int, job: Begun) -> Any:
    """Return the results of an ended job."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", f"/v1/jobs/{job.id}/results")
        return msgspec.json.decode(connection.getresponse().read())["data"]
    finally:
        connection.close()


def fresh_numbers() -> Iterator[list[int]]:
    """Yield the books of one job after the other, none of them twice."""
    for start in itertools.count(1000, BOOKS):
        yield list(range(start, start + BOOKS))


def jobs() -> list[Row]:
    """Run jobs with slow providers, alone and together; then start small ones with quick ones."""
    with (
        tempfile.TemporaryDirectory() as folder,
        fake_upstream(delay_ms=DELAY_MS) as upstream,
        server(Path(folder), environ={**upstream, **LIFTED}, core=server_core()) as ours,
    ):
        numbers = fresh_numbers()
        _watched(ours, [next(numbers)])
        time.sleep(2)  # the facts of its authors
        alone = [_watched(ours, [next(numbers)]) for _ in range(_RUNS)]
        together = _watched(ours, [next(numbers) for _ in range(10)])
    with (
        tempfile.TemporaryDirectory() as folder,
        fake_upstream(delay_ms=_QUICK_MS) as upstream,
        server(Path(folder), environ={**upstream, **LIFTED}, core=server_core()) as ours,
    ):
        starts = [_start(ours, next(numbers)) for _ in range(_STARTS)][1:]
    return [*_alone_rows(alone), *_together_rows(together), *_start_rows(starts)]


class Watched(Struct, frozen=True):
    """Jobs that ran at the same time: seconds from 202 to end each, and times per book in ms."""

    took: list[float]
    busy_ms: float
    waited_ms: float
    found: int


def _watched(ours: Running, batches: Sequence[Sequence[int]]) -> Watched:
    before = scheduled(ours.process.pid)
    begun = [post_job(ours.port, numbers) for numbers in batches]
    ended = asyncio.run(ends(ours.port, begun))
    after = scheduled(ours.process.pid)
    books = sum(map(len, batches))
    busy, waited = ((b - a) * 1000 / books for a, b in zip(before, after, strict=True))
    found = sum(results(ours.port, job)["successCount"] for job in begun)
    if found != books:
        raise RuntimeError(f"{found} of {books} books were found")
    took = [end - job.at for job, end in zip(begun, ended, strict=True)]
    return Watched(took, busy, waited, found)


async def ends(port: int, begun: Sequence[Begun]) -> list[float]:
    """Watch jobs to their ends; return the times of these."""
    listeners = [await listen(port, sse_request(job.stream, last=0)) for job in begun]
    await asyncio.gather(*(listener.over for listener in listeners))
    return [listener.ended_at for listener in listeners]


def _alone_rows(runs: Sequence[Watched]) -> list[Row]:
    times = [run.took[0] for run in runs]
    middle = percentile(times, 0.5)
    return [
        Row(
            what=f"job of {BOOKS} new books, {_AT_ONCE} at once: median",
            ours=f"{middle:.2f} s",
            other=f"ideal {_IDEAL_S:.2f} s",
            figure=f"{middle / _IDEAL_S:.2f}, best {min(times) / _IDEAL_S:.2f}",
            bound="<= 1.25",
            ok=middle / _IDEAL_S <= 1.25,
        ),
        _busy_row("job alone: processor time per book", runs),
    ]


def _busy_row(what: str, runs: Sequence[Watched]) -> Row:
    busy = fmean(run.busy_ms for run in runs)
    waited = fmean(run.waited_ms for run in runs)
    return Row(
        what=what,
        ours=f"{busy:.1f} ms",
        figure=f"waited for the core {waited:.1f} ms",
        bound="<= 7 ms",
        ok=busy <= 7,
    )


def _together_rows(run: Watched) -> list[Row]:
    mean, last = fmean(run.took), max(run.took)
    return [
        Row(
            what="ten such jobs at once: the last against the mean",
            ours=f"{last:.2f} s",
            other=f"mean {mean:.2f} s",
            figure=f"{last / mean:.2f}",
            bound="<= 1.5",
            ok=last / mean <= 1.5,
        ),
        _busy_row("ten jobs: processor time per book", [run]),
    ]


class Start(Struct, frozen=True):
    """Seconds: from 202 to the first finished book, to headers, first event and resumed one."""

    first_item: float
    headers: float
    first_event: float
    resumed: float


def _start(ours: Running, numbers: Sequence[int]) -> Start:
    job = post_job(ours.port, numbers)
    return asyncio.run(_seen(ours.port, job))


async def _seen(port: int, job: Begun) -> Start:
    stream = await listen(port, sse_request(job.stream, last=0))
    await stream.reach(3)  # one is the start, two that work begins
    working = time.time()
    stream.transport.close()
    again = await listen(port, sse_request(job.stream, last=stream.ids[-1]))
    await again.reach(1)
    await again.over
    if again.ids[0] != stream.ids[-1] + 1 or not again.complete:
        raise RuntimeError(f"a resumed stream has {again.ids} after {stream.ids}")
    return Start(
        first_item=working - job.at,
        headers=stream.headers_at - stream.opened,
        first_event=stream.first_at - stream.opened,
        resumed=again.first_at - again.opened,
    )


def _start_rows(starts: Sequence[Start]) -> list[Row]:
    def row(what: str, times: list[float], most_ms: float) -> Row:
        worst = max(times) * 1000
        return Row(
            what=what,
            ours=f"{percentile(times, 0.5) * 1000:.0f} ms",
            figure=f"slowest {worst:.0f} ms",
            bound=f"< {most_ms:.0f} ms",
            ok=worst < most_ms,
        )

    return [
        row("from the 202 to the first finished book", [s.first_item for s in starts], 200),
        row("stream: headers", [s.headers for s in starts], 100),
        row("stream: first event", [s.first_event for s in starts], 500),
        row("stream: first event after reconnecting", [s.resumed for s in starts], 1000),
    ]
