"""What provider tests share: checks of mapped records, compact goldens, real channels."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack
from hashlib import sha256
from random import Random
from typing import Any

import msgspec
import pytest
from aiohttp import web

from bookstrack.model.book import Edition, Work
from bookstrack.model.isbn import Isbn
from bookstrack.model.record import BookRecord
from bookstrack.providers.base import Budget
from bookstrack.testing.ledger import MemoryLedger
from bookstrack.testing.upstream import FakeUpstream
from bookstrack.upstream.client import Channel, ChannelOptions, open_upstream
from bookstrack.upstream.pacing import MemorySlots

LISTS = {
    Work: {
        "subjectTags", "goodreadsWorkIDs", "amazonASINs", "librarythingIDs", "googleBooksVolumeIDs",
    },
    Edition: {"isbns", "amazonASINs", "googleBooksVolumeIDs", "librarythingIDs"},
}  # fmt: skip
DATE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")


def check_record(record: BookRecord) -> None:
    """Assert the invariants of data-model §7 that one record can break."""
    encoded = msgspec.json.encode(record)
    assert msgspec.json.decode(encoded, type=BookRecord) == record
    assert b"http://" not in re.sub(rb'"(edition)?[dD]escription":"(\\.|[^"\\])*"', b"", encoded)
    assert 0 <= record.confidence <= 1
    assert record.authors
    assert all(author.name.strip() for author in record.authors)
    work = record.work
    assert work.title.strip() == work.title != ""
    assert list(work.subject_tags) == sorted(set(work.subject_tags))
    assert len(work.subject_tags) <= 25
    assert work.contributors == (work.primary_provider,)
    assert 0 <= work.isbndb_quality <= 100
    assert re.fullmatch(r"OL\d+W", work.open_library_work_id or "OL1W")
    assert work.goodreads_id == next(iter(work.goodreads_work_ids), None)
    for edition in record.editions:
        check_edition(edition)
    for part in (work, *record.editions):
        wire = msgspec.to_builtins(part)
        assert LISTS[type(part)] <= wire.keys()
        assert "authors" not in wire
        assert not [key for key in wire if key.startswith("_")]
        assert None not in wire.values()


def check_edition(edition: Edition) -> None:
    parsed = [Isbn.parse(number) for number in edition.isbns]
    assert all(isbn.is_valid and isbn.number in edition.isbns for isbn in parsed)
    assert len(set(edition.isbns)) == len(edition.isbns)
    assert list(edition.isbns) == sorted(edition.isbns, key=len, reverse=True)
    assert edition.isbn == next(iter(edition.isbns), None)
    assert DATE.fullmatch(edition.publication_date or "2000")
    assert edition.page_count is None or 1 <= edition.page_count <= 50_000
    assert edition.format in {"Hardcover", "Paperback", "E-book", "Audiobook", "Mass Market"}
    assert (edition.cover_image_url or "https://").startswith("https://")
    assert edition.language is None or edition.language == edition.language.lower()


@pytest.fixture(scope="session")
def check() -> Callable[[Iterable[BookRecord | None]], None]:
    """``check(records)`` asserts that all are there and schema-valid."""

    def each(records: Iterable[BookRecord | None]) -> None:
        for record in records:
            assert record is not None
            check_record(record)

    return each


def compacted(value: Any, name: str = "") -> Any:
    """Replace prose by length and digest: goldens hold facts, not other people's texts."""
    if isinstance(value, dict):
        return {key: compacted(member, key) for key, member in sorted(value.items())}
    if isinstance(value, list | tuple):
        return [compacted(member) for member in value]
    if isinstance(value, str) and (len(value) > 200 or "description" in name.lower()):
        return f"{len(value)} characters, sha256 {sha256(value.encode()).hexdigest()[:12]}"
    return value


@pytest.fixture
def golden_records(golden: Callable[[str, bytes | str], None]) -> Callable[..., None]:
    """``golden_records(name, records)`` compares with tests/golden/providers/NAME.json."""

    def compare(name: str, records: Iterable[BookRecord]) -> None:
        plain = [msgspec.to_builtins(record) | {"weak": sorted(record.weak)} for record in records]
        text = json.dumps(compacted(plain), ensure_ascii=False, indent=1)
        golden(f"providers/{name}.json", text + "\n")

    return compare


@pytest.fixture
def within(clock) -> Budget:
    return Budget(deadline=clock.monotonic() + 12)


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as fake:
        yield fake


@pytest.fixture
async def open_channel(clock, metrics) -> AsyncIterator[Callable[[ChannelOptions], Any]]:
    """``await open_channel(options)`` opens a real channel; all are closed at the end."""
    async with AsyncExitStack() as stack:

        async def make(options: ChannelOptions) -> Channel:
            opened = open_upstream(
                clock=clock,
                rng=Random(1),
                user_agent="BooksTrack/test",
                metrics=metrics,
                ledger=MemoryLedger(),
                slots=MemorySlots(clock),
            )
            return (await stack.enter_async_context(opened)).channel(options)

        yield make


@pytest.fixture
def nap(clock) -> Callable[[float], Any]:
    """``await nap(seconds)`` lets a call reach its pause on the frozen clock and end it."""

    async def pass_over(seconds: float) -> None:
        while not clock.sleepers:  # noqa: ASYNC110 the call waits for a real socket until then
            await asyncio.sleep(0.001)
        await clock.advance(seconds)

    return pass_over


class Recorded:
    """A server that answers given bodies by path and remembers path and query of each request."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, dict(request.query)))
        answer = self.answers.get(request.path)
        if isinstance(answer, list):
            answer = answer.pop(0) if answer else None
        if callable(answer):
            answer = answer(dict(request.query))
        match answer:
            case None:
                return web.Response(status=404, text="<html>404</html>", content_type="text/html")
            case web.Response():
                return answer
            case bytes():
                return web.Response(body=answer, content_type="application/json")
            case _:
                return web.json_response(answer)


@pytest.fixture
async def recorded() -> AsyncIterator[Recorded]:
    """``recorded.answers[path]``: a body, a list of bodies in turn, or a function of the query."""
    server = Recorded()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", server.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}"
    yield server
    await runner.cleanup()
