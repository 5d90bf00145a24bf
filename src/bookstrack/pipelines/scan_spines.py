"""Pictures of single spines, cut out of a photo for the person who looks a scan over (§2.4)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

import structlog

from bookstrack.errors import StorageProblem
from bookstrack.jobs.context import Context
from bookstrack.model.job import Blob
from bookstrack.scans.crops import crop
from bookstrack.scans.detection import Detection
from bookstrack.scans.picture import CheckedPicture
from bookstrack.storage.blobs import Blobs

log = structlog.get_logger(__name__)

MOST = 60
"""Spines of one photo that are cut out, those first that nobody is sure of."""

_JPEG = "image/jpeg"


def spine_path(job_id: str, photo: int, number: int) -> str:
    """Return where the picture of a detection lies; ``number`` is its place on its photo."""
    return f"bookshelf-scans/{job_id}/spine-{photo}-{number}.jpg"


def spine_url(job_id: str, photo: int, number: int) -> str:
    """Return the address under which it is served to who has the job's token."""
    return f"/api/v2/scans/{job_id}/spines/{photo}-{number}.jpg"


class Spines:
    """Cuts out and stores the spines of one scan."""

    def __init__(self, ctx: Context, blobs: Blobs) -> None:
        self._ctx = ctx
        self._blobs = blobs

    async def cut(
        self, picture: CheckedPicture, photo: int, detections: Sequence[Detection]
    ) -> tuple[int, ...]:
        """Store the spines of a photo; return the numbers of the detections that have one.

        They are noted before they are stored: no kill leaves one behind that nobody deletes.
        """
        pieces = await asyncio.to_thread(_pieces, picture, detections)
        if not pieces:
            return ()
        job_id = self._ctx.job.id
        blobs = [_blob(job_id, photo, number, data) for number, data in pieces.items()]
        await self._ctx.add_blobs(blobs)
        storing = asyncio.ensure_future(self._store(blobs, list(pieces.values())))
        try:
            stored = await asyncio.shield(storing)
        except asyncio.CancelledError:
            await asyncio.wait({storing})
            await self._forget(blobs)
            raise
        return tuple(number for number, kept in zip(pieces, stored, strict=True) if kept)

    async def _store(self, blobs: Sequence[Blob], pieces: Sequence[bytes]) -> list[bool]:
        return await asyncio.gather(*map(self._put, blobs, pieces))

    async def _put(self, blob: Blob, data: bytes) -> bool:
        """Store a piece; a store that is away costs the piece, not the scan."""
        try:
            await self._blobs.put(blob.path, data, content_type=_JPEG)
        except StorageProblem as problem:
            log.warning("spine_not_stored", path=blob.path, problem=problem.message)
            return False
        return True

    async def _forget(self, blobs: Sequence[Blob]) -> None:
        """Delete what was stored for a photo that is not finished here."""
        for blob in blobs:
            try:
                await self._blobs.delete(blob.path)
            except StorageProblem as problem:
                log.warning("spine_left", path=blob.path, problem=problem.message)


def _pieces(picture: CheckedPicture, detections: Sequence[Detection]) -> dict[int, bytes]:
    """Return the pieces of a photo by the numbers of their detections."""
    placed = [number for number, found in enumerate(detections) if found.box.area]
    placed.sort(key=lambda number: detections[number].confidence)
    if not placed:
        return {}
    image = picture.opened()
    made = ((number, crop(image, detections[number].box)) for number in sorted(placed[:MOST]))
    return {number: piece for number, piece in made if piece is not None}


def _blob(job_id: str, photo: int, number: int, data: bytes) -> Blob:
    return Blob(
        name=f"spine-{photo}-{number}",
        path=spine_path(job_id, photo, number),
        sha256=hashlib.sha256(data).hexdigest(),
        content_type=_JPEG,
        size=len(data),
    )
