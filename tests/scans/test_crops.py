"""The piece of a photo that shows one book."""

from __future__ import annotations

import io

from PIL import Image

from bookstrack.scans.crops import crop
from bookstrack.scans.detection import Box


def photo() -> Image.Image:
    image = Image.new("RGB", (3000, 2000), "white")
    image.paste((200, 0, 0), (600, 200, 900, 1800))
    return image


def test_the_book_with_a_little_around_it():
    data = crop(photo(), Box.between(0.2, 0.1, 0.3, 0.9))

    assert data is not None
    piece = Image.open(io.BytesIO(data))
    assert (piece.format, piece.height) == ("JPEG", 1024)
    assert piece.width == round(1024 * (0.12 * 3000) / (0.82 * 2000))
    red, green, _ = piece.getpixel((piece.width // 2, 512))
    assert red > 180
    assert green < 30


def test_a_box_at_the_edge():
    data = crop(photo(), Box.between(0.0, 0.0, 0.1, 0.1))

    assert data is not None
    assert Image.open(io.BytesIO(data)).size == (330, 220)


def test_no_box():
    assert crop(photo(), Box()) is None
