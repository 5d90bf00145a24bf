"""Who reads a photo, and what is seen on it whoever reads (§2.5, §2.6, part 3)."""

from __future__ import annotations

import sys
from io import BytesIO

import pytest
from PIL import Image

from bookstrack.pipelines.scan_readers import look
from bookstrack.scans.picture import CheckedPicture, prepare

ISBN = "9780306406157"


def picture(image: Image.Image) -> CheckedPicture:
    held = BytesIO()
    image.save(held, "PNG")
    return prepare(held.getvalue())


def with_barcode() -> Image.Image:
    zxingcpp = pytest.importorskip("zxingcpp")
    page = Image.new("RGB", (1200, 900), "white")
    code = zxingcpp.create_barcode(ISBN, zxingcpp.BarcodeFormat.EAN13).to_image(scale=3)
    page.paste(Image.fromarray(code).convert("RGB"), (300, 300))
    return page


async def test_barcodes_are_read_whoever_reads_the_spines():
    looked = await look(picture(with_barcode()))

    assert [(one.isbn, one.confidence) for one in looked.codes] == [(ISBN, 0.99)]


async def test_photos_are_looked_at_without_the_barcode_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "zxingcpp", None)

    looked = await look(picture(Image.new("RGB", (1200, 900), "white")))

    assert looked.codes == ()
    assert looked.quality.brightness == pytest.approx(255)
