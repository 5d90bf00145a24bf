"""Pictures as bytes: telling what they are, shrinking them, packing them as WebP. Pure and slow.

Nothing a header claims is believed further than its bounds: dimensions are checked before a
single pixel is decoded, only the first frame is ever read, and metadata (places, cameras,
comments, colour profiles) does not survive. A large picture is never copied whole. Those above
``LARGE_PIXELS`` are to be read one at a time.
"""

from __future__ import annotations

import struct
import zlib
from enum import StrEnum
from io import BytesIO
from typing import Any

from msgspec import Struct
from PIL import Image
from PIL.Image import Transpose

from bookstrack.errors import ProviderFailed

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
_MAX_SIDE = 12_000
_MAX_PIXELS = 50_000_000
"""Of a JPEG that is decoded row by row, and smaller than it is."""

_MAX_WHOLE_PIXELS = {"WEBP": 4_000_000, "AVIF": 4_000_000, "JPEG": 10_000_000}
"""Of those decoded whole, by what a pixel costs: several frames, or coefficients, or 4 bytes."""

_MAX_PLAIN_PIXELS = 16_000_000
_MAX_PACKED_PIXELS = 1_500_000
"""A larger original is kept as it came: encoding it would cost 50 bytes a pixel."""

LARGE_PIXELS = 800_000
"""What is larger costs up to 100 MB, what is not up to 50 MB."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"iCCP"})
_STRIP = 1 << 20  # pixels that are copied at a time

_WEBP: dict[str, Any] = {"format": "WEBP", "quality": 85, "method": 4}
_PNG: dict[str, Any] = {"format": "PNG", "optimize": True}
_ORIGINAL: dict[str, dict[str, Any]] = {
    "JPEG": {"format": "JPEG", "quality": 85, "optimize": True},
    "PNG": _PNG,
    "GIF": _PNG,  # one frame of it
}
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
_LYING = frozenset({5, 6, 7, 8})
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# What Pillow's readers raise for damaged files, found by damaging files (tests/covers).
_DAMAGED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    RuntimeError,
    ArithmeticError,
    struct.error,
    zlib.error,
)


class CoverSize(StrEnum):
    """The boxes a picture is fitted into (data-model §6.2)."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"

    @property
    def box(self) -> tuple[int, int]:
        """Return width and height in pixels."""
        return {"small": (128, 192), "medium": (256, 384), "large": (512, 768)}[self.value]

    @classmethod
    def read(cls, text: str | None) -> CoverSize:
        """Read a size; anything unknown is medium."""
        try:
            return cls(text or "")
        except ValueError:
            return cls.MEDIUM


class Picture(Struct, frozen=True, kw_only=True):
    """An encoded picture with its true type and its dimensions in pixels."""

    body: bytes
    content_type: str
    width: int
    height: int


def resize(data: bytes, *, size: CoverSize) -> Picture:
    """Fit a picture into a box, never enlarging it: upright, without metadata, as WebP.

    Where WebP is no smaller than the input, the input's own format is used if that is smaller.

    Raises:
        ProviderFailed: not a picture, a damaged one, or one of too many pixels.
    """
    with _opened(data) as image:
        try:
            frame = _upright(image, size.box)
            return _smallest(frame, image.format or "", limit=len(data))
        except _DAMAGED as error:
            raise _not_a_picture() from error


def pack(data: bytes) -> Picture:
    """Return the form in which an original is kept: as WebP where that is smaller.

    The whole picture is decoded, so that a damaged one is not kept.

    Raises:
        ProviderFailed: as ``resize``.
    """
    with _opened(data) as image:
        try:
            if image.width * image.height <= _MAX_PACKED_PIXELS:
                packed = _encoded(_upright(image, None), _WEBP)
                if len(packed.body) < len(data):
                    return packed
            else:
                image.draft(None, _fitted(image.size, CoverSize.LARGE.box))
                image.load()
        except _DAMAGED as error:
            raise _not_a_picture() from error
    return describe(data)


def describe(data: bytes) -> Picture:
    """Return bytes with the type and dimensions that their header states; nothing is decoded.

    Raises:
        ProviderFailed: not a picture, or one of too many pixels.
    """
    with _opened(data) as image:
        kind = Image.MIME[image.format or ""]
        return Picture(body=data, content_type=kind, width=image.width, height=image.height)


def _opened(data: bytes) -> Image.Image:
    """Read the header of a picture whose dimensions are within bounds."""
    try:
        image = Image.open(BytesIO(_without_texts(data)), formats=_FORMATS)
    except _BOMB as error:
        raise _too_many_pixels() from error
    except _DAMAGED as error:
        raise _not_a_picture() from error
    most = _most_pixels(image, data)
    if max(image.size) > _MAX_SIDE or image.width * image.height > most:
        image.close()
        raise _too_many_pixels(most)
    return image


def _most_pixels(image: Image.Image, data: bytes) -> int:
    if image.format == "JPEG" and _comes_in_one_scan(data):
        return _MAX_PIXELS
    return _MAX_WHOLE_PIXELS.get(image.format or "", _MAX_PLAIN_PIXELS)


def _without_texts(data: bytes) -> bytes:
    """Return a PNG without its comments, each of which may unpack to a megabyte."""
    if not data.startswith(_PNG_SIGNATURE):
        return data
    kept: list[bytes] = []
    start, at = 0, len(_PNG_SIGNATURE)
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        if data[at + 4 : at + 8] in _PNG_TEXTS:
            kept.append(data[start:at])
            start = end
        at = end
    return b"".join((*kept, data[start:])) if kept else data


def _comes_in_one_scan(data: bytes) -> bool:
    """Tell whether a JPEG is decoded row by row: a progressive one is held whole while it is.

    So is a sequential one whose first scan (marker DA) has fewer components than the frame.
    """
    at, components = 2, -1
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xDA:
            return data[at + 4] == components
        if marker in (0xC0, 0xC1):
            components = data[at + 9]
        elif 0xC0 < marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return False
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return False


def _upright(image: Image.Image, box: tuple[int, int] | None) -> Image.Image:
    """Decode as upright RGB or RGBA without metadata, no more than a box needs."""
    orientation = image.getexif().get(_ORIENTATION, 1)
    if box and orientation in _LYING:
        box = (box[1], box[0])
    if box:
        width, height = _fitted(image.size, box)
        image.draft(None, (2 * width, 2 * height))  # JPEG decodes at a half, quarter or eighth
        frame = _reduced(image, min(image.width // (2 * width), image.height // (2 * height)))
        frame.thumbnail(box, Image.Resampling.LANCZOS)
    else:
        frame = _plain(image)
    if orientation in _UPRIGHT:
        frame = frame.transpose(_UPRIGHT[orientation])
    frame.info.clear()
    return frame


def _fitted(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """Return a picture's size, shrunk to a box in proportion."""
    width, height = size
    share = min(1.0, box[0] / width, box[1] / height)
    return max(1, round(width * share)), max(1, round(height * share))


def _reduced(image: Image.Image, factor: int) -> Image.Image:
    """Return a picture in plain colours, its sides divided by a factor, made strip by strip."""
    if factor < 2:
        return _plain(image)
    image.load()
    rows = max(1, _STRIP // (image.width * factor)) * factor
    tops = range(0, image.height, rows)
    size = -(-image.width // factor), -(-image.height // factor)
    whole: Image.Image | None = None
    for top in tops:
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        small = _plain(strip).reduce(factor)
        if whole is None:
            whole = Image.new(small.mode, size)
        whole.paste(small, (0, top // factor))
    return whole or _plain(image)


def _plain(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):  # Pillow would cut 16 bits off at 255
        bytewide = image.point(lambda value: value / 256)  # pyright: ignore[reportUnknownMemberType]
        return bytewide.convert("L").convert("RGB")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _smallest(frame: Image.Image, original: str, *, limit: int) -> Picture:
    packed = _encoded(frame, _WEBP)
    if len(packed.body) < limit or original not in _ORIGINAL:
        return packed
    plain = _encoded(frame, _ORIGINAL[original])
    return min(packed, plain, key=lambda picture: len(picture.body))


def _encoded(frame: Image.Image, how: dict[str, Any]) -> Picture:
    out = BytesIO()
    frame.save(out, **how)
    kind = Image.MIME[how["format"]]
    return Picture(body=out.getvalue(), content_type=kind, width=frame.width, height=frame.height)


def _not_a_picture() -> ProviderFailed:
    return ProviderFailed("covers", "This is not an image, or a damaged one")


def _too_many_pixels(most: int = _MAX_PIXELS) -> ProviderFailed:
    return ProviderFailed(
        "covers",
        "The picture has too many pixels",
        details={"maxPixels": most, "maxSide": _MAX_SIDE},
    )
