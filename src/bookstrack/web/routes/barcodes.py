"""Barcodes in a picture, and the books they stand for (imports-and-scans, part 3)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import Annotated, Any

from litestar import Request, Response
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from bookstrack.assembly import Assembly
from bookstrack.catalogue.search import Catalogue
from bookstrack.clock import timestamp
from bookstrack.errors import InvalidRequest, ProviderProblem
from bookstrack.model.answer import Caution
from bookstrack.model.isbn import Isbn
from bookstrack.scans.barcodes import BOOK_FORMATS, Barcode, BarcodeFormat, read_barcodes
from bookstrack.scans.picture import CheckedPicture
from bookstrack.web.reply import Reply
from bookstrack.web.routes.route import PROVIDERS, write
from bookstrack.web.scan_orders import ScanDesk
from bookstrack.web.scan_uploads import (
    BODY_LIMIT,
    Bounds,
    Submitted,
    bounds_of,
    media_type,
    read_form,
    read_raw,
)
from bookstrack.web.views import EnrichedBook, decode_search, enrichment

_FORM = "multipart/form-data"
_BINARY = {"type": "string", "format": "binary"}
_FORM_SCHEMA = {"type": "object", "required": ["image"], "properties": {"image": _BINARY}}
_SLACK = 64 * 1024  # what a form has around its picture
_NAMES = {re.sub(r"[^a-z0-9]", "", one.lower()): one for one in BarcodeFormat} | {
    "qr": BarcodeFormat.QR_CODE
}

Formats = Annotated[
    str | None,
    QueryParameter(description="Further kinds, with commas: EAN-8, QR Code, Code 128"),
]
Enrich = Annotated[bool, QueryParameter(description="Look up the book of each ISBN")]


class Decoded(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The codes of a picture from top to bottom; ``books`` where they were asked for."""

    barcodes: tuple[Barcode, ...]
    books: tuple[EnrichedBook, ...] | None = None


@write(
    "/api/v2/barcodes/decode",
    answer=Decoded,
    tag="Barcodes",
    failures=(415, 422, *PROVIDERS),
    limit="barcode",
    any_body=True,
    body={"image/*": _BINARY, _FORM: _FORM_SCHEMA},
    body_limit=BODY_LIMIT,
)
async def decode(
    request: Request[Any, Any, Any],
    reply: NamedDependency[Reply],
    parts: NamedDependency[Assembly],
    catalogue: NamedDependency[Catalogue],
    scan_desk: NamedDependency[ScanDesk],
    formats: Formats = None,
    enrich: Enrich = False,
) -> Response[Any]:
    """Read the barcodes in a picture; a picture without any gives an empty list."""
    wanted = _wanted(formats)
    bounds = bounds_of(parts.settings.imports)
    submitted = await _submitted(request, reply.exchange.header(b"content-type"), bounds)
    picture = await scan_desk.picture(submitted.photos[0])
    codes = await asyncio.to_thread(_read, picture, wanted)
    if not enrich:
        return reply.data(Decoded(barcodes=codes))
    books, cautions = await _books(catalogue, codes)
    return reply.data(Decoded(barcodes=codes, books=books), cautions=cautions)


async def _submitted(
    request: Request[Any, Any, Any], content_type: str, bounds: Bounds
) -> Submitted:
    named = media_type(content_type)
    if named == _FORM:
        one = Bounds(image=bounds.image, batch=bounds.image + _SLACK, photos=1)
        return await read_form(request.stream(), content_type, one)
    if named.startswith("image/") or named in ("", "application/octet-stream"):
        return await read_raw(request.stream(), most=bounds.image)
    raise InvalidRequest(
        f"The body must be a picture, or {_FORM} with the part image",
        details={"contentType": named[:100], "expected": "image/*"},
    )


def _wanted(names: str | None) -> tuple[BarcodeFormat, ...]:
    found: list[BarcodeFormat] = [*BOOK_FORMATS]
    for name in (names or "").split(","):
        plain = re.sub(r"[^a-z0-9]", "", name.lower())
        if not plain:
            continue
        known = _NAMES.get(plain)
        if known is None:
            raise InvalidRequest(
                f"formats may name {', '.join(BarcodeFormat)}", details={"parameter": "formats"}
            )
        found.append(known)
    return tuple(dict.fromkeys(found))


def _read(picture: CheckedPicture, wanted: Iterable[BarcodeFormat]) -> tuple[Barcode, ...]:
    return read_barcodes(picture.opened(), formats=wanted)


async def _books(
    catalogue: Catalogue, codes: Iterable[Barcode]
) -> tuple[tuple[EnrichedBook, ...], tuple[Caution, ...]]:
    """Look up each ISBN once; what nobody knows is left out.

    Raises:
        ProviderProblem: nobody could be asked about any of them.
    """
    numbers = list(dict.fromkeys(code.isbn13 for code in codes if code.isbn13))
    hits = await asyncio.gather(
        *(catalogue.by_isbn(Isbn.parse(number)) for number in numbers), return_exceptions=True
    )
    books: list[EnrichedBook] = []
    cautions: list[Caution] = []
    problems: list[ProviderProblem] = []
    for hit in hits:
        if isinstance(hit, ProviderProblem):
            problems.append(hit)
            cautions.append(Caution(code=hit.code, provider=hit.provider))
        elif isinstance(hit, BaseException):
            raise hit
        else:
            cautions += hit.cautions
            if hit.entry.facts.found:
                at = timestamp(hit.entry.cached_at)
                data = decode_search(hit.entry.body)
                books.append(enrichment(data, provider=hit.entry.facts.provider, at=at))
    if problems and len(problems) == len(hits):
        raise problems[0]
    return tuple(books), tuple(dict.fromkeys(cautions))


HANDLERS = (decode,)
