"""Tells by its first bytes what a file is, and reads dimensions from headers. Decodes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from bookstrack.scans.refusals import DamagedPicture

_PNG = b"\x89PNG\r\n\x1a\n"
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
_AVIF = frozenset({b"avif", b"avis"})
_TEXT_START = 1024
_MARKUP = re.compile(rb"<\s*(!doctype|html|head|body|svg|\?xml|script)", re.I)
_LONGEST_BRANDS = 256


class Kind(StrEnum):
    """What a file is, as far as scanning cares."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    HEIC = "heic"
    AVIF = "avif"
    GIF = "gif"
    TIFF = "tiff"
    BMP = "bmp"
    PDF = "pdf"
    SVG = "svg"
    HTML = "html"
    UNKNOWN = "unknown"


_SIGNATURES = (
    (b"\xff\xd8\xff", Kind.JPEG),
    (_PNG, Kind.PNG),
    (b"GIF87a", Kind.GIF),
    (b"GIF89a", Kind.GIF),
    (b"II*\x00", Kind.TIFF),
    (b"MM\x00*", Kind.TIFF),
    (b"II+\x00", Kind.TIFF),
    (b"MM\x00+", Kind.TIFF),
    (b"BM", Kind.BMP),
    (b"%PDF", Kind.PDF),
)


class Header(Struct, frozen=True, kw_only=True):
    """What the first bytes of a PNG or WebP say: pixels, and whether it moves."""

    width: int
    height: int
    animated: bool = False


def kind_of(data: bytes) -> Kind:
    """Return what the bytes are, whatever the file was called."""
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Kind.WEBP
    if data[4:8] == b"ftyp":
        return _kind_of_brands(_brands(data))
    return _kind_of_text(data[:_TEXT_START])


def png_header(data: bytes) -> Header:
    """Return what a PNG says of itself before its first pixel.

    Raises:
        DamagedPicture: it ends before.
    """
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise corrupt()
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    return Header(width=width, height=height, animated=b"acTL" in _png_chunks(data))


def webp_header(data: bytes) -> Header:
    """Return what a WebP says of itself.

    Pillow is not asked, because it makes room for a whole canvas as soon as it opens one.

    Raises:
        DamagedPicture: the header is cut off or none that WebP has.
    """
    if len(data) < 30:
        raise corrupt()
    chunk = data[12:16]
    if chunk == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
        return Header(width=width, height=height, animated=bool(data[20] & 2))
    if chunk == b"VP8L" and data[20] == 0x2F:
        bits = int.from_bytes(data[21:25], "little")
        return Header(width=(bits & 0x3FFF) + 1, height=(bits >> 14 & 0x3FFF) + 1)
    if chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width = int.from_bytes(data[26:28], "little") & 0x3FFF
        height = int.from_bytes(data[28:30], "little") & 0x3FFF
        return Header(width=width, height=height)
    raise corrupt()


def corrupt() -> DamagedPicture:
    """Return the refusal of a picture that cannot be decoded."""
    return DamagedPicture("The picture is damaged or cut off", reason="corrupt")


def _png_chunks(data: bytes) -> Iterator[bytes]:
    """Yield the names of the chunks before the pixels."""
    at = len(_PNG)
    while at + 8 <= len(data) and data[at + 4 : at + 8] != b"IDAT":
        yield data[at + 4 : at + 8]
        at += 12 + int.from_bytes(data[at : at + 4])


def _brands(data: bytes) -> list[bytes]:
    """Return the major brand and the compatible ones of an ISO media file."""
    end = min(int.from_bytes(data[:4]), len(data), _LONGEST_BRANDS)
    return [data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))]


def _kind_of_brands(brands: list[bytes]) -> Kind:
    if brands[0] in _AVIF or (brands[0] in (b"mif1", b"msf1") and _AVIF & set(brands)):
        return Kind.AVIF
    return Kind.HEIC if brands[0] in _HEIC else Kind.UNKNOWN


def _kind_of_text(start: bytes) -> Kind:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not _MARKUP.match(text):
        return Kind.SVG if text.startswith(b"<!--") and b"<svg" in start else Kind.UNKNOWN
    return Kind.SVG if re.search(rb"<\s*svg", text, re.I) else Kind.HTML
