"""Makes a checked picture of the bytes of a photo: upright, small enough, without metadata.

Nothing is decoded before kind, size and stillness are known to be acceptable. Pure and slow: to
be called in a thread, or through ``prepared``, which is that thread and its time limit.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import struct
import warnings
import zlib
from io import BytesIO
from typing import Any

from msgspec import Struct
from PIL import Image, features
from PIL.Image import Transpose

from bookstrack.scans.jpeg import jpeg_header
from bookstrack.scans.kinds import Kind, corrupt, kind_of, png_header, webp_header
from bookstrack.scans.refusals import (
    DamagedPicture,
    PictureTooLarge,
    PictureTooSmall,
    UnsupportedPicture,
)

MAX_PIXELS = 50_000_000
MAX_SIDE = 12_000
MIN_SIDE = 200
LONGEST_SIDE = 3072
"""Pixels on the long side of a prepared picture; a larger one is scaled down to it."""

DECODING_SECONDS = 20.0
_QUALITY = 88
_STRIP = 1 << 20  # pixels whose colours are converted at a time
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
_OPENED_AS = {
    Kind.JPEG: ("JPEG", "MPO"),
    Kind.PNG: ("PNG",),
    Kind.WEBP: ("WEBP",),
    Kind.AVIF: ("AVIF",),
    Kind.HEIC: ("HEIF",),
}
_HEADERS = {Kind.JPEG: jpeg_header, Kind.PNG: png_header, Kind.WEBP: webp_header}
"""Our own readers, which neither make room for a picture nor can be kept busy by one."""

_TAKEN = "JPEG, PNG and WebP are taken"
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
"""What Pillow's readers raise for damaged files."""

# Pillow's own guard is set to our number and made to stop a picture instead of warning of it.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


class Inspected(Struct, frozen=True, kw_only=True):
    """What the header of an acceptable picture says; nothing is decoded. Sides in pixels."""

    kind: Kind
    width: int
    height: int


class CheckedPicture(Struct, frozen=True, kw_only=True):
    """A prepared photo: an upright RGB JPEG without metadata; sides in pixels.

    ``sha256`` is the hash of ``body`` in hexadecimal; ``kind`` and ``original`` (width, height)
    tell what came in.
    """

    body: bytes
    width: int
    height: int
    sha256: str
    kind: Kind
    original: tuple[int, int]

    def opened(self) -> Image.Image:
        """Return the decoded picture in RGB."""
        return Image.open(BytesIO(self.body), formats=("JPEG",)).convert("RGB")


def inspect(data: bytes) -> Inspected:
    """Check kind, dimensions and stillness of a picture by its header alone.

    Raises:
        UnsupportedPicture: no picture, a kind that is not taken, or one without its decoder.
        PictureTooLarge: above 50 million pixels, or a side above 12,000.
        PictureTooSmall: a side under 200.
        DamagedPicture: the header cannot be read, or there is more than one frame.
    """
    kind = _taken_kind(data)
    if read_header := _HEADERS.get(kind):
        header = read_header(data)
        found = Inspected(kind=kind, width=header.width, height=header.height)
        _check_sides(found)
        if header.animated:
            raise _animated()
        return found
    with _opened(data, kind) as image:
        found = Inspected(kind=kind, width=image.width, height=image.height)
        _check_sides(found)
        if kind is Kind.AVIF and getattr(image, "n_frames", 1) > 1:
            raise _animated()
    return found


def prepare(data: bytes) -> CheckedPicture:
    """Check a picture and return it as it is scanned, stored and forwarded.

    Orientation is applied, all metadata dropped, transparent pixels laid on white, the long side
    scaled to at most 3072 pixels.

    Raises:
        PictureRefused: as ``inspect``, and where the pixels turn out to be damaged.
    """
    found = inspect(data)
    with _opened(data, found.kind) as image:
        try:
            orientation = image.getexif().get(_ORIENTATION, 1)
            frame = _scaled(image)
        except _DAMAGED as error:
            raise corrupt() from error
    if orientation in _UPRIGHT:
        frame = frame.transpose(_UPRIGHT[orientation])
    body = _as_jpeg(frame)
    return CheckedPicture(
        body=body,
        width=frame.width,
        height=frame.height,
        sha256=hashlib.sha256(body).hexdigest(),
        kind=found.kind,
        original=(found.width, found.height),
    )


async def prepared(data: bytes, *, seconds: float = DECODING_SECONDS) -> CheckedPicture:
    """Prepare a picture in a thread, for so many seconds at most.

    Raises:
        PictureRefused: as ``prepare``; reason ``too_slow`` when the time is up. The thread ends
            by itself later.
    """
    try:
        return await asyncio.wait_for(asyncio.to_thread(prepare, data), seconds)
    except TimeoutError as error:
        raise DamagedPicture("The picture takes too long to decode", reason="too_slow") from error


def _taken_kind(data: bytes) -> Kind:
    kind = kind_of(data)
    if kind is Kind.UNKNOWN:
        raise UnsupportedPicture(f"This is not a picture; {_TAKEN}", reason="not_a_picture")
    if kind not in _OPENED_AS:
        raise UnsupportedPicture(
            f"Files of type {kind.upper()} are not scanned; {_TAKEN}",
            reason="unsupported_type",
            details={"type": kind.value},
        )
    if kind in (Kind.AVIF, Kind.HEIC) and not _has_decoder(kind):
        raise UnsupportedPicture(
            f"This server has no decoder for {kind.upper()}: send the photo as JPEG, or let the "
            "operator install the package that reads it",
            reason="decoder_missing",
            details={"type": kind.value},
        )
    return kind


def _has_decoder(kind: Kind) -> bool:
    """Tell whether Pillow can read AVIF or HEIC here, which optional packages decide."""
    if kind is Kind.AVIF:
        return bool(features.check("avif"))
    try:
        importlib.import_module("pillow_heif").register_heif_opener()
    except ImportError:
        return False
    return True


def _check_sides(found: Inspected) -> None:
    facts = {"width": found.width, "height": found.height}
    if max(found.width, found.height) > MAX_SIDE:
        raise PictureTooLarge(
            f"A side of the picture is longer than {MAX_SIDE} pixels",
            reason="side_too_long",
            details={**facts, "maxSide": MAX_SIDE},
        )
    if found.width * found.height > MAX_PIXELS:
        raise _too_many_pixels(facts)
    if min(found.width, found.height) < MIN_SIDE:
        raise PictureTooSmall(
            f"A side of the picture is shorter than {MIN_SIDE} pixels",
            reason="side_too_short",
            details={**facts, "minSide": MIN_SIDE},
        )


def _opened(data: bytes, kind: Kind) -> Image.Image:
    """Read a header with Pillow, which decodes later."""
    try:
        return Image.open(BytesIO(data), formats=_OPENED_AS[kind])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels({}) from error
    except _DAMAGED as error:
        raise corrupt() from error


def _scaled(image: Image.Image) -> Image.Image:
    """Decode as RGB no larger than wanted; what is large is never held in colours twice."""
    image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # JPEG decodes at a half or a quarter
    image.load()
    factor = max(1, max(image.size) // LONGEST_SIDE)
    rows = max(1, _STRIP // (image.width * factor)) * factor
    whole = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    for top in range(0, image.height, rows):
        strip = _plain(image.crop((0, top, image.width, min(top + rows, image.height))))
        whole.paste(strip.reduce(factor) if factor > 1 else strip, (0, top // factor))
    whole.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    return whole


def _as_jpeg(frame: Image.Image) -> bytes:
    frame.info.clear()
    out = BytesIO()
    frame.save(out, format="JPEG", quality=_QUALITY)
    return out.getvalue()


def _plain(strip: Image.Image) -> Image.Image:
    """Return a strip in RGB, what is transparent laid on white."""
    if strip.mode.startswith("I"):  # Pillow would cut 16 bits off at 255
        bytewide: Any = strip.point(lambda value: value / 256)  # pyright: ignore[reportUnknownMemberType] Pillow leaves the type of the table open
        return bytewide.convert("L").convert("RGB")
    if not strip.has_transparency_data:
        return strip.convert("RGB")
    layer = strip.convert("RGBA")
    paper = Image.new("RGB", strip.size, "white")
    paper.paste(layer, mask=layer.getchannel("A"))
    return paper


def _too_many_pixels(facts: dict[str, int]) -> PictureTooLarge:
    return PictureTooLarge(
        f"The picture has more than {MAX_PIXELS // 1_000_000} million pixels",
        reason="too_many_pixels",
        details={**facts, "maxPixels": MAX_PIXELS},
    )


def _animated() -> DamagedPicture:
    return DamagedPicture("Moving pictures are not scanned", reason="animated")
