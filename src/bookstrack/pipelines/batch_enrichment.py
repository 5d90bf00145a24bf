"""The pipeline ``batch_enrichment``: many partial books, each looked up, in request order.

Items are JSON objects ``{title?, author?, isbn?}`` or ``{barcode}`` (jobs-and-progress §2.1, §9.1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from bookstrack.enrichment.books import Enriched, EnrichmentStatus, PartialBook
from bookstrack.enrichment.enricher import Enricher, Lookups
from bookstrack.enrichment.turns import known_first
from bookstrack.jobs.context import Context
from bookstrack.jobs.pipeline import Outcome
from bookstrack.model.job import Item, ItemResult, ItemState, Job, PipelineName
from bookstrack.model.naming import camel_name

_LEFT = frozenset({ItemState.PENDING, ItemState.RUNNING})
_encode = msgspec.json.Encoder().encode


class EnrichedParts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found of one book: encoded work, edition and authors of the contract."""

    work: Raw
    edition: Raw | UnsetType = UNSET
    authors: list[Raw]


class EnrichedItem(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """One book of the results (http-api §6.4): as it was sent in, and what was found."""

    title: str
    author: str | None = None
    isbn: str | None = None
    success: bool
    error: str | None = None
    enrichment_status: EnrichmentStatus
    enriched: EnrichedParts | None = None


class Kept(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is stored of a finished item: its entry in the results, and the flat book."""

    item: Raw
    ok: bool
    book: Raw | UnsetType = UNSET  # not None: with it a decoder would not take a Raw


class BatchResults(Struct, frozen=True, kw_only=True, rename=camel_name):
    """The results of a job, without status, summary and time of expiry."""

    job_id: str
    pipeline: PipelineName
    total_processed: int
    success_count: int
    failure_count: int
    enriched_books: list[Raw]
    books: list[Raw]


class _Input(Struct, frozen=True):
    title: str = ""
    author: str | None = None
    isbn: str | None = None
    barcode: str | None = None

    def partial(self) -> PartialBook:
        return PartialBook(
            title=self.title, author=self.author or "", isbn=self.isbn or self.barcode or ""
        )


class _Found(Struct):
    """The parts of an encoded ``SearchData`` that results repeat, as they stand there."""

    works: list[Raw]
    editions: list[Raw]
    authors: list[Raw]
    books: list[Raw]


class _Group(Struct, frozen=True):
    """Items that ask for the same book."""

    book: PartialBook
    items: list[tuple[Item, _Input]]


_INPUT = msgspec.json.Decoder(_Input)
_FOUND = msgspec.json.Decoder(_Found)
_KEPT = msgspec.json.Decoder(Kept)


class BatchEnrichment:
    """Looks up every book of a job once, ``at_once`` at a time, what is known first."""

    name: PipelineName = PipelineName.BATCH_ENRICHMENT

    def __init__(self, enricher: Enricher, *, at_once: int) -> None:
        self._enricher = enricher
        self._at_once = at_once

    async def run(self, ctx: Context) -> Outcome:
        """Look up the books that are left."""
        items = await ctx.items()
        groups = _groups([item for item in items if item.state in _LEFT])
        lookups = self._enricher.lookups()
        try:
            await self._look_up(ctx, groups, lookups)
        except BaseException:
            lookups.drop()
            raise
        lookups.finish()
        return self.outcome(ctx.job, await ctx.items())

    async def _look_up(self, ctx: Context, groups: list[_Group], lookups: Lookups) -> None:
        order, at_hand = await known_first(lookups, groups, lambda group: group.book)

        async def work(group: _Group) -> None:
            enriched = at_hand.pop(id(group), None) or await lookups.enrich(group.book)
            told = (_told(ctx, group, item, asked, enriched) for item, asked in group.items)
            await asyncio.gather(*told)

        await ctx.each(order, work, at_once=self._at_once)

    def outcome(self, job: Job, items: Sequence[Item]) -> Outcome:
        """Return the results of the books that are finished, in request order."""
        done = [
            _KEPT.decode(item.result)
            for item in sorted(items, key=lambda item: item.index)
            if item.result is not None
        ]
        succeeded = sum(kept.ok for kept in done)
        results = BatchResults(
            job_id=job.id,
            pipeline=self.name,
            total_processed=len(done),
            success_count=succeeded,
            failure_count=len(done) - succeeded,
            enriched_books=[kept.item for kept in done],
            books=[kept.book for kept in done if kept.book is not UNSET],
        )
        return Outcome(results=_encode(results), succeeded=succeeded, failed=len(done) - succeeded)


def _groups(items: Sequence[Item]) -> list[_Group]:
    groups: dict[tuple[str, str, str], _Group] = {}
    for item in items:
        asked = _INPUT.decode(item.input)
        book = asked.partial()
        groups.setdefault(book.identity, _Group(book, [])).items.append((item, asked))
    return list(groups.values())


async def _told(ctx: Context, group: _Group, item: Item, asked: _Input, enriched: Enriched) -> None:
    await ctx.done(
        _result(item, asked, enriched),
        ok=enriched.succeeded,
        current_item=group.book.title or group.book.isbn,
        message="Looking up books",
    )


def _result(item: Item, asked: _Input, enriched: Enriched) -> ItemResult:
    found = None if enriched.found is None else _FOUND.decode(enriched.found)
    entry = EnrichedItem(
        title=asked.title,
        author=asked.author,
        isbn=asked.isbn or asked.barcode,
        success=enriched.succeeded,
        error=enriched.error,
        enrichment_status=enriched.status,
        enriched=None if found is None else _parts(found),
    )
    book = found.books[0] if found is not None and found.books else UNSET
    kept = Kept(item=Raw(_encode(entry)), ok=enriched.succeeded, book=book)
    state = ItemState.DONE if enriched.succeeded else ItemState.ERROR
    return ItemResult(index=item.index, state=state, result=_encode(kept))


def _parts(found: _Found) -> EnrichedParts:
    return EnrichedParts(
        work=found.works[0],
        edition=found.editions[0] if found.editions else UNSET,
        authors=found.authors,
    )
