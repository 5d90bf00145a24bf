"""Uploaded export files, read from the stream into a bounded memory (imports-and-scans §1.2)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import multipart
from litestar import Request
from msgspec import Struct, field

from bookstrack.errors import InvalidRequest, MissingParameter, TooLarge

MIB = 1024 * 1024
FILE = "file"
_FORM = "multipart/form-data"
_RAW = ("text/csv", "text/tab-separated-values")
_FIELD_BYTES = 64 * 1024
_PARTS = 32
_BESIDES = MIB  # what a form may hold besides its file
_CHARSET = re.compile(r'charset="?([A-Za-z0-9_.:-]{1,40})', re.I)
_SUGGESTION = "Split the file into several, or leave out columns with long texts"


class Upload(Struct, frozen=True, kw_only=True):
    """A file and the other fields of its form; ``charset`` is what the part says of itself."""

    data: bytes
    charset: str | None = None
    fields: dict[str, str] = field(default_factory=dict[str, str])


async def read_upload(request: Request[Any, Any, Any], *, limit: int) -> Upload:
    """Read an upload of at most ``limit`` bytes, a form with a part ``file`` or plain CSV.

    Raises:
        MissingParameter: there is no file.
        InvalidRequest: the body is neither, or a broken form.
        TooLarge: while it is read, whatever length it had announced.
    """
    named = request.headers.get("content-type", "")
    kind = named.partition(";")[0].strip().lower()
    _check_declared(request.headers.get("content-length", ""), limit)
    if kind in _RAW:
        return await _raw(request.stream(), named, limit)
    if kind != _FORM:
        raise InvalidRequest(
            "The body must be a multipart form with a file",
            details={"contentType": named[:100], "expected": _FORM},
        )
    try:
        form = _Form(_boundary(named), limit)
        async for chunk in request.stream():
            form.feed(chunk)
        form.end()
    except multipart.MultipartError:
        raise InvalidRequest("The multipart form is broken or incomplete") from None
    return form.upload()


def _boundary(named: str) -> str:
    untyped = cast("Any", multipart)
    options: dict[str, str] = untyped.parse_options_header(named)[1]
    return options.get("boundary", "")


def _check_declared(declared: str, limit: int) -> None:
    if declared.isdigit() and int(declared) > limit + _BESIDES:
        raise too_large(int(declared), limit)


async def _raw(stream: AsyncIterator[bytes], named: str, limit: int) -> Upload:
    data = bytearray()
    async for chunk in stream:
        data += chunk
        if len(data) > limit:
            raise too_large(len(data), limit)
    if not data:
        raise _no_file()
    return Upload(data=bytes(data), charset=_charset(named))


def too_large(received: int, limit: int) -> TooLarge:
    """Return the error of a file above its limit; sizes in bytes."""
    details = {
        "receivedMB": round(received / MIB, 2),
        "maxMB": round(limit / MIB, 2),
        "receivedBytes": received,
        "maxBytes": limit,
        "resourceType": "CSV file",
        "suggestion": _SUGGESTION,
    }
    return TooLarge(f"The file is larger than {limit / MIB:g} MB", details=details)


def _no_file() -> MissingParameter:
    return MissingParameter("A file is required", details={"parameter": FILE})


def _charset(named: str) -> str | None:
    found = _CHARSET.search(named)
    return found[1] if found is not None else None


class _Form:
    """The parts of a form as they come in: of the file all, of other fields little."""

    def __init__(self, boundary: str, limit: int) -> None:
        self._parser = multipart.PushMultipartParser(boundary, max_segment_count=_PARTS)
        self._limit = limit
        self._data = bytearray()
        self._found: multipart.MultipartSegment | None = None
        self._fields: dict[str, str] = {}
        self._segment: multipart.MultipartSegment | None = None
        self._cell = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take in a piece of the body."""
        if chunk and not self._parser.closed:
            for event in self._events(chunk):
                self._take(event)

    def _events(self, chunk: bytes) -> Iterator[multipart.MultipartSegment | bytes | None]:
        for event in self._parser.parse(chunk):
            yield bytes(event) if isinstance(event, bytearray) else event

    def _take(self, event: multipart.MultipartSegment | bytes | None) -> None:
        if isinstance(event, multipart.MultipartSegment):
            self._segment, self._cell = event, bytearray()
            if event.name == FILE and self._found is None:
                self._found = event
        elif event is None:
            self._end_part()
        elif self._segment is self._found:
            self._data += event
            if len(self._data) > self._limit:
                raise too_large(len(self._data), self._limit)
        else:
            self._cell += event
            if len(self._cell) > _FIELD_BYTES:
                raise InvalidRequest(
                    "A field of the form is too long", details={"parameter": self._name()}
                )

    def _end_part(self) -> None:
        if self._segment is not None and self._segment is not self._found:
            self._fields.setdefault(self._name(), self._cell.decode("utf-8", "replace"))
        self._segment = None

    def _name(self) -> str:
        return (self._segment.name or "")[:100] if self._segment is not None else ""

    def end(self) -> None:
        """Say that the body has ended; raises MultipartError where the form has not."""
        self._parser.close()

    def upload(self) -> Upload:
        """Return what was sent; raises MissingParameter."""
        if self._found is None or not (self._found.filename or self._data):
            raise _no_file()
        return Upload(
            data=bytes(self._data),
            charset=self._found.charset if _declares(self._found) else None,
            fields=self._fields,
        )


def _declares(segment: multipart.MultipartSegment) -> bool:
    """Tell whether a part names its charset itself, rather than by the parser's default."""
    return any(
        name.lower() == "content-type" and "charset" in value.lower()
        for name, value in segment.headerlist
    )
