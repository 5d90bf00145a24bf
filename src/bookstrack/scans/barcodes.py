"""Barcodes in a picture, read by zxing-cpp (optional extra ``barcode``), and the ISBNs they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct
from PIL import Image, ImageOps

from bookstrack.model.isbn import Isbn
from bookstrack.model.naming import camel_name
from bookstrack.scans.detection import Box, Detection
from bookstrack.scans.refusals import ReaderMissing

if TYPE_CHECKING:
    import zxingcpp

CONFIDENCE = 0.99
"""Of a book whose ISBN a barcode on the photo gave."""

_MUSIC = "9790"
_EAN_DIGITS = 13
_MOST = 100
_REACH = 0.1


class BarcodeFormat(StrEnum):
    """Symbologies that may be asked for.

    UPC-E is none of them: on tilted pictures it is invented out of the stripes of other codes.
    """

    EAN_13 = "EAN-13"
    UPC_A = "UPC-A"
    EAN_8 = "EAN-8"
    QR_CODE = "QR Code"
    CODE_128 = "Code 128"


BOOK_FORMATS = (BarcodeFormat.EAN_13, BarcodeFormat.UPC_A)
"""What books carry."""


class Point(Struct, frozen=True):
    """A corner; shares of the picture's width and height, 0 to 1."""

    x: float
    y: float


class Barcode(Struct, frozen=True, kw_only=True, rename=camel_name, omit_defaults=True):
    """One code in a picture.

    ``valid`` tells whether it is an ISBN; ``ismn`` is set instead where it is printed music.
    ``position`` is the code's corners, the first where reading begins, the second where it ends.
    ``add_on`` is the two- or five-digit symbol beside it (the price, or the issue).
    """

    text: str
    format: BarcodeFormat
    valid: bool
    position: tuple[Point, Point, Point, Point]
    isbn13: str | None = None
    isbn10: str | None = None
    ismn: str | None = None
    add_on: str | None = None

    @property
    def box(self) -> Box:
        """Return the upright box around the corners."""
        across, down = [p.x for p in self.position], [p.y for p in self.position]
        return Box.between(min(across), min(down), max(across), max(down))


def read_barcodes(
    image: Image.Image, *, formats: Iterable[BarcodeFormat] = BOOK_FORMATS
) -> tuple[Barcode, ...]:
    """Return the codes in an upright RGB or grey picture, from top to bottom. Pure and slow.

    Raises:
        ReaderMissing: zxing-cpp is not installed.
    """
    try:
        import zxingcpp
    except ImportError as error:
        raise ReaderMissing("Reading barcodes", extra="barcode") from error
    names = {_code_of(wanted, zxingcpp.BarcodeFormat): wanted for wanted in dict.fromkeys(formats)}
    grey = image.convert("L")
    # zxing-cpp tries light on dark by itself only for codes of squares, not for those of bars.
    found = _found(grey, names) or _found(ImageOps.invert(grey), names)
    read = [_barcode(one, names[one.format], image.size) for one in found if one.format in names]
    wanted_ones = [code for code in read if code.format in names.values()]
    codes = _without_repeats(wanted_ones[:_MOST])
    return tuple(sorted(codes, key=lambda code: (code.box.y, code.box.x)))


def _found(
    grey: Image.Image, formats: Iterable[zxingcpp.BarcodeFormat]
) -> Sequence[zxingcpp.Barcode]:
    import zxingcpp

    return zxingcpp.read_barcodes(
        grey,
        formats=zxingcpp.BarcodeFormats(list(formats)),
        try_rotate=True,
        try_downscale=True,
        try_invert=True,
        text_mode=zxingcpp.TextMode.Plain,
        ean_add_on_symbol=zxingcpp.EanAddOnSymbol.Read,
    )


def detections(codes: Sequence[Barcode]) -> list[Detection]:
    """Return a detection for each code that is an ISBN, at the place of the code."""
    return [
        Detection(
            title="", isbn=code.isbn13, confidence=CONFIDENCE, box=code.box, raw_text=code.text
        )
        for code in codes
        if code.isbn13
    ]


def _code_of(wanted: BarcodeFormat, known: type[zxingcpp.BarcodeFormat]) -> zxingcpp.BarcodeFormat:
    return {
        BarcodeFormat.EAN_13: known.EAN13,
        BarcodeFormat.UPC_A: known.UPCA,
        BarcodeFormat.EAN_8: known.EAN8,
        BarcodeFormat.QR_CODE: known.QRCode,
        BarcodeFormat.CODE_128: known.Code128,
    }[wanted]


def _barcode(found: zxingcpp.Barcode, symbology: BarcodeFormat, size: tuple[int, int]) -> Barcode:
    text, add_on = found.text, None
    if symbology in BOOK_FORMATS:
        symbology, text, add_on = _retail(found.text)
    isbn = Isbn.find(text) if symbology is BarcodeFormat.EAN_13 else None
    is_music = isbn is not None and isbn.is_valid and text.startswith(_MUSIC)
    is_book = isbn is not None and isbn.is_valid and not is_music
    corners = found.position
    return Barcode(
        text=text,
        format=symbology,
        valid=is_book,
        position=(
            _point(corners.top_left, size),
            _point(corners.top_right, size),
            _point(corners.bottom_right, size),
            _point(corners.bottom_left, size),
        ),
        isbn13=isbn.isbn13 if isbn is not None and is_book else None,
        isbn10=isbn.isbn10 if isbn is not None and is_book else None,
        ismn=text if is_music else None,
        add_on=add_on,
    )


def _retail(digits: str) -> tuple[BarcodeFormat, str, str | None]:
    """Take the digits of an EAN-13 or UPC-A apart, which zxing-cpp gives as one string.

    A UPC-A is to it an EAN-13 that begins with a zero.
    """
    number, add_on = digits[:_EAN_DIGITS], digits[_EAN_DIGITS:] or None
    if number.startswith("0"):
        return BarcodeFormat.UPC_A, number[1:], add_on
    return BarcodeFormat.EAN_13, number, add_on


def _point(corner: zxingcpp.Point, size: tuple[int, int]) -> Point:
    width, height = size
    return Point(_share(corner.x, width), _share(corner.y, height))


def _share(value: int, whole: int) -> float:
    return min(1.0, max(0.0, value / whole))


def _without_repeats(codes: list[Barcode]) -> list[Barcode]:
    """Keep one of several readings of the same stripes, which one with an add-on was read from."""
    kept: list[Barcode] = []
    for code in sorted(codes, key=lambda code: (code.add_on is None, -code.box.area)):
        if not any(code.text == other.text and _near(code.box, other.box) for other in kept):
            kept.append(code)
    return kept


def _near(one: Box, other: Box) -> bool:
    """Tell whether two boxes touch when each is grown by a part of its longer side."""
    grown = [
        Box.between(
            box.x1 - _REACH * max(box.width, box.height),
            box.y1 - _REACH * max(box.width, box.height),
            box.x2 + _REACH * max(box.width, box.height),
            box.y2 + _REACH * max(box.width, box.height),
        )
        for box in (one, other)
    ]
    return grown[0].overlap(grown[1]) > 0
