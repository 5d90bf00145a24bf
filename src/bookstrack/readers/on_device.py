"""Reads shelf photos on this machine: text by an OCR engine, books by what we and others know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Protocol

import msgspec
import structlog
from rapidfuzz import fuzz

from bookstrack.catalogue.search import Catalogue
from bookstrack.clock import Clock
from bookstrack.errors import ProviderProblem, StorageProblem
from bookstrack.model.answer import SearchData
from bookstrack.model.query import TextQuery
from bookstrack.normalise.titles import title_key
from bookstrack.readers.keeping import Keep
from bookstrack.readers.shelf import PhotoReading
from bookstrack.scans.candidates import BookIndex, Candidate, Candidates
from bookstrack.scans.detection import Detection
from bookstrack.scans.matching import match
from bookstrack.scans.ocr import Engine
from bookstrack.scans.picture import CheckedPicture
from bookstrack.scans.scoring import main_title
from bookstrack.scans.spines import Spine, find_spines
from bookstrack.scans.words import words_of
from bookstrack.storage.database.titles import Titled

log = structlog.get_logger(__name__)

MOST_WORKS = 50_000
"""Works of our own that are compared with spines; of more, those with most editions."""

_PROVIDERS_S = 20.0  # for all questions about one photo
_WORDS_ASKED = 6
_RESULTS = 10
_TRANSLATED = 60  # titles less alike than this are no mere variants
_REBUILD_FACTOR = 20  # an index is used for so many times what it took to make
_DATA = msgspec.json.Decoder(SearchData)


class Titles(Protocol):
    """The works of our own tables."""

    async def stamp(self) -> tuple[int, int]:
        """Return what changes when they do."""
        ...

    async def best_known(self, most: int) -> list[Titled]:
        """Return up to so many of them."""
        ...


class OwnBooks:
    """An index of our own works, made when it is first needed and again when they change."""

    def __init__(self, titles: Titles, clock: Clock) -> None:
        self._titles = titles
        self._clock = clock
        self._index = BookIndex(())
        self._stamp: tuple[int, int] | None = None
        self._until = 0.0
        self._making = asyncio.Lock()

    async def index(self) -> BookIndex:
        """Return the index; an older one where the tables cannot be read."""
        async with self._making:
            try:
                await self._refresh()
            except StorageProblem as problem:
                log.warning("own_books_unread", problem=problem.message)
            return self._index

    async def _refresh(self) -> None:
        began = self._clock.monotonic()
        if self._stamp is not None and began < self._until:
            return
        stamp = await self._titles.stamp()
        if stamp == self._stamp:
            return
        titles = await self._titles.best_known(MOST_WORKS)
        self._index = await asyncio.to_thread(_index, titles)
        took = self._clock.monotonic() - began
        self._stamp, self._until = stamp, began + _REBUILD_FACTOR * took


def _index(titles: Sequence[Titled]) -> BookIndex:
    return BookIndex(chain.from_iterable(map(_own_candidates, titles)))


def _own_candidates(titled: Titled) -> Iterator[Candidate]:
    """Yield a work under its title, and under those that its translations bear."""
    own = Candidate(
        title=titled.title,
        authors=titled.authors,
        isbn13=titled.isbn13,
        work_id=str(titled.work_id),
        subtitle=titled.subtitle,
    )
    yield own
    key = title_key(titled.title)
    for other in titled.others:
        if fuzz.token_set_ratio(title_key(other), key) < _TRANSLATED:
            yield msgspec.structs.replace(own, title=other, isbn13=None, subtitle=None)


class ProviderBooks:
    """Books that providers know, for one photo: asked until they fail or the time is up."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._until = clock.monotonic() + _PROVIDERS_S

    async def find(self, words: Sequence[str], *, most: int) -> Sequence[Candidate]:
        """Return the books for the most telling words; none once nobody answers."""
        if self._clock.monotonic() >= self._until or not words:
            return ()
        text = " ".join(words[:_WORDS_ASKED])
        try:
            hit = await self._catalogue.by_text(text, limit=min(most, _RESULTS))
        except (ProviderProblem, StorageProblem) as problem:
            log.info("spine_not_asked_about", problem=problem.message)
            self._until = 0.0
            return ()
        return _candidates(_DATA.decode(hit.entry.body))


class SpineBooks:
    """Our own books first; providers where these do not explain the words."""

    def __init__(self, own: BookIndex, others: Candidates | None) -> None:
        self._own = own
        self._others = others

    async def find(self, words: Sequence[str], *, most: int) -> Sequence[Candidate]:
        """Return candidates of our own and, if need be, of providers."""
        own = await asyncio.to_thread(self._own.search, words, most=most)
        if self._others is None or any(_explains(candidate, words) for candidate in own[:3]):
            return own
        return [*own, *await self._others.find(words, most=most)]


def _explains(candidate: Candidate, words: Sequence[str]) -> bool:
    """Tell whether a title and a surname stand among words, letter by letter."""
    seen = set(words)
    title = words_of(main_title(candidate))
    surnames = {name[-1] for author in candidate.authors if (name := words_of(author))}
    return bool(title) and seen.issuperset(title) and not seen.isdisjoint(surnames)


def _candidates(data: SearchData) -> list[Candidate]:
    return [
        Candidate(
            title=book.title, authors=book.authors, isbn13=book.isbn13, subtitle=book.subtitle
        )
        for book in data.books
    ]


class OnDeviceShelf:
    """Reads photos with an OCR engine, one at a time: it uses all processors it gets."""

    name = "ocr"

    def __init__(
        self, make: Callable[[], Engine], own: OwnBooks, catalogue: Catalogue, clock: Clock
    ) -> None:
        self._make = make
        self._own = own
        self._catalogue = catalogue
        self._clock = clock
        self._engine: Engine | None = None
        self._turn = asyncio.Semaphore(1)

    async def read(self, photo: CheckedPicture, *, keep: Keep) -> PhotoReading:
        """Return the books on a photo; nothing is paid for, so nothing is kept.

        Raises:
            ReaderMissing: the engine's package is not installed.
        """
        async with self._turn:
            started = self._clock.monotonic()
            engine = self._engine = self._engine or self._make()
            spines, size = await asyncio.to_thread(_spines, engine, photo)
            index = await self._own.index()
            others = ProviderBooks(self._catalogue, self._clock) if self._asks_others else None
            detections = await _matched(spines, size, SpineBooks(index, others))
            return PhotoReading(
                detections=tuple(map(_with_guess, detections)),
                model=engine.name,
                took_ms=int((self._clock.monotonic() - started) * 1000),
            )

    @property
    def _asks_others(self) -> bool:
        return bool(self._catalogue.roster.for_query(TextQuery))


def _with_guess(found: Detection) -> Detection:
    """Say that an ISBN is that of an edition which we know: no spine bears one."""
    return msgspec.structs.replace(found, isbn_guessed=found.isbn is not None)


def _spines(engine: Engine, photo: CheckedPicture) -> tuple[list[Spine], tuple[int, int]]:
    image = photo.opened()
    return find_spines(engine.read(image), image), image.size


async def _matched(
    spines: Sequence[Spine], size: tuple[int, int], candidates: Candidates
) -> list[Detection]:
    """Match in a thread, where the comparing of many words holds nobody up."""
    bridge = _Bridge(candidates, asyncio.get_running_loop())
    try:
        return await asyncio.to_thread(asyncio.run, match(spines, bridge, size=size))
    finally:
        bridge.closed = True


class _Bridge:
    """A source of candidates that lives in another event loop; ``closed``, it knows nothing."""

    def __init__(self, candidates: Candidates, home: asyncio.AbstractEventLoop) -> None:
        self.closed = False
        self._candidates = candidates
        self._home = home

    async def find(self, words: Sequence[str], *, most: int) -> Sequence[Candidate]:
        """Ask there, wait here."""
        if self.closed:
            return ()
        asked = self._candidates.find(words, most=most)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asked, self._home))
