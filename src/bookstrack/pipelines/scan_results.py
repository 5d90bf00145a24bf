"""The results of a scan (imports-and-scans §2.7, jobs §9.3), made of its stored items. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from bookstrack.clock import timestamp
from bookstrack.enrichment.books import EnrichmentStatus
from bookstrack.jobs.pipeline import Outcome
from bookstrack.model.answer import SearchData
from bookstrack.model.job import Job
from bookstrack.pipelines.scan_items import Book, BookResult, Photo, PhotoResult, Scan
from bookstrack.pipelines.scan_merging import each_once
from bookstrack.pipelines.scan_shapes import (
    BookLookup,
    PhotoFacts,
    Reading,
    ScanFacts,
    ScanFindings,
    ScannedBook,
    TokenUsage,
)
from bookstrack.pipelines.scan_spines import spine_url
from bookstrack.scans.quality import ImageMetadata, Severity, Suggestion, metadata, suggestions
from bookstrack.scans.results import THRESHOLD

UNKNOWN_MODEL = "unknown"
_FOUND = msgspec.json.Decoder(SearchData)
_encode = msgspec.json.Encoder().encode
_SEVERITIES = tuple(Severity)


def outcome(job: Job, scan: Scan, *, spines: bool = False) -> Outcome:
    """Return what a scan has come to, whether or not all of it is finished.

    With ``spines`` the books say where their pictures are.
    """
    threshold = threshold_of(job)
    books = scan.books or tuple(Book(seen=seen) for seen in scan.seen(threshold))
    urls = _spine_urls(job, scan) if spines else {}
    entries = tuple(_entry(book, urls) for book in each_once(books, threshold=threshold))
    results = _results(job, scan, entries)
    facts = results.metadata
    return Outcome(
        results=_encode(results),
        succeeded=results.approved,
        failed=results.needs_review,
        processed=sum(one.result is not None for one in (*scan.photos, *scan.books)),
        summary_extra={
            "total_processed": results.books_unique,
            "total_detected": results.total_detected,
            "approved": results.approved,
            "needs_review": results.needs_review,
            "photos_processed": results.photos_processed,
            "books_detected": results.books_detected,
            "books_unique": results.books_unique,
            "books_enriched": results.books_enriched,
            "enriched_count": results.books_enriched,
            "results_url": f"/v1/scan/results/{job.id}",
        },
        extra={
            "processedPhotos": results.photos_processed,
            "totalPhotos": len(scan.photos),
            "booksDetected": results.books_detected,
            "booksUnique": results.books_unique,
            "photos": [photo_status(photo) for photo in scan.photos],
            "metadata": {
                "modelUsed": facts.model_used,
                "processingTime": facts.processing_time,
            },
        },
    )


def threshold_of(job: Job) -> float:
    """Return the confidence from which on a book of this scan is approved."""
    return float(job.options.get("confidenceThreshold", THRESHOLD))


def photo_status(photo: Photo, state: str | None = None) -> dict[str, Any]:
    """Return where a photo stands, as sockets tell it."""
    told: dict[str, Any] = {
        "index": photo.input.index,
        "status": state or photo.state,
        "booksFound": photo.found,
    }
    if photo.result is not None and photo.result.error:
        told["error"] = photo.result.error
    return told


def _results(job: Job, scan: Scan, entries: tuple[ScannedBook, ...]) -> ScanFindings:
    approved = sum(entry.approved for entry in entries)
    enriched = sum(entry.enrichment_status is EnrichmentStatus.SUCCESS for entry in entries)
    return ScanFindings(
        job_id=job.id,
        pipeline=job.pipeline,
        total_detected=len(entries),
        approved=approved,
        needs_review=len(entries) - approved,
        photos_processed=len(scan.read),
        books_detected=sum(photo.found for photo in scan.photos),
        books_unique=len(entries),
        books_enriched=enriched,
        books=entries,
        photo_results=tuple(map(_photo_facts, scan.read)),
        suggestions=tuple(_suggestions(scan.read)),
        image_metadata=_image_metadata(scan.read),
        metadata=_facts(job, scan, enriched),
    )


def _spine_urls(job: Job, scan: Scan) -> dict[tuple[int, int], str]:
    """Return the addresses of pictures by photo and number of the detection."""
    return {
        (photo.input.index, number): spine_url(job.id, photo.input.index, number)
        for photo in scan.read
        if photo.result
        for number in photo.result.spines
    }


def _entry(book: Book, urls: Mapping[tuple[int, int], str]) -> ScannedBook:
    seen, result = book.seen, book.result
    detection = seen.detection
    entry = ScannedBook(
        title=detection.title,
        author=detection.author or "",
        isbn=detection.isbn or None,
        format=detection.format,
        confidence=detection.confidence,
        bounding_box=detection.box,
        enrichment_status=result.status if result else EnrichmentStatus.PENDING,
        photo_index=seen.photos[0],
        photos=tuple(sorted(seen.photos)),
        copies=seen.copies,
        approved=seen.approved,
        spine_url=next(
            (url for place in seen.places if (url := urls.get((place.photo, place.number)))), None
        ),
        raw_text=detection.raw_text,
    )
    return entry if result is None else _enriched(entry, result)


def _enriched(entry: ScannedBook, result: BookResult) -> ScannedBook:
    """Add what was found; a book of which only a barcode was seen gets its names."""
    found = None if result.found is UNSET else _FOUND.decode(result.found)
    pause = result.retry_after
    enrichment = BookLookup(
        status=result.status,
        work=found.works[0] if found else None,
        editions=found.editions if found else (),
        authors=found.authors if found else (),
        provider=result.provider,
        cached_result=result.cached,
        error=result.error or None,
        retry_after_ms=None if pause is None else round(pause * 1000),
    )
    entry = replace(entry, enrichment=enrichment)
    if found is None or not found.books:
        return entry
    flat = found.books[0]
    return replace(
        entry,
        title=entry.title or flat.title,
        author=entry.author or ("" if entry.title else flat.author),
        cover_url=flat.cover_url or None,
        publisher=flat.publisher or None,
        publication_year=flat.publication_year,
    )


def _photo_facts(photo: Photo) -> PhotoFacts:
    result = photo.result
    quality = result.quality if result else None
    detections = result.detections if result else ()
    return PhotoFacts(
        index=photo.input.index,
        photo_index=photo.input.index,
        status=photo.state,
        books_found=photo.found,
        error=result.error if result else None,
        error_code=result.code if result else None,
        image_metadata=metadata(quality, detections) if quality else None,
    )


def _looked_at(photos: Iterable[Photo]) -> list[PhotoResult]:
    return [photo.result for photo in photos if photo.result and photo.result.quality]


def _suggestions(photos: Sequence[Photo]) -> list[Suggestion]:
    """Return the hints for all photos, each kind once with its gravest severity."""
    merged: dict[str, Suggestion] = {}
    for result in _looked_at(photos):
        assert result.quality is not None  # noqa: S101 narrows the type
        for hint in suggestions(result.quality, result.detections):
            known = merged.get(hint.type)
            merged[hint.type] = hint if known is None else _both(known, hint)
    return list(merged.values())


def _both(one: Suggestion, other: Suggestion) -> Suggestion:
    graver = max(one, other, key=lambda hint: _SEVERITIES.index(hint.severity))
    return replace(graver, affected_count=one.affected_count + other.affected_count)


def _image_metadata(photos: Sequence[Photo]) -> ImageMetadata:
    """Return the words for all photos together; those of the worst one where they differ."""
    told = [
        metadata(result.quality, result.detections)
        for result in _looked_at(photos)
        if result.quality
    ]
    readable = sum(one.readable_count for one in told)
    qualities = {one.image_quality for one in told if one.image_quality != "poor"}
    return ImageMetadata(
        image_quality="fair" if "fair" in qualities else "good" if qualities else "poor",
        lighting=next((one.lighting for one in told if one.lighting != "good"), "good"),
        sharpness=min(
            (one.sharpness for one in told), key=("blurry", "fair", "sharp").index, default="fair"
        ),
        readable_count=readable,
    )


def _facts(job: Job, scan: Scan, enriched: int) -> ScanFacts:
    read = [photo.result for photo in scan.read if photo.result]
    ends = [book.result.ended for book in scan.books if book.result]
    ends += [result.ended for result in read]
    began = min((result.began for result in read), default=0)
    ended = max(ends, default=round((job.started_at or job.created_at) * 1000))
    models = dict.fromkeys(result.model for result in read if result.model)
    return ScanFacts(
        model_used=", ".join(models) or UNKNOWN_MODEL,
        processing_time=max(0, ended - began) if read else 0,
        enriched_count=enriched,
        timestamp=timestamp(ended / 1000),
        timestamp_ms=ended,
        photos=tuple(
            _reading(photo.input.index, photo.result)
            for photo in scan.read
            if photo.result and photo.result.model
        ),
    )


def _reading(index: int, result: PhotoResult) -> Reading:
    tokens = result.tokens
    return Reading(
        photo_index=index,
        provider=result.reader or UNKNOWN_MODEL,
        model=result.model or UNKNOWN_MODEL,
        processing_time_ms=result.took_ms,
        token_usage=None
        if tokens is None
        else TokenUsage(
            prompt_tokens=tokens.prompt, output_tokens=tokens.output, total_tokens=tokens.total
        ),
        instead_of=result.instead_of,
        instead_because=result.because,
        timestamp=timestamp(result.ended / 1000),
    )
