"""The pipeline behind ``/v2/import/workflow``: one book by its ISBN, in four steps (http-api D9).

The steps are the items of the job: what is finished is not done again after a crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec
import structlog
from msgspec import UNSET, Raw, Struct, UnsetType
from msgspec.structs import replace

from bookstrack.catalogue.authors import Later
from bookstrack.catalogue.people import UNKNOWN_AUTHOR
from bookstrack.catalogue.search import Catalogue
from bookstrack.covers.pictures import CoverSize
from bookstrack.covers.proxy import ImageProxy
from bookstrack.errors import JobFailed, ProviderProblem, RequestProblem
from bookstrack.jobs.context import Context
from bookstrack.jobs.pipeline import Outcome
from bookstrack.model.answer import SearchData
from bookstrack.model.isbn import Isbn
from bookstrack.model.job import Item, ItemResult, ItemState, Job, PipelineName
from bookstrack.model.naming import camel_name
from bookstrack.model.record import BookRecord, ProviderId
from bookstrack.storage.blobs import Blobs
from bookstrack.storage.database.catalogue import CatalogueStore

log = structlog.get_logger(__name__)

INVALID_ISBN, NOT_FOUND, UNSAVED = "INVALID_ISBN", "NOT_FOUND", "E_INTERNAL"
RESULT = "result"
"""The fact of the last event that holds the result."""

_FOUND = msgspec.json.Decoder(SearchData)


class Step(StrEnum):
    """The steps in their order, by the names that clients know."""

    VALIDATE = "validate-isbn"
    FETCH = "fetch-metadata"
    COVER = "upload-cover"
    SAVE = "save-database"


_MESSAGES = {
    Step.VALIDATE: "Checking the ISBN",
    Step.FETCH: "Looking the book up",
    Step.COVER: "Storing the cover",
    Step.SAVE: "Saving the book",
}


class Order(Struct, frozen=True, kw_only=True):
    """What is to be imported: an ISBN of the right shape, and who is asked first."""

    isbn: str
    prefer: ProviderId


class WorkflowResult(Struct, frozen=True, kw_only=True, rename=camel_name):
    """The book that was brought in, who told of it, and whether its cover was stored."""

    isbn: str
    title: str
    success: bool
    provider: str
    cover_stored: bool


class _Known(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the steps so far have come to. ``found`` is an encoded ``SearchData``."""

    isbn: str = ""
    found: Raw | UnsetType = UNSET
    provider: str = "none"
    cover_stored: bool = False

    @property
    def data(self) -> SearchData:
        """Return what was found; empty before."""
        return SearchData() if self.found is UNSET else _FOUND.decode(self.found)


class WorkflowParts(Struct, frozen=True, kw_only=True):
    """What workflows work with."""

    catalogue: Catalogue
    store: CatalogueStore
    images: ImageProxy
    blobs: Blobs


class ImportWorkflow:
    """Brings in one book; a step that fails ends the workflow."""

    name: PipelineName = PipelineName.IMPORT_WORKFLOW

    def __init__(self, parts: WorkflowParts) -> None:
        self._parts = parts
        self._steps = {
            Step.VALIDATE: self._validate,
            Step.FETCH: self._fetch,
            Step.COVER: self._cover,
            Step.SAVE: self._save,
        }

    async def run(self, ctx: Context) -> Outcome:
        """Take the steps that are left.

        Raises:
            JobFailed: a step failed; the newest event names it as its stage.
        """
        order, known = msgspec.convert(ctx.job.options, Order), _Known()
        for step, item in zip(Step, await ctx.items(), strict=True):
            if item.result is None:
                await ctx.emit(stage=step, message=_MESSAGES[step], important=True)
                known = await self._steps[step](order, known)
                done = msgspec.json.encode(known)
                result = ItemResult(index=item.index, state=ItemState.DONE, result=done)
                await ctx.done(result, ok=True)
            else:
                known = msgspec.json.decode(item.result, type=_Known)
        return self.outcome(ctx.job, await ctx.items())

    def outcome(self, job: Job, items: Sequence[Item]) -> Outcome:
        """Return the book, without success as long as a step is missing."""
        done = [item.result for item in items if item.result is not None]
        known = msgspec.json.decode(done[-1], type=_Known) if done else _Known()
        works = known.data.works
        result = WorkflowResult(
            isbn=known.isbn,
            title=works[0].title if works else "",
            success=len(done) == len(Step),
            provider=known.provider,
            cover_stored=known.cover_stored,
        )
        told: dict[str, Any] = msgspec.to_builtins(result)
        return Outcome(
            results=msgspec.json.encode(told),
            succeeded=len(done),
            failed=0,
            extra={RESULT: told},
        )

    async def _validate(self, order: Order, known: _Known) -> _Known:
        number = Isbn.parse(order.isbn)
        if number.isbn13 is None:
            raise JobFailed(INVALID_ISBN, "The check digit of this ISBN is wrong", retryable=False)
        return replace(known, isbn=number.isbn13)

    async def _fetch(self, order: Order, known: _Known) -> _Known:
        """Ask the source that was wished, then the others where it does not know enough."""
        catalogue, later = self._parts.catalogue, Later()
        try:
            hit = await catalogue.by_isbn(Isbn.parse(known.isbn), prefer=order.prefer, later=later)
        except ProviderProblem as problem:
            later.drop()
            raise JobFailed(problem.code, problem.told, retryable=problem.retryable) from problem
        except BaseException:
            later.drop()
            raise
        catalogue.identifier.complete_authors(later)
        data = _FOUND.decode(hit.entry.body) if hit.entry.facts.found else SearchData()
        if not any(known.isbn in edition.isbns for edition in data.editions):
            raise JobFailed(
                NOT_FOUND,
                f"No book was found for ISBN {known.isbn}",
                retryable=bool(hit.cautions),  # somebody could not be asked
            )
        return replace(known, found=Raw(hit.entry.body), provider=hit.entry.facts.provider)

    async def _cover(self, order: Order, known: _Known) -> _Known:
        """Store the cover under the ISBN; a book without one is still a book."""
        data = known.data
        url = data.cover_url or next((book.cover_url for book in data.books), None)
        if url is None:
            return known
        try:
            served = await self._parts.images.get(url, CoverSize.LARGE)
        except (RequestProblem, ProviderProblem) as problem:
            log.info("workflow_cover_missing", isbn=known.isbn, problem=problem.message)
            return known
        path = f"covers/{known.isbn}"
        await self._parts.blobs.put(path, served.body, content_type=served.content_type)
        return replace(known, cover_stored=True)

    async def _save(self, order: Order, known: _Known) -> _Known:
        """See to it that the book is in the tables, whether or not looking it up has put it there.

        Raises:
            JobFailed: it is not there afterwards.
        """
        store, data = self._parts.store, known.data
        if await store.find_isbn(known.isbn) is None:
            await store.save([_record(data)])
        if await store.find_isbn(known.isbn) is None:
            raise JobFailed(UNSAVED, "The book could not be saved", retryable=True)
        return known


def _record(data: SearchData) -> BookRecord:
    return BookRecord(
        provider=ProviderId.CATALOG,
        work=data.works[0],
        editions=data.editions,
        authors=tuple(author for author in data.authors if author.name != UNKNOWN_AUTHOR),
    )
