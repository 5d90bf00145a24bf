"""Codes drawn by zxing-cpp's own writer are found again, wherever and however they stand."""

from __future__ import annotations

import sys

import pytest
from PIL import Image

from bookstrack.scans.barcodes import BarcodeFormat, detections, read_barcodes
from bookstrack.scans.refusals import ReaderMissing

zxingcpp = pytest.importorskip("zxingcpp")

BOOK = "9780306406157"
OTHER_BOOK = "9791090636071"
MUSIC = "9790060115615"
GROCERIES = "4006381333931"


def drawn(content: str, *, symbology: str = "EAN13", scale: int = 3) -> Image.Image:
    kind = getattr(zxingcpp.BarcodeFormat, symbology)
    code = Image.fromarray(zxingcpp.create_barcode(content, kind).to_image(scale=scale))
    return code.convert("RGB")


def on_a_page(
    *codes: Image.Image, size: tuple[int, int] = (1200, 900), turned: float = 0.0
) -> Image.Image:
    """Lay codes on a grey page, one in each field of a grid of two columns."""
    page = Image.new("RGB", size, (225, 222, 214))
    for number, code in enumerate(codes):
        framed = Image.new("RGB", (code.width + 60, code.height + 60), "white")
        framed.paste(code, (30, 30))
        tilted = framed.rotate(turned, expand=True, fillcolor=(225, 222, 214), resample=3)
        page.paste(tilted, (20 + 600 * (number % 2), 20 + 440 * (number // 2)))
    return page


def test_a_book():
    (code,) = read_barcodes(on_a_page(drawn(BOOK)))

    assert (code.text, code.format, code.valid) == (BOOK, "EAN-13", True)
    assert (code.isbn13, code.isbn10, code.ismn, code.add_on) == (BOOK, "0306406152", None, None)


def test_corners_are_shares_of_the_picture():
    (code,) = read_barcodes(on_a_page(drawn(BOOK)))

    top_left, top_right, bottom_right, bottom_left = code.position
    # The bars begin 30 + 33 pixels into the frame, which lies at (20, 20) on 1200 x 900 pixels.
    assert top_left.x == pytest.approx(83 / 1200, abs=0.01)
    assert top_left.y == pytest.approx(50 / 900, abs=0.02)
    assert top_right.x == pytest.approx((20 + 30 + 317) / 1200, abs=0.01)
    assert bottom_right.y == pytest.approx((50 + 149) / 900, abs=0.03)
    assert bottom_left.x == pytest.approx(top_left.x, abs=0.01)
    assert code.box.x == min(top_left.x, bottom_left.x)


@pytest.mark.parametrize("turned", [90, 180, 270, 7, -12, 20, 97])
def test_turned_and_tilted(turned):
    (code,) = read_barcodes(on_a_page(drawn(BOOK), turned=turned))

    assert code.isbn13 == BOOK


@pytest.mark.parametrize("turned", [0, 90, 15])
def test_light_bars_on_dark_paper(turned):
    page = on_a_page(drawn(BOOK), turned=turned).point(lambda value: 255 - value)

    (code,) = read_barcodes(page)

    assert code.isbn13 == BOOK


def test_ean_8_on_request_is_no_isbn():
    page = on_a_page(drawn("96385074", symbology="EAN8"))

    assert read_barcodes(page) == ()
    (code,) = read_barcodes(page, formats=[BarcodeFormat.EAN_8])
    assert (code.text, code.format, code.valid) == ("96385074", "EAN-8", False)


@pytest.mark.parametrize("symbology", ["QRCode", "Code128"])
def test_an_isbn_in_another_code_is_only_text(symbology):
    (code,) = read_barcodes(on_a_page(drawn(BOOK, symbology=symbology)), formats=BarcodeFormat)

    assert (code.text, code.valid, code.isbn13) == (BOOK, False, None)


def test_corners_begin_where_the_code_begins():
    (code,) = read_barcodes(on_a_page(drawn(BOOK), turned=180))

    first, second, *_ = code.position
    assert first.x > second.x


def test_several_in_one_picture():
    page = on_a_page(drawn(BOOK), drawn(OTHER_BOOK), drawn(GROCERIES), turned=4)

    codes = read_barcodes(page)

    assert {code.text: code.valid for code in codes} == {
        BOOK: True,
        OTHER_BOOK: True,
        GROCERIES: False,
    }
    assert [found.isbn for found in detections(codes)] == [
        code.isbn13 for code in codes if code.valid
    ]
    assert {found.confidence for found in detections(codes)} == {0.99}


def test_two_copies_stay_two():
    assert len(read_barcodes(on_a_page(drawn(BOOK), drawn(BOOK)))) == 2


def test_the_price_beside_it():
    (code,) = read_barcodes(on_a_page(drawn(f"{BOOK} 52499"), turned=3))

    assert (code.text, code.isbn13, code.add_on) == (BOOK, BOOK, "52499")


def test_printed_music():
    (code,) = read_barcodes(on_a_page(drawn(MUSIC)))

    assert (code.text, code.ismn, code.isbn13, code.valid) == (MUSIC, MUSIC, None, False)


def test_979_without_isbn10():
    (code,) = read_barcodes(on_a_page(drawn(OTHER_BOOK)))

    assert (code.isbn13, code.isbn10) == (OTHER_BOOK, None)


@pytest.mark.parametrize(
    "formats",
    [(BarcodeFormat.EAN_13, BarcodeFormat.UPC_A), (BarcodeFormat.UPC_A,)],
)
def test_upc_a_is_no_isbn(formats):
    (code,) = read_barcodes(on_a_page(drawn("036000291452", symbology="UPCA")), formats=formats)

    assert (code.text, code.format) == ("036000291452", "UPC-A")
    assert (code.valid, code.isbn13) == (False, None)


def test_upc_a_where_only_ean_is_asked_for():
    page = on_a_page(drawn("036000291452", symbology="UPCA"))

    assert read_barcodes(page, formats=[BarcodeFormat.EAN_13]) == ()


def test_upc_e_is_never_read():
    assert (
        read_barcodes(on_a_page(drawn("01234565", symbology="UPCE")), formats=BarcodeFormat) == ()
    )


def test_library_labels_on_request():
    page = on_a_page(
        drawn("B-0042/17", symbology="Code128"), drawn("https://x.example/1", symbology="QRCode")
    )

    assert read_barcodes(page) == ()
    wanted = [BarcodeFormat.CODE_128, BarcodeFormat.QR_CODE]
    codes = {code.format: code for code in read_barcodes(page, formats=wanted)}
    assert codes[BarcodeFormat.QR_CODE].text == "https://x.example/1"
    assert codes[BarcodeFormat.CODE_128].text == "B-0042/17"
    assert not any(code.valid for code in codes.values())


def test_nothing_to_read():
    assert read_barcodes(Image.new("RGB", (400, 300), "white")) == ()


def test_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "zxingcpp", None)

    with pytest.raises(ReaderMissing, match=r"bookstrack\[barcode\]") as refused:
        read_barcodes(Image.new("RGB", (400, 300), "white"))

    assert refused.value.code == "FEATURE_DISABLED"
    assert refused.value.details == {"extra": "barcode"}
