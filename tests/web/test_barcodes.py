"""Barcodes in pictures over HTTP (imports-and-scans, part 3)."""

from __future__ import annotations

from io import BytesIO

import aiohttp
import pytest
import zxingcpp
from PIL import Image

from bookstrack.testing.faults import Fault

PATH = "/api/v2/barcodes/decode"
FERRY, UNKNOWN = "9781644100370", "9791095546719"
PNG = {"Content-Type": "image/png"}
OTHERS = (("QR Code", "https://example.org/x"), ("Code 128", "LIB-0042"), ("EAN-8", "96385074"))
CODES = {
    "EAN-13": zxingcpp.BarcodeFormat.EAN13,
    "QR Code": zxingcpp.BarcodeFormat.QRCode,
    "Code 128": zxingcpp.BarcodeFormat.Code128,
    "EAN-8": zxingcpp.BarcodeFormat.EAN8,
}


def drawn(*codes: tuple[str, str]) -> bytes:
    """Codes one under the other on a white page."""
    page = Image.new("L", (900, 340 * max(1, len(codes)) + 60), "white")
    for number, (kind, text) in enumerate(codes):
        made = zxingcpp.create_barcode(text, CODES[kind])
        symbol = Image.fromarray(zxingcpp.write_barcode_to_image(made, scale=4))
        page.paste(symbol, (120, 60 + 340 * number))
    held = BytesIO()
    page.save(held, "PNG")
    return held.getvalue()


async def decoded(api, photo: bytes, query: str = "") -> dict:
    answer = await api.post(PATH + query, data=photo, headers=PNG)
    assert answer.status == 200, answer.body
    return answer.json["data"]


async def test_books_codes_and_what_they_are(api):
    photo = drawn(("EAN-13", FERRY), ("EAN-13", "0012345678905"))
    data = await decoded(api, photo)
    assert set(data) == {"barcodes"}
    book, product = data["barcodes"]
    position = book.pop("position")
    assert len(position) == 4
    assert all(0 <= corner[axis] <= 1 for corner in position for axis in "xy")
    assert book == {
        "text": FERRY,
        "format": "EAN-13",
        "valid": True,
        "isbn13": FERRY,
        "isbn10": "1644100371",
    }
    assert (product["format"], product["valid"]) == ("UPC-A", False)
    assert "isbn13" not in product


async def test_a_form_a_bare_body_and_a_picture_without_codes(api):
    form = aiohttp.FormData()
    form.add_field("image", drawn(("EAN-13", FERRY)), filename="x.png", content_type="image/png")
    answer = await api.post(PATH, data=form)
    assert answer.json["data"]["barcodes"][0]["isbn13"] == FERRY
    bare = await api.post(PATH, data=drawn(("EAN-13", FERRY)))
    assert bare.json["data"]["barcodes"][0]["isbn13"] == FERRY
    assert await decoded(api, drawn()) == {"barcodes": []}
    assert await decoded(api, drawn(), "?enrich=true") == {"barcodes": [], "books": []}


async def test_other_kinds_have_to_be_asked_for(api):
    photo = drawn(*OTHERS)
    assert (await decoded(api, photo))["barcodes"] == []
    data = await decoded(api, photo, "?formats=qr,Code%20128,ean-8")
    assert {(one["format"], one["text"]) for one in data["barcodes"]} == set(OTHERS)
    assert not any(one["valid"] for one in data["barcodes"])
    wrong = await api.post(f"{PATH}?formats=UPC-E", data=photo, headers=PNG)
    assert (wrong.status, wrong.json["error"]["code"]) == (400, "INVALID_REQUEST")


async def test_books_are_looked_up_when_asked(api):
    photo = drawn(("EAN-13", FERRY), ("EAN-13", UNKNOWN), ("EAN-13", FERRY))
    data = await decoded(api, photo, "?enrich=true")
    assert len(data["barcodes"]) == 3
    (book,) = data["books"]
    assert (book["title"], book["isbn13"]) == ("The Ferry to Morrow Island", FERRY)
    assert book["work"]["title"] == book["title"]


async def test_providers_that_are_away_are_named(start):
    api = await start(PROVIDER_RETRIES="1")
    api.upstream.fault("all", Fault.status(500))
    photo = drawn(("EAN-13", FERRY))
    answer = await api.post(f"{PATH}?enrich=true", data=photo, headers=PNG)
    assert (answer.status, answer.json["error"]["code"]) == (502, "PROVIDER_ERROR")
    assert (await decoded(api, photo))["barcodes"][0]["isbn13"] == FERRY


@pytest.mark.parametrize(
    ("data", "kind", "status", "code"),
    [
        (b"", "image/png", 400, "INVALID_REQUEST"),
        (b"{}", "application/json", 400, "INVALID_REQUEST"),
        (b"<html></html>", "image/png", 415, "UNSUPPORTED_FILE_TYPE"),
        (drawn()[:300], "image/png", 400, "INVALID_FILE"),
        (b"\xff\xd8\xff" + bytes(10_000_000), "image/jpeg", 413, "FILE_TOO_LARGE"),
    ],
    ids=["empty", "json", "html", "cut", "large"],
)
async def test_what_is_no_picture(api, data, kind, status, code):
    answer = await api.post(PATH, data=BytesIO(data), headers={"Content-Type": kind})
    assert (answer.status, answer.json["error"]["code"]) == (status, code)


async def test_the_limit_of_barcodes(start):
    api = await start(RATE_LIMIT_ENABLED="true", RATE_BARCODE="2/60")
    statuses = [(await api.post(PATH, data=drawn(), headers=PNG)).status for _ in range(3)]
    assert statuses == [200, 200, 429]
