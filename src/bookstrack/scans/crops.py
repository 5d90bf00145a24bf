"""The piece of a photo that shows one book, for a person to look at."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

from bookstrack.scans.detection import Box

_MARGIN = 0.01
_LONGEST_SIDE = 1024
_QUALITY = 85


def crop(image: Image.Image, box: Box) -> bytes | None:
    """Return a box of an upright RGB picture with a little around it, as JPEG.

    ``None`` where the box is empty. The long side has at most 1024 pixels.
    """
    if not box.area:
        return None
    width, height = image.size
    left, top = max(0.0, box.x1 - _MARGIN), max(0.0, box.y1 - _MARGIN)
    right, bottom = min(1.0, box.x2 + _MARGIN), min(1.0, box.y2 + _MARGIN)
    piece = image.crop(
        (int(left * width), int(top * height), round(right * width), round(bottom * height))
    )
    piece.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    out = BytesIO()
    piece.save(out, format="JPEG", quality=_QUALITY)
    return out.getvalue()
