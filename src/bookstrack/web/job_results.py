"""The results of a job as its clients decode them (jobs §9, http-api §6.4).

What a pipeline stored is sent as it is; a pipeline whose clients want more adds its view to
``VIEWS``. Values stay encoded: results can be megabytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct, field

from bookstrack.clock import timestamp
from bookstrack.model.book import Author, Book, Edition, Work
from bookstrack.model.job import Job, PipelineName, Summary
from bookstrack.model.naming import camel_name
from bookstrack.web.envelope import encode
from bookstrack.web.import_views import import_view

Results = dict[str, Raw]


class Asked(Struct, frozen=True, kw_only=True):
    """How results were asked for.

    ``ios_strings``: the client whose import errors are texts [R5]; ``path`` the route's template.
    """

    alias: str | None = None
    ios_strings: bool = False
    path: str = ""


View = Callable[[Results, Asked], Results]


def _batch(results: Results, asked: Asked) -> Results:
    """Repeat the books under a second name where that is wished."""
    if asked.alias == "results" and "enrichedBooks" in results:
        return {**results, "results": results["enrichedBooks"]}
    return results


def _import(results: Results, asked: Asked) -> Results:
    """Leave out what is for the file of rejected rows, and spell errors as they are wanted."""
    return import_view(results, path=asked.path, texts=asked.ios_strings)


VIEWS: dict[PipelineName, View] = {
    PipelineName.BATCH_ENRICHMENT: _batch,
    PipelineName.CSV_IMPORT: _import,
}


def results_data(job: Job, body: bytes, *, expires_at: float | None, asked: Asked) -> bytes:
    """Return the encoded ``data`` of a results route.

    ``expires_at`` in epoch seconds, ``None`` for results that cannot be fetched again.
    """
    stored = decode_results(body)
    facts: Mapping[str, Any] = {
        "jobId": job.id,
        "pipeline": job.pipeline,
        "status": job.status,
        **({} if expires_at is None else {"expiresAt": timestamp(expires_at)}),
    }
    results = {**{key: Raw(encode(value)) for key, value in facts.items()}}
    results |= {key: value for key, value in stored.items() if key not in facts}
    if job.summary is not None:
        results.setdefault("summary", Raw(encode(job.summary)))
    view = VIEWS.get(job.pipeline)
    return encode(results if view is None else view(results, asked))


def decode_results(body: bytes) -> Results:
    """Return stored results by key, values still encoded."""
    return msgspec.json.decode(body, type=dict[str, Raw])


class Enriched(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was found for a book."""

    work: Work
    edition: Edition | None = None
    authors: tuple[Author, ...] = field(default_factory=tuple[Author, ...])


class EnrichedItem(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """One book of a batch as it was asked for, and what became of it."""

    title: str
    author: str | None = None
    isbn: str | None = None
    success: bool
    error: str | None = None
    enrichment_status: str | None = None
    enriched: Enriched | None = None


class BatchResults(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=camel_name):
    """The results of a batch enrichment, in the order of the request."""

    job_id: str
    pipeline: PipelineName
    status: str
    total_processed: int
    success_count: int
    failure_count: int
    enriched_books: tuple[EnrichedItem, ...] = field(
        default_factory=tuple[EnrichedItem, ...], name="enrichedBooks"
    )
    results: tuple[EnrichedItem, ...] | None = None
    books: tuple[Book, ...] | None = None
    summary: Summary | None = None
    partial: bool | None = None
    expires_at: str
