"""The shared photos, read without network, with a catalogue that knows their books and without.

Slow; its figures are logged (``-o log_cli=true -o log_cli_level=INFO``).
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from bookstrack.normalise.titles import title_key
from bookstrack.scans.candidates import BookIndex, Candidate
from bookstrack.scans.detection import Detection
from bookstrack.scans.matching import match
from bookstrack.scans.results import THRESHOLD, SeenBook, collect
from bookstrack.scans.scoring import main_title
from bookstrack.scans.spines import Spine
from scans.shelves import catalogue, is_book, own_books, truth

log = logging.getLogger(__name__)
pytest.importorskip("rapidocr")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # the first test reads all photos

LEAST_FOUND = 41
LONGEST_SECONDS = 15.0
MOST_MEMORY_MB = 1_200
MOST_WRONG = 1
ALL_REQUIRED = 45

READ_ONE = """
import json, socket, sys, time
import msgspec

def refuse(*_):
    raise AssertionError("reading a photo opened a connection")

socket.socket.connect = refuse
socket.create_connection = refuse
from bookstrack.scans.picture import prepare
from bookstrack.scans.rapid import RapidReader
from bookstrack.scans.spines import find_spines
from bookstrack.testing.memory import peak_megabytes

started = time.perf_counter(), time.process_time()
picture = prepare(open(sys.argv[1], "rb").read())
image = picture.opened()
# On one thread, so that the processor's time tells how long one processor takes at most.
spines = find_spines(RapidReader(threads=1).read(image), image)
print(json.dumps({
    # Whatever else runs on the machine does not count.
    "seconds": min(time.perf_counter() - started[0], time.process_time() - started[1]),
    "megabytes": peak_megabytes(),
    "size": image.size,
    "spines": msgspec.to_builtins(spines),
}))
"""


@dataclass(frozen=True)
class Photo:
    """One photo as the engine read it, in a process of its own."""

    name: str
    seconds: float
    megabytes: float
    size: tuple[int, int]
    spines: list[Spine]


@pytest.fixture(scope="module")
def photos(fixtures_dir: Path) -> list[Photo]:
    read = []
    for name in truth(fixtures_dir):
        command = [sys.executable, "-c", READ_ONE, str(fixtures_dir / "shelves" / name)]
        said = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        spines = msgspec.convert(said["spines"], list[Spine])
        read.append(Photo(name, said["seconds"], said["megabytes"], tuple(said["size"]), spines))
    return read


@pytest.fixture(scope="module")
def closed_world(fixtures_dir: Path) -> BookIndex:
    """A catalogue of 10,000 books and those of the photos."""
    return BookIndex([*catalogue(fixtures_dir), *own_books(fixtures_dir)])


@pytest.fixture(scope="module")
def open_world(fixtures_dir: Path) -> BookIndex:
    """The same without the photos' books, in whichever edition."""
    photographed = [book for shelf in truth(fixtures_dir).values() for book in shelf]
    return BookIndex(
        book
        for book in catalogue(fixtures_dir)
        if not any(is_book(book.title, ", ".join(book.authors), one) for one in photographed)
    )


async def matched(photos: list[Photo], index: BookIndex) -> dict[str, list[Detection]]:
    return {photo.name: await match(photo.spines, index, size=photo.size) for photo in photos}


def test_time_memory_and_network(photos):
    """Every photo was read in a process that may open no connection."""
    for photo in photos:
        log.info("%s: %.1f s, %.0f MB", photo.name, photo.seconds, photo.megabytes)
    assert max(photo.seconds for photo in photos) < LONGEST_SECONDS
    assert max(photo.megabytes for photo in photos) < MOST_MEMORY_MB


async def test_books_that_the_catalogue_knows(photos, closed_world, fixtures_dir):
    found = approved = required = 0
    wrong: list[tuple[str, str]] = []
    for name, detections in (await matched(photos, closed_world)).items():
        shelf = truth(fixtures_dir)[name]
        known = [one for one in detections if one.work_id]
        sure = [one for one in known if one.confidence >= THRESHOLD]
        for book in (book for book in shelf if book.get("required", True)):
            required += 1
            found += any(is_book(one.title, one.author, book) for one in known)
            approved += any(is_book(one.title, one.author, book) for one in sure)
        wrong += [
            (name, one.title)
            for one in sure
            if not any(is_book(one.title, one.author, book) for book in shelf)
        ]
    log.info("found %d of %d, approved %d, wrong %s", found, required, approved, wrong)
    assert required == ALL_REQUIRED
    assert found >= LEAST_FOUND
    assert wrong == []


async def test_books_that_the_catalogue_does_not_know(photos, open_world, fixtures_dir):
    books = await matched(photos, open_world)
    approved = [
        (name, one.title)
        for name, detections in books.items()
        for one in detections
        if one.confidence >= THRESHOLD
        and not any(is_book(one.title, one.author, book) for book in truth(fixtures_dir)[name])
    ]
    log.info("wrongly approved: %s", approved)
    assert len(approved) <= MOST_WRONG
    # What was read is there for the reader to complete.
    raw = [one for detections in books.values() for one in detections if not one.work_id]
    assert len(raw) > ALL_REQUIRED / 2
    assert max(one.confidence for one in raw) <= 0.4


async def test_two_photos_of_one_shelf(photos, closed_world, fixtures_dir):
    books = await matched(photos[:2], closed_world)
    seen = collect(enumerate(books.values()))

    approved = {title_key(main_title_of(book)): book for book in seen if book.approved}
    shelves = [truth(fixtures_dir)[name] for name in books]
    both = [book for book in shelves[0] if book in shelves[1]]
    assert len(both) == 7
    for book in both:
        found = approved[title_key(book["title"])]
        assert sorted(found.photos) == [0, 1]
        assert found.copies == 1
    suggested = [book for book in seen if book.detection.work_id]
    assert len(suggested) == 15


def main_title_of(book: SeenBook) -> str:
    return main_title(Candidate(title=book.detection.title))
