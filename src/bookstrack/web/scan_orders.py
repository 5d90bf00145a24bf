"""From pictures that were sent to a scan that can be started: checked, prepared and stored."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import msgspec
import structlog
from msgspec import Struct

from bookstrack.assembly import Assembly
from bookstrack.errors import (
    InvalidRequest,
    ScannerNotConfigured,
    StorageProblem,
    StorageUnavailable,
)
from bookstrack.jobs.board import StartRequest
from bookstrack.model.job import Blob, PipelineName
from bookstrack.pipelines.scan_items import PhotoInput
from bookstrack.pipelines.scan_readers import provider_asked
from bookstrack.scans.picture import CheckedPicture, inspect, prepared
from bookstrack.scans.refusals import PictureRefused
from bookstrack.web.exchange import Exchange
from bookstrack.web.job_access import chosen_id
from bookstrack.web.json_bodies import idempotency_key
from bookstrack.web.scan_uploads import Photo, Submitted

log = structlog.get_logger(__name__)

LEAST_CONFIDENCE, MOST_CONFIDENCE = 0.4, 0.95
ACCEPTED = "The photos were accepted"
_FAMILY = "ai_scan"
_FOLDER = "bookshelf-scans"
_AT_ONCE = 2  # pictures being decoded: each may need some 200 MB for a moment
_JPEG = "image/jpeg"
_encode = msgspec.json.Encoder().encode


class Wishes(Struct, frozen=True, kw_only=True):
    """What the caller wants beside the scan itself."""

    job_id: str | None
    key: str | None
    user: str | None
    threshold: float
    provider: str


class ScanDesk:
    """Takes photos in; made once, so that few pictures are decoded at the same time."""

    def __init__(self, parts: Assembly) -> None:
        self._parts = parts
        self._decoding = asyncio.Semaphore(_AT_ONCE)

    def check_configured(self) -> None:
        """Refuse scans that nothing here could read.

        Raises:
            ScannerNotConfigured: there is neither a key for an AI nor an OCR engine.
        """
        if not self._parts.shelf_readers.configured:
            raise ScannerNotConfigured(
                "This server cannot read photos: it has no key for Gemini and no OCR engine"
            )

    def wishes(self, exchange: Exchange, *sources: Mapping[str, Any]) -> Wishes:
        """Return what a caller wants; the first source that says something counts.

        Raises:
            InvalidRequest: a value cannot be used.
        """
        chosen = _first("jobId", sources)
        threshold = _first("confidenceThreshold", sources)
        configured = self._parts.settings.imports.confidence_threshold
        return Wishes(
            job_id=None if chosen is None else chosen_id(chosen),
            key=idempotency_key(exchange.header(b"idempotency-key"), *sources),
            user=exchange.token_id,
            threshold=configured if threshold is None else _threshold(threshold),
            provider=provider_asked(exchange.header(b"x-ai-provider")),
        )

    async def request(self, submitted: Submitted, wishes: Wishes) -> StartRequest:
        """Check, prepare and store the photos; return the job that reads them.

        Raises:
            PictureRefused: one of them cannot be scanned; ``details`` has its ``index``.
            StorageUnavailable: they cannot be stored.
        """
        for photo in submitted.photos:
            _inspect(photo)
        pictures = [await self.picture(photo) for photo in submitted.photos]
        fingerprint = await asyncio.to_thread(_fingerprint, submitted.photos, wishes)
        job_id = wishes.job_id or str(uuid4())
        indices = [photo.index for photo in submitted.photos]
        # Nothing may wait from here on: what is stored would have no owner if the caller left.
        paths = await self._store(job_id, indices, pictures)
        inputs = list(map(_input, indices, pictures, paths))
        blobs = map(_blob, inputs, pictures)
        return StartRequest(
            pipeline=PipelineName.AI_SCAN,
            items=tuple(map(_encode, inputs)),
            total=len(inputs),
            options={"confidenceThreshold": wishes.threshold, "provider": wishes.provider},
            job_id=job_id,
            key=wishes.key,
            user=wishes.user,
            family=_FAMILY,
            fingerprint=fingerprint,
            message=ACCEPTED,
            blobs=tuple(blob for blob in blobs if blob.path),
            extra={"totalPhotos": len(inputs), "processedPhotos": 0, "booksDetected": 0},
        )

    async def picture(self, photo: Photo) -> CheckedPicture:
        """Return a picture upright, scaled and without metadata.

        Raises:
            PictureRefused: it cannot be scanned.
        """
        async with self._decoding:
            try:
                return await prepared(photo.data)
            except PictureRefused as problem:
                problem.details["index"] = photo.index
                raise

    async def _store(
        self, job_id: str, indices: Sequence[int], pictures: Sequence[CheckedPicture]
    ) -> list[str]:
        """Store the pictures; return their paths, "" for one that could not be stored.

        Raises:
            StorageUnavailable: none could.
        """
        storing = [
            asyncio.ensure_future(self._put(job_id, index, picture))
            for index, picture in zip(indices, pictures, strict=True)
        ]
        try:
            await asyncio.wait(storing)
            paths = [one.result() for one in storing]
        except BaseException:  # a caller who left as well
            self._parts.background.start(self._forget(storing), "scan-photos-forget")
            raise
        if not any(paths):
            raise StorageUnavailable("The photos could not be stored")
        return paths

    async def _put(self, job_id: str, index: int, picture: CheckedPicture) -> str:
        store, folder, name = self._parts.storage.blobs, f"{_FOLDER}/{job_id}", f"photo-{index}.jpg"
        path = f"{folder}/{name}"
        try:
            if not await store.put_new(path, picture.body, content_type=_JPEG):
                # A job of this id, which the client chose, has a photo there already.
                path = f"{folder}/{self._parts.new_id()[:8]}/{name}"
                await store.put(path, picture.body, content_type=_JPEG)
        except StorageProblem as problem:
            log.warning("photo_not_stored", path=path, problem=problem.message)
            return ""
        return path

    async def _forget(self, storing: Sequence[asyncio.Future[str]]) -> None:
        """Delete the pictures of a request that makes no job, once all are stored."""
        for path in await asyncio.gather(*storing, return_exceptions=True):
            try:
                if path and isinstance(path, str):
                    await self._parts.storage.blobs.delete(path)
            except StorageProblem as problem:
                log.warning("photo_left", path=path, problem=problem.message)


def _inspect(photo: Photo) -> None:
    """Check what the header says, before any picture is decoded."""
    try:
        inspect(photo.data)
    except PictureRefused as problem:
        problem.details["index"] = photo.index
        raise


def _first(name: str, sources: Sequence[Mapping[str, Any]]) -> Any:
    return next((value for one in sources if (value := one.get(name)) not in (None, "")), None)


def _threshold(value: Any) -> float:
    try:
        threshold = float(value)
    except (TypeError, ValueError):
        threshold = -1.0
    if isinstance(value, bool) or not LEAST_CONFIDENCE <= threshold <= MOST_CONFIDENCE:
        raise InvalidRequest(
            f"confidenceThreshold must be a number from {LEAST_CONFIDENCE} to {MOST_CONFIDENCE}",
            details={"parameter": "confidenceThreshold"},
        )
    return threshold


def _input(index: int, picture: CheckedPicture, path: str) -> PhotoInput:
    return PhotoInput(
        index=index,
        name=f"photo-{index}",
        path=path,
        sha256=picture.sha256,
        width=picture.width,
        height=picture.height,
    )


def _blob(given: PhotoInput, picture: CheckedPicture) -> Blob:
    return Blob(
        name=given.name,
        path=given.path,
        sha256=given.sha256,
        content_type=_JPEG,
        size=len(picture.body),
    )


def _fingerprint(photos: Sequence[Photo], wishes: Wishes) -> str:
    """Return the hash under which a repeat is recognised, in whatever form it comes [I2]."""
    told = [[photo.index, hashlib.sha256(photo.data).hexdigest()] for photo in photos]
    return hashlib.sha256(_encode([told, wishes.threshold, wishes.provider])).hexdigest()
