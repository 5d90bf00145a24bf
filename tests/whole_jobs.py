"""Jobs of all sorts of books: what has to be true of each, and whether two runs came to the same.

What two runs may differ in, all else is compared:

* facts about authors: they are fetched behind the answers, for all jobs together, so whether they
  are there when a book is looked up is a matter of time. An author has either none or all of them,
  and those who have them have the same;
* the moments ``at`` of an event, ``expiresAt`` and ``duration``;
* ``seq`` and ``current_item`` of the last event: how many events there were before, and which book
  came last, depend on the pace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

import aiohttp
import msgspec
from msgspec.structs import replace

from bookstrack.model.event import Event
from bookstrack.model.job import ItemState, Job, JobStatus, PipelineName
from bookstrack.storage.database.job_store import JobStore
from bookstrack.testing.generated import generated_isbn, generated_person, generated_work
from bookstrack.testing.upstream import FakeUpstream
from bookstrack.web.sse import Streamed, event_frame

BOOKS = 100
NUMBERED, TITLED, UNHEARD = 86, 4, 4  # six more are asked for twice
FAILURES = UNHEARD + 1
RESUMED = "Resumed after a server restart"
_MOST_JOBS = 500
_decode = msgspec.json.decode
_FACTS = {"culturalRegion", "nationality", "birthYear", "deathYear", "openLibraryID"}
_BARE = {"gender": "Unknown"}


# --- what is asked --------------------------------------------------------------------------


def name_of(number: int) -> str:
    """Return the id of a job; it needs no token."""
    return f"job-under-fire-{number:04}"


def stream_of(number: int) -> str:
    return f"/api/v2/enrichments/{name_of(number)}/stream"


def teach(upstream: FakeUpstream) -> None:
    """Let the books that ``asked`` knows by title be found by it."""
    upstream.add_books(_MOST_JOBS * TITLED)


def asked(number: int) -> list[dict[str, str]]:
    """Return the books of a job, in an order of its own; no two jobs share any."""
    first = (number + 2) * 1000
    numbered = [{"title": f"Book {i}", "isbn": generated_isbn(first + i)} for i in range(NUMBERED)]
    titled = [_by_title(number * TITLED + i) for i in range(TITLED)]
    unheard = [{"title": f"Qwv Zxk {number} {i}", "author": "Vbn Mlp"} for i in range(UNHEARD)]
    renamed = [{"title": "Another name", "isbn": numbered[i]["isbn"]} for i in (11, 50, 85)]
    books = numbered + titled + unheard + renamed + [numbered[7], titled[1], unheard[2]]
    turn = 7 * number % BOOKS
    return books[turn:] + books[:turn]


def _by_title(index: int) -> dict[str, str]:
    work = generated_work(index)
    return {"title": work.title, "author": generated_person(index % 997).name}


async def post(url: str, number: int) -> None:
    """Start a job over HTTP."""
    body = {"jobId": name_of(number), "books": asked(number)}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/enrichment/batch", json=body) as answer,
    ):
        assert answer.status == 202, await answer.text()


# --- what came of it ------------------------------------------------------------------------


class Found(msgspec.Struct, frozen=True):
    """All that is known of a job: rows, log, and the results as a client gets them."""

    job: Job
    items: list[tuple[int, ItemState, Any, Any]]
    events: list[Event]
    results: dict[str, Any]


async def find(store: JobStore, url: str, number: int) -> Found:
    """Gather what has become of a job."""
    job_id = name_of(number)
    items = [
        (item.index, item.state, _decode(item.input), _decode(item.result))
        for item in await store.items(job_id)
    ]
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/v1/jobs/{job_id}/results") as answer,
    ):
        assert answer.status == 200, await answer.text()
        results = (await answer.json())["data"]
    return Found(await store.get(job_id), items, await store.events(job_id), results)


def assert_whole(number: int, found: Found) -> None:
    """Nothing is missing, nothing is there twice, nothing went backwards."""
    job, books = found.job, asked(number)
    assert (job.status, job.fault, job.last_event) == (JobStatus.COMPLETED, None, len(found.events))
    numbers, states, inputs, results = zip(*found.items, strict=True)
    assert numbers == tuple(range(BOOKS))
    assert Counter(states) == {ItemState.DONE: BOOKS - FAILURES, ItemState.ERROR: FAILURES}
    assert list(inputs) == books
    entries = found.results["enrichedBooks"]
    assert entries == [result["item"] for result in results]
    told = [{key: entry[key] for key in book} for entry, book in zip(entries, books, strict=True)]
    assert told == books
    assert (job.summary.total_processed, job.summary.failure_count) == (BOOKS, FAILURES)
    assert_told(found)


def assert_told(found: Found) -> None:
    """The log has no hole, goes forward only, and says how it ended."""
    events = found.events
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    for values in ("at", "progress", "processed", "succeeded", "failed"):
        series = [getattr(event, values) for event in events]
        assert series == sorted(series), values
    for event in events:
        assert event.processed == event.succeeded + event.failed
        assert event.total == BOOKS
        assert event.terminal or event.progress == min(event.processed / BOOKS, 0.99)
    assert [event.status for event in events[1:-1]] == [JobStatus.PROCESSING] * (len(events) - 2)
    first, last = events[0], events[-1]
    assert (first.status, first.processed) == (JobStatus.INITIALIZED, 0)
    assert (last.status, last.progress) == (JobStatus.COMPLETED, 1.0)
    assert (last.succeeded, last.failed) == (BOOKS - FAILURES, FAILURES)
    assert last.summary == found.job.summary
    resumptions = sum(event.message == RESUMED for event in events)
    assert bool(resumptions) is (found.job.attempts > 0)
    assert resumptions <= found.job.attempts


def frames_of(number: int, events: Iterable[Event]) -> list[bytes]:
    """Return what a listener has to receive."""
    job = Streamed(name_of(number), PipelineName.BATCH_ENRICHMENT)
    return [event_frame(job, event) for event in events]


# --- whether it is the same -----------------------------------------------------------------


def assert_same(found: Found, undisturbed: Found) -> None:
    """Two runs of a job came to the same."""
    facts = _full_authors([found, undisturbed])
    one, other = (_comparable(each, facts) for each in (found, undisturbed))
    for mine, theirs in zip(one["enrichedBooks"], other["enrichedBooks"], strict=True):
        assert mine == theirs, (mine, theirs)
    assert one == other
    ends = [_end(each.events[-1]) for each in (found, undisturbed)]
    assert ends[0] == ends[1], ends


def _comparable(found: Found, full: dict[str, Any]) -> dict[str, Any]:
    results = deepcopy(found.results)
    del results["expiresAt"], results["summary"]["duration"]
    for author in _authors(results):
        facts = full[author["name"]]
        bare = {key: facts[key] for key in facts if key not in _FACTS}
        if author == bare | _BARE:
            author.update(facts)
    return results


def _full_authors(founds: Iterable[Found]) -> dict[str, Any]:
    """Return every author as it stands there with most facts."""
    full: dict[str, Any] = {}
    for found in founds:
        for author in _authors(found.results):
            if len(author) > len(full.get(author["name"], ())):
                full[author["name"]] = dict(author)
    return full


def _authors(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for book in results["enrichedBooks"]:
        yield from book.get("enriched", {}).get("authors", ())


def _end(event: Event) -> Event:
    summary = replace(event.summary, duration=0)
    return replace(event, seq=0, at=0, current_item=None, results_until=None, summary=summary)
