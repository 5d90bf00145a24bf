"""Readers of shelf photos: what they give, and the one that asks Gemini."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Protocol

import msgspec
import structlog
from msgspec import Struct, field
from msgspec.structs import replace

from bookstrack.clock import Clock
from bookstrack.errors import BooksTrackError
from bookstrack.model.isbn import Isbn
from bookstrack.providers.gemini import Ending, Gemini, Generated, Picture, Prompt, Tokens
from bookstrack.providers.gemini_text import leading_items, whole_value
from bookstrack.readers import shelf_prompt
from bookstrack.readers.keeping import Keep
from bookstrack.scans.detection import BookFormat, Box, Detection, Orientation
from bookstrack.scans.picture import CheckedPicture
from bookstrack.upstream.budget import Budget

log = structlog.get_logger(__name__)

_BUDGET_S = 300.0
_UNRATED = 0.5  # below every threshold: a book nobody is sure of is for review
_OVERLAP = 0.12
_SAME_PLACE = 0.6


class PhotoUnread(BooksTrackError):
    """A photo could not be read; ``photo_code`` is for instance ``E_SCAN_AI_REFUSED``."""

    retryable = False

    def __init__(self, photo_code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.photo_code = photo_code
        self.retryable = retryable


class PhotoReading(Struct, frozen=True, kw_only=True):
    """The books seen on one photo; ``model`` is who read it, ``took_ms`` how long it took."""

    detections: tuple[Detection, ...]
    model: str
    took_ms: int
    tokens: Tokens = field(default_factory=Tokens)


class ShelfReader(Protocol):
    """Reads the books on a prepared photo."""

    @property
    def name(self) -> str:
        """Return ``gemini`` or ``ocr``."""
        ...

    async def read(self, photo: CheckedPicture, *, keep: Keep) -> PhotoReading:
        """Return the books on a photo; ``keep`` keeps a paid answer.

        Raises:
            PhotoUnread: the answer cannot be used.
            ProviderProblem: the reader could not be asked.
        """
        ...


class _Seen(Struct, kw_only=True, rename={"partially_visible": "partiallyVisible"}):
    title: str = ""
    author: str | None = None
    isbn: str | None = None
    format: str | None = None
    confidence: float | None = None
    box_2d: list[float] = field(default_factory=list[float])
    orientation: str | None = None
    partially_visible: bool = False


class _Answer(Struct):
    """What is kept of an answer."""

    books: list[Detection]
    model: str
    tokens: Tokens
    cut: bool = False


class GeminiShelf:
    """Asks Gemini what stands on a shelf."""

    name = "gemini"

    def __init__(self, gemini: Gemini, clock: Clock, *, model: str) -> None:
        self._gemini = gemini
        self._clock = clock
        self._model = model

    async def read(self, photo: CheckedPicture, *, keep: Keep) -> PhotoReading:
        """Return the books; a picture with too many of them is asked about in two halves."""
        started = self._clock.monotonic()
        answer = await self._kept("whole", photo.sha256, photo.body, keep)
        books, tokens = answer.books, answer.tokens
        if answer.cut:
            books, tokens = await self._halves(photo, answer, keep)
        return PhotoReading(
            detections=tuple(books),
            model=answer.model,
            took_ms=int((self._clock.monotonic() - started) * 1000),
            tokens=tokens,
        )

    async def _halves(
        self, photo: CheckedPicture, whole: _Answer, keep: Keep
    ) -> tuple[list[Detection], Tokens]:
        spans = ((0.0, 0.5 + _OVERLAP / 2), (0.5 - _OVERLAP / 2, 1.0))
        books = list(whole.books)
        tokens = whole.tokens
        for name, (left, right) in zip(("left", "right"), spans, strict=True):
            body = await asyncio.to_thread(_crop, photo, left, right)
            half = await self._kept(name, photo.sha256, body, keep)
            tokens = _sum(tokens, half.tokens)
            for book in half.books:
                _add(books, replace(book, box=_widened(book.box, left, right)))
        return books, tokens

    async def _kept(self, part: str, digest: str, body: bytes, keep: Keep) -> _Answer:
        key = f"scan:{digest}:{shelf_prompt.VERSION}:{self._model}:{part}"
        kept = await keep(key, lambda: self._ask(body))
        return msgspec.json.decode(kept, type=_Answer)

    async def _ask(self, body: bytes) -> bytes:
        """Ask; an answer that is no JSON is asked for once more, without any chance in it."""
        within = Budget(deadline=self._clock.monotonic() + _BUDGET_S)
        for temperature in (0.4, 0.0):
            found = await self._gemini.generate(
                _prompt(self._model, body, temperature), within=within
            )
            log.info("ai_call", operation="scan", model=found.model, tokens=found.tokens.total)
            answer = _answer(found)
            if answer is not None:
                return msgspec.json.encode(answer)
        raise PhotoUnread("E_SCAN_AI_INVALID", "The model's answer cannot be read")


def _prompt(model: str, body: bytes, temperature: float) -> Prompt:
    return Prompt(
        model=model,
        system=shelf_prompt.SYSTEM,
        text=shelf_prompt.TEXT,
        schema=shelf_prompt.SCHEMA,
        pictures=(Picture(body),),
        temperature=temperature,
        top_k=40,
    )


def _answer(found: Generated) -> _Answer | None:
    """Return what can be kept of an answer, ``None`` where it is no list.

    Raises:
        PhotoUnread: the model refused.
    """
    if found.ending is Ending.REFUSED:
        raise PhotoUnread("E_SCAN_AI_REFUSED", "The model does not read this picture")
    cut = found.ending is Ending.CUT
    try:
        items = leading_items(found.text) if cut else whole_value(found.text)
    except ValueError:
        return None
    if not isinstance(items, list):
        return None
    books = list(_detections(items))  # pyright: ignore[reportUnknownArgumentType]
    return _Answer(books=books, model=found.model, tokens=found.tokens, cut=cut)


def _detections(items: Sequence[object]) -> Iterator[Detection]:
    for item in items:
        try:
            seen = msgspec.convert(item, _Seen, strict=False)
        except msgspec.ValidationError:
            log.info("ai_book_malformed")
            continue
        if any(letter.isalpha() for letter in seen.title):
            yield _detection(seen)


def _detection(seen: _Seen) -> Detection:
    rated = _UNRATED if seen.confidence is None else min(1.0, max(0.0, seen.confidence))
    number = Isbn.find(seen.isbn) if seen.isbn else None
    known = seen.format if seen.format in set(BookFormat) else BookFormat.UNKNOWN
    return Detection(
        title=" ".join(seen.title.split()),
        author=" ".join((seen.author or "").split()) or None,
        isbn=number.isbn13 if number is not None and number.is_valid else None,
        format=BookFormat(known or BookFormat.UNKNOWN),
        confidence=rated,
        box=_box(seen.box_2d),
        orientation=Orientation(seen.orientation) if seen.orientation in set(Orientation) else None,
        raw_text=seen.title,
        partially_visible=seen.partially_visible,
    )


def _box(corners: Sequence[float]) -> Box:
    """Return a box of ``[ymin, xmin, ymax, xmax]`` in thousandths; zeros for anything else."""
    if len(corners) != 4 or not all(abs(value) < 1e9 for value in corners):
        return Box()
    top, left, bottom, right = (value / 1000 for value in corners)
    return Box.between(left, top, right, bottom)


def _crop(photo: CheckedPicture, left: float, right: float) -> bytes:
    image = photo.opened()
    part = image.crop((int(left * image.width), 0, int(right * image.width), image.height))
    held = BytesIO()
    part.save(held, "JPEG", quality=88)
    return held.getvalue()


def _widened(box: Box, left: float, right: float) -> Box:
    """Return a box of a part as one of the whole picture."""
    if not box.area:
        return box
    span = right - left
    return Box.between(left + box.x1 * span, box.y1, left + box.x2 * span, box.y2)


def _add(books: list[Detection], found: Detection) -> None:
    """Add a book unless it stands in the list already; the surer one stays."""
    for at, known in enumerate(books):
        same = known.title.casefold() == found.title.casefold()
        if same and (not found.box.area or known.box.overlap(found.box) >= _SAME_PLACE):
            if found.confidence > known.confidence:
                books[at] = found
            return
    books.append(found)


def _sum(one: Tokens, other: Tokens) -> Tokens:
    return Tokens(
        prompt=one.prompt + other.prompt,
        output=one.output + other.output,
        total=one.total + other.total,
    )
