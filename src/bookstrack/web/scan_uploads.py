"""Photos as they come in: a form, JSON with base64, or raw bytes; bounded while they are read."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Mapping, Sequence
from email.message import Message
from typing import Any, cast

import multipart
from msgspec import Struct, field

from bookstrack.errors import BatchTooLarge, InvalidRequest, TooLarge
from bookstrack.settings import ImportSettings
from bookstrack.web.json_bodies import json_object

BODY_LIMIT = 1024 * 1024 * 1024
"""Bytes of a request that the front lets pass; the real limits are settings, see ``bounds_of``."""

_MB = 1_000_000
_NAMES = frozenset({"photos", "photos[]", "images", "images[]", "image", "photo"})
_LONGEST_FIELD = 1024
_MOST_PARTS = 40
_DATA_URL = "data:"


class Bounds(Struct, frozen=True, kw_only=True):
    """How much may come: bytes of one picture and of all together, and how many."""

    image: int
    batch: int
    photos: int

    @property
    def json(self) -> int:
        """Return the bytes of all pictures in base64, with broken lines and what is around."""
        return self.batch * 7 // 5


class Photo(Struct, frozen=True, kw_only=True):
    """A picture as it was sent, with its number."""

    index: int
    data: bytes


class Submitted(Struct, frozen=True, kw_only=True):
    """What was sent: pictures in the order of their numbers, and the fields beside them."""

    photos: tuple[Photo, ...]
    fields: dict[str, Any] = field(default_factory=dict[str, Any])


def bounds_of(settings: ImportSettings) -> Bounds:
    """Return the bounds that the operator has set; megabytes are millions of bytes."""
    return Bounds(
        image=settings.scan_image_max_mb * _MB,
        batch=settings.scan_batch_max_mb * _MB,
        photos=settings.scan_max_photos,
    )


def media_type(header: str) -> str:
    """Return the media type of a request without its parameters."""
    return header.partition(";")[0].strip().lower()


async def read_raw(chunks: AsyncIterator[bytes], *, most: int) -> Submitted:
    """Return the one picture that a body is.

    Raises:
        InvalidRequest: the body is empty.
        TooLarge: there are more than ``most`` bytes.
    """
    held = bytearray()
    async for chunk in chunks:
        held += chunk
        if len(held) > most:
            raise too_large(len(held), most, index=0)
    if not held:
        raise InvalidRequest("The body must be a picture")
    return Submitted(photos=(Photo(index=0, data=bytes(held)),))


async def read_form(chunks: AsyncIterator[bytes], header: str, bounds: Bounds) -> Submitted:
    """Return the pictures of a form, numbered as they come, and its other fields.

    Raises:
        InvalidRequest: it is no valid form, or has no picture.
        BatchTooLarge: there are more pictures than are allowed.
        TooLarge: a picture, or all together, have too many bytes.
    """
    form = _Form(bounds)
    try:
        with multipart.PushMultipartParser(
            _boundary(header), max_segment_count=_MOST_PARTS
        ) as parser:
            async for chunk in chunks:
                for event in parser.parse(chunk):
                    form.take(event)
    except multipart.MultipartError as problem:
        raise InvalidRequest("The body is not a valid multipart form") from problem
    return form.submitted()


def _boundary(header: str) -> str:
    message = Message()
    message["content-type"] = header
    boundary = message.get_boundary()
    if not boundary:
        raise InvalidRequest("The form has no boundary")
    return boundary


class _Form:
    """The parts of a form as they come in."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._photos: list[bytes] = []
        self._fields: dict[str, Any] = {}
        self._received = 0
        self._part: multipart.MultipartSegment | None = None
        self._held = bytearray()

    def take(self, event: multipart.MultipartSegment | bytes | bytearray | None) -> None:
        if isinstance(event, multipart.MultipartSegment):
            self._part, self._held = event, bytearray()
        elif event is None:
            self._end()
        else:
            self._held += event
            self._check(len(event))

    @property
    def _is_photo(self) -> bool:
        return self._part is not None and (self._part.name or "") in _NAMES

    def _check(self, more: int) -> None:
        if not self._is_photo:
            if len(self._held) > _LONGEST_FIELD:
                raise self._too_long()
            return
        if len(self._photos) >= self._bounds.photos:
            raise too_many(len(self._photos) + 1, self._bounds.photos)
        self._received += more
        if len(self._held) > self._bounds.image:
            raise too_large(len(self._held), self._bounds.image, index=len(self._photos))
        if self._received > self._bounds.batch:
            raise too_large(
                self._received, self._bounds.batch, index=len(self._photos), what="batch"
            )

    def _too_long(self) -> InvalidRequest:
        part = self._part
        if part is not None and part.filename:
            return InvalidRequest(
                f"Photos are parts named {', '.join(sorted(_NAMES))}; this one is not",
                details={"parameter": part.name or ""},
            )
        return InvalidRequest("A field of the form is too long", details={"most": _LONGEST_FIELD})

    def _end(self) -> None:
        if self._part is None:
            return
        if self._is_photo:
            if self._held or self._part.filename:
                self._photos.append(bytes(self._held))
        elif self._part.name:
            self._fields[self._part.name] = self._held.decode("utf-8", "replace")
        self._part, self._held = None, bytearray()

    def submitted(self) -> Submitted:
        if not self._photos:
            raise no_photo()
        if len(self._photos) > self._bounds.photos:
            raise too_many(len(self._photos), self._bounds.photos)
        photos = (Photo(index=index, data=data) for index, data in enumerate(self._photos))
        return Submitted(photos=tuple(photos), fields=self._fields)


async def read_whole(chunks: AsyncIterator[bytes], *, declared: str, bounds: Bounds) -> bytes:
    """Return a body of JSON as a whole; ``declared`` is its length as the caller gives it, or "".

    Raises:
        TooLarge: it is longer than pictures of the allowed size can be.
    """
    body = bytearray()
    if declared.isdecimal() and int(declared) > bounds.json:
        raise too_large(int(declared), bounds.batch, index=0, what="batch")
    async for chunk in chunks:
        body += chunk
        if len(body) > bounds.json:
            raise too_large(len(body), bounds.batch, index=0, what="batch")
    return bytes(body)


def read_json(body: bytes, bounds: Bounds) -> Submitted:
    """Return the pictures of a body ``{jobId, images: [{index, data}]}``.

    Raises:
        InvalidRequest: something is missing, of another type, or no base64.
        BatchTooLarge: there are more pictures than are allowed.
        TooLarge: a picture, or all together, have too many bytes.
    """
    found = json_object(body)
    if found.get("jobId") is None:
        raise InvalidRequest("jobId is required", details={"parameter": "jobId"})
    images = found.pop("images", None)
    if not isinstance(images, list):
        raise InvalidRequest("images must be a list", details={"parameter": "images"})
    entries = cast("Sequence[Any]", images)
    if not entries:
        raise no_photo()
    if len(entries) > bounds.photos:
        raise too_many(len(entries), bounds.photos)
    named = sorted((_entry(entry, place) for place, entry in enumerate(entries)), key=_index_of)
    indices = [index for index, _ in named]
    if len(set(indices)) < len(indices):
        raise InvalidRequest("Two images have the same index", details={"parameter": "index"})
    received, photos = 0, list[Photo]()
    for index, text in named:
        data = _decoded(text, index, most=bounds.image)
        received += len(data)
        if received > bounds.batch:
            raise too_large(received, bounds.batch, index=index, what="batch")
        photos.append(Photo(index=index, data=data))
    return Submitted(photos=tuple(photos), fields=found)


def _index_of(named: tuple[int, str]) -> int:
    return named[0]


def _entry(entry: Any, place: int) -> tuple[int, str]:
    details = {"index": place, "parameter": "images"}
    if not isinstance(entry, dict):
        raise InvalidRequest(f"images[{place}] must be an object", details=details)
    known = cast("Mapping[str, Any]", entry)
    index, data = known.get("index"), known.get("data")
    if isinstance(index, float) and index.is_integer():
        index = int(index)
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < 1_000_000:
        raise InvalidRequest(f"images[{place}].index must be a number from 0", details=details)
    if not isinstance(data, str) or not data:
        raise InvalidRequest(f"images[{place}].data must be base64", details=details)
    return index, data


def _decoded(text: str, index: int, *, most: int) -> bytes:
    if text[: len(_DATA_URL)].lower() == _DATA_URL:
        text = text.partition(",")[2]
    if len(text) // 4 * 3 > most + _LONGEST_FIELD and len(text.strip()) // 4 * 3 > most * 1.1:
        raise too_large(len(text) // 4 * 3, most, index=index)
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(
            f"images[{index}].data is not valid base64", details={"index": index}
        ) from None
    if not data:
        raise InvalidRequest(f"images[{index}].data is empty", details={"index": index})
    if len(data) > most:
        raise too_large(len(data), most, index=index)
    return data


def no_photo() -> InvalidRequest:
    """Return the error of a request without any picture."""
    return InvalidRequest("At least one photo is required", details={"parameter": "photos"})


def too_many(received: int, most: int) -> BatchTooLarge:
    """Return the error of a request with more pictures than are allowed."""
    return BatchTooLarge(
        f"At most {most} photos can be scanned at once",
        details={"max": most, "received": received},
    )


def too_large(received: int, most: int, *, index: int, what: str = "image") -> TooLarge:
    """Return the error of a picture, or of all of them, above their limit in bytes."""
    whose = "The photo is" if what == "image" else "The photos together are"
    return TooLarge(
        f"{whose} larger than {most / _MB:g} MB",
        details={
            "index": index,
            "receivedMB": round(received / _MB, 2),
            "maxMB": round(most / _MB, 2),
            "receivedBytes": received,
            "maxBytes": most,
            "resourceType": what,
        },
    )
