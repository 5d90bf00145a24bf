"""Engines that read text: which there are, and what the real one reads, slowly."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Sequence

import pytest
from PIL import Image, ImageDraw, ImageFont

from bookstrack.scans import engines as found_here
from bookstrack.scans import rapid
from bookstrack.scans.candidates import BookIndex, Candidate
from bookstrack.scans.detection import Orientation
from bookstrack.scans.engines import GROUP, engines
from bookstrack.scans.matching import match
from bookstrack.scans.ocr import TextLine
from bookstrack.scans.rapid import RapidReader
from bookstrack.scans.refusals import ReaderMissing
from bookstrack.scans.spines import find_spines, in_reading_order, spine_of

LIBRARY = BookIndex(
    [
        Candidate(title="The Luminaries", authors=("Eleanor Catton",)),
        Candidate(title="The Sellout", authors=("Paul Beatty",)),
    ]
)


class Told:
    """An engine that reads nothing."""

    name = "ocr:told-1.0"

    def read(self, image: Image.Image) -> Sequence[TextLine]:
        return ()


def test_engine_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidocr", None)

    with pytest.raises(ReaderMissing, match=r"bookstrack\[ocr\]"):
        RapidReader().read(Image.new("RGB", (300, 300)))


def test_engines_of_other_packages(monkeypatch):
    point = importlib.metadata.EntryPoint("told", "scans.test_engines:Told", GROUP)
    monkeypatch.setattr(found_here, "entry_points", lambda *, group: [point])
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

    spines = find_spines(rapid_reader.read(page), page)
    found = await match(spines, LIBRARY, size=page.size)

    assert {one.title for one in found} == {"The Luminaries", "The Sellout"}
    assert min(one.confidence for one in found) >= 0.7
    assert {one.orientation for one in found} == {Orientation.VERTICAL_DOWN}
