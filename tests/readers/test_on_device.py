"""Reading on this machine with an engine that sees what a test says: who is asked about a spine."""

from __future__ import annotations

import asyncio
import threading
import time
from io import BytesIO

import pytest
from PIL import Image

from bookstrack.cache.tiers import Hit
from bookstrack.errors import ProviderFailed, StorageUnavailable
from bookstrack.readers.on_device import OnDeviceShelf, OwnBooks
from bookstrack.scans.ocr import TextLine
from bookstrack.scans.picture import prepare
from bookstrack.storage.database.titles import Titled


def line(text: str, left: int, *, height: int = 60) -> TextLine:
    """A line that runs down an upright spine."""
    right, bottom = left + height, 100 + 22 * len(text)
    corners = ((right, 100), (right, bottom), (left, bottom), (left, 100))
    return TextLine(text=text, confidence=0.98, corners=corners)


class Engine:
    name = "ocr:drawn-1.0"

    def __init__(self, *lines: TextLine, pause: float = 0.0) -> None:
        self.lines, self.pause = lines, pause
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    def read(self, image: Image.Image) -> tuple[TextLine, ...]:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self.pause)
        with self._lock:
            self.at_once -= 1
        return self.lines


class Titles:
    def __init__(self, *titles: Titled) -> None:
        self.titles = list(titles)
        self.read = 0
        self.away = False

    async def stamp(self) -> tuple[int, int]:
        if self.away:
            raise StorageUnavailable("away")
        return len(self.titles), 0

    async def best_known(self, most: int) -> list[Titled]:
        self.read += 1
        return self.titles[:most]


class Roster:
    def __init__(self, providers: int) -> None:
        self._providers = providers

    def for_query(self, kind: type) -> tuple[int, ...]:
        return tuple(range(self._providers))


class Catalogue:
    """Providers that know nothing, or fail."""

    def __init__(self, *, providers: int = 0) -> None:
        self.roster = Roster(providers)
        self.asked: list[str] = []

    async def by_text(self, text: str, *, limit: int) -> Hit:
        self.asked.append(text)
        raise ProviderFailed("google", "google: away")


EMMA = Titled(work_id=7, title="Northanger Abbey", authors=("Jane Austen",), isbn13="9780141439792")


@pytest.fixture(scope="module")
def photo():
    held = BytesIO()
    Image.new("RGB", (2000, 1500), "white").save(held, "JPEG")
    return prepare(held.getvalue())


async def never(name, make):
    raise AssertionError("nothing is paid for")


def on_one_spine() -> tuple[TextLine, ...]:
    top = line("NORTHANGER ABBEY", 300)
    (x1, y1), (x2, y2), (x3, y3), (x4, y4) = line("JANE AUSTEN", 305, height=45).corners
    down = top.corners[1][1] - 100 + 40
    author = TextLine(
        text="JANE AUSTEN",
        confidence=0.97,
        corners=((x1, y1 + down), (x2, y2 + down), (x3, y3 + down), (x4, y4 + down)),
    )
    return top, author


async def test_a_book_of_our_own_is_recognised(photo, clock):
    own = OwnBooks(Titles(EMMA), clock)
    catalogue = Catalogue()
    shelf = OnDeviceShelf(lambda: Engine(*on_one_spine()), own, catalogue, clock)
    found = await shelf.read(photo, keep=never)
    (book,) = found.detections
    assert (book.title, book.author, book.isbn) == (
        "Northanger Abbey",
        "Jane Austen",
        "9780141439792",
    )
    assert (book.work_id, book.confidence >= 0.8, book.isbn_guessed) == ("7", True, True)
    assert (found.model, found.tokens.total, catalogue.asked) == ("ocr:drawn-1.0", 0, [])


async def test_what_nobody_knows_stays_as_it_was_read(photo, clock):
    catalogue = Catalogue(providers=1)
    shelf = OnDeviceShelf(
        lambda: Engine(*on_one_spine()), OwnBooks(Titles(), clock), catalogue, clock
    )
    (book,) = (await shelf.read(photo, keep=never)).detections
    assert (book.title, book.author) == ("NORTHANGER ABBEY JANE AUSTEN", None)
    assert book.confidence <= 0.4
    assert len(catalogue.asked) == 1  # one failure is enough for a photo


async def test_providers_are_not_asked_about_what_we_know(photo, clock):
    catalogue = Catalogue(providers=1)
    shelf = OnDeviceShelf(
        lambda: Engine(*on_one_spine()), OwnBooks(Titles(EMMA), clock), catalogue, clock
    )
    first = await shelf.read(photo, keep=never)
    assert (first.detections[0].title, catalogue.asked[1:]) == ("Northanger Abbey", [])


async def test_the_index_follows_the_tables(photo, clock):
    titles = Titles()
    own = OwnBooks(titles, clock)
    assert len(await own.index()) == 0
    titles.titles.append(EMMA)
    assert (len(await own.index()), len(await own.index())) == (1, 1)
    assert titles.read == 2
    titles.away = True
    titles.titles.clear()
    assert len(await own.index()) == 1


async def test_translations_bear_their_own_titles(clock):
    work = Titled(
        work_id=1,
        title="The Reader",
        authors=("Bernhard Schlink",),
        others=("Der Vorleser", "The Reader: A Novel", "Reader"),
    )
    index = await OwnBooks(Titles(work), clock).index()
    assert len(index) == 2
    (found,) = index.search(("vorleser",), most=5)
    assert (found.title, found.authors, found.work_id) == ("Der Vorleser", work.authors, "1")


async def test_one_photo_is_read_at_a_time_and_holds_nobody_up(photo, clock):
    engine = Engine(*on_one_spine(), pause=0.1)
    shelf = OnDeviceShelf(lambda: engine, OwnBooks(Titles(EMMA), clock), Catalogue(), clock)
    longest, stop = 0.0, asyncio.Event()

    async def beat() -> None:
        nonlocal longest
        while not stop.is_set():
            began = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - began)

    beating = asyncio.create_task(beat())
    await asyncio.gather(*(shelf.read(photo, keep=never) for _ in range(3)))
    stop.set()
    await beating
    assert engine.most_at_once == 1
    assert longest < 0.09


async def test_a_reading_that_is_given_up_asks_nobody_any_more(photo, clock):
    catalogue = Catalogue(providers=1)
    engine = Engine(*on_one_spine(), pause=0.2)
    shelf = OnDeviceShelf(lambda: engine, OwnBooks(Titles(), clock), catalogue, clock)
    reading = asyncio.create_task(shelf.read(photo, keep=never))
    await asyncio.sleep(0.05)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await asyncio.sleep(0.3)
    assert catalogue.asked == []
