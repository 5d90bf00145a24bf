"""A photo through all steps: with a made-up engine quickly, with the real one slowly."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Sequence

import pytest
from PIL import Image, ImageDraw, ImageFont

from bookstrack.scans import rapid, reading
from bookstrack.scans.candidates import BookIndex, Candidate
from bookstrack.scans.detection import Orientation
from bookstrack.scans.ocr import TextLine
from bookstrack.scans.picture import CheckedPicture, Kind
from bookstrack.scans.rapid import RapidReader
from bookstrack.scans.reading import OcrReader, engines
from bookstrack.scans.refusals import ReaderMissing
from bookstrack.scans.spines import in_reading_order, spine_of
from scans.shelves import across

LIBRARY = BookIndex(
    [
        Candidate(title="The Luminaries", authors=("Eleanor Catton",)),
        Candidate(title="The Sellout", authors=("Paul Beatty",)),
    ]
)
ISBN = "9780306406157"


class Told:
    """An engine that reads what it was told."""

    name = "ocr:told-1.0"

    def __init__(self, *lines: TextLine) -> None:
        self._lines = lines

    def read(self, image: Image.Image) -> Sequence[TextLine]:
        assert image.mode == "RGB"
        return self._lines


def picture(image: Image.Image) -> CheckedPicture:
    from bookstrack.scans.picture import prepare
    from scans.test_picture import encoded

    made = prepare(encoded(image, "PNG"))
    assert made.kind is Kind.PNG
    return made


async def test_all_steps():
    lines = (across("THE LUMINARIES", x=100, y=500), across("ELEANOR CATTON", x=700, y=500))
    reader = OcrReader(Told(*lines), LIBRARY)

    found = await reader.read(picture(Image.new("RGB", (2000, 1000), "white")))

    (book,) = found.detections
    assert (book.title, book.confidence) == ("The Luminaries", 0.95)
    assert found.model == reader.name == "ocr:told-1.0"
    assert found.quality.brightness == pytest.approx(255)


async def test_barcodes_are_read_along_the_way():
    zxingcpp = pytest.importorskip("zxingcpp")
    page = Image.new("RGB", (1200, 900), "white")
    code = zxingcpp.create_barcode(ISBN, zxingcpp.BarcodeFormat.EAN13).to_image(scale=3)
    page.paste(Image.fromarray(code).convert("RGB"), (300, 300))

    found = await OcrReader(Told(), LIBRARY).read(picture(page))

    assert [(one.isbn, one.confidence) for one in found.detections] == [(ISBN, 0.99)]


async def test_spines_are_read_without_the_barcode_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "zxingcpp", None)
    line = across("THE LUMINARIES CATTON", x=100, y=500)

    found = await OcrReader(Told(line), LIBRARY).read(picture(Image.new("RGB", (2000, 1000))))

    assert [one.title for one in found.detections] == ["The Luminaries"]


def test_engine_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidocr", None)

    with pytest.raises(ReaderMissing, match=r"bookstrack\[ocr\]"):
        RapidReader().read(Image.new("RGB", (300, 300)))


def test_engines_of_other_packages(monkeypatch):
    point = importlib.metadata.EntryPoint("told", "scans.test_reading:Told", reading.GROUP)
    monkeypatch.setattr(reading, "entry_points", lambda *, group: [point])
    monkeypatch.setattr(rapid, "is_installed", lambda: False)

    assert list(engines()) == ["told"]
    assert engines()["told"]().name == "ocr:told-1.0"


def test_the_default_engine_comes_first(monkeypatch):
    monkeypatch.setattr(rapid, "is_installed", lambda: True)

    assert next(iter(engines())) == "rapidocr"


def test_the_name_tells_engine_and_version():
    pytest.importorskip("rapidocr")
    assert RapidReader().name.startswith("ocr:rapidocr-3.")


# --- the real engine ------------------------------------------------------------------------


def printed(text: str, *, size: int = 64) -> Image.Image:
    image = Image.new("RGB", (int(0.7 * size * len(text)), 2 * size), "ivory")
    font = ImageFont.load_default(size)
    ImageDraw.Draw(image).text((size // 2, size // 2), text, fill="black", font=font)
    return image


@pytest.fixture(scope="module")
def rapid_reader() -> RapidReader:
    pytest.importorskip("rapidocr")
    return RapidReader()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("degrees", "orientation"),
    [
        (0, Orientation.HORIZONTAL),
        (90, Orientation.VERTICAL_UP),
        (180, Orientation.UPSIDE_DOWN),
        (270, Orientation.VERTICAL_DOWN),
    ],
)
def test_text_in_every_direction(rapid_reader, degrees, orientation):
    page = Image.new("RGB", (1400, 1400), (90, 60, 40))
    text = printed("THE LUMINARIES").rotate(degrees, expand=True)
    page.paste(text, (400, 300))

    lines = list(in_reading_order(rapid_reader.read(page)))

    assert "".join(line.text for line in lines).replace(" ", "") == "THELUMINARIES"
    assert {line.orientation for line in lines} == {orientation}
    assert min(line.confidence for line in lines) > 0.9
    box = spine_of(lines, page.size).box
    assert box.x + box.width / 2 == pytest.approx((400 + text.width / 2) / 1400, abs=0.03)
    assert box.y + box.height / 2 == pytest.approx((300 + text.height / 2) / 1400, abs=0.03)


@pytest.mark.slow
def test_a_picture_without_text(rapid_reader):
    assert rapid_reader.read(Image.new("RGB", (800, 600), "grey")) == []


@pytest.mark.slow
async def test_a_drawn_shelf(rapid_reader):
    page = Image.new("RGB", (1600, 1400), (60, 40, 30))
    for number, text in enumerate(("THE LUMINARIES  ELEANOR CATTON", "PAUL BEATTY  THE SELLOUT")):
        page.paste(printed(text, size=52).rotate(270, expand=True), (300 + 200 * number, 100))

    found = await OcrReader(rapid_reader, LIBRARY).read(picture(page))

    assert {one.title for one in found.detections} == {"The Luminaries", "The Sellout"}
    assert min(one.confidence for one in found.detections) >= 0.7
    assert {one.orientation for one in found.detections} == {Orientation.VERTICAL_DOWN}
