"""Spines become detections: which book of those that a source knows stands on which spine.

Precision comes first. A book counts as recognised only where its title and an author of it stand
on one spine (or on pieces of one that lie beside each other) and explain what is printed large
there. A title alone, or half a title, is a suggestion for a person; what fits nothing stays as it
was read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from functools import lru_cache

import msgspec
from msgspec import Struct
from rapidfuzz import fuzz

from bookstrack.normalise.titles import title_key
from bookstrack.scans.candidates import Candidate, Candidates
from bookstrack.scans.detection import Detection
from bookstrack.scans.laying import SpineText
from bookstrack.scans.nearness import Nearness, aligned
from bookstrack.scans.ocr import TextLine
from bookstrack.scans.scoring import Fit, fit, main_title
from bookstrack.scans.spines import Spine, spine_of
from bookstrack.scans.words import is_imprint, tells, words_of

RECOGNISED = 0.80
"""The score from which a title with its author is a match."""

SUGGESTED = 0.55
"""The score from which a candidate is worth a person's look."""

_MOST_SURE = 0.95
_UNSURE = 0.69  # just below what is approved
_TITLE_ALONE = 0.65
_RAW = 0.4
_LEAST_AUTHOR = 0.8
_LEAST_TITLE = 0.75
_LEAST_PRECISION = 0.75
_SUGGESTED_PRECISION = 0.5
_LEAST_LETTERS_ALONE = 5
_OTHER_WORDS = 3  # letters: fewer may be a stain
_TIE = 0.02
_JOINED = 0.97
_MOST_BOOKS_A_SPINE = 4
_MOST_AROUND = 6
_FIRST_QUESTIONS = 0.75  # of all that may be asked
_MOST_IN_A_QUESTION = 3
_MOST_TOGETHER = 50  # words on one spine
_HARDLY = 75  # percent: words less alike are not worth a closer look
_MOST_WORDS = 20
_LEAST_CONFIDENCE = 0.4


class Asking(Struct, frozen=True, kw_only=True):
    """How much a source is asked; a catalogue of our own can be asked more than a provider."""

    a_spine: int = 3
    a_photo: int = 60
    candidates: int = 30


async def match(
    spines: Sequence[Spine],
    candidates: Candidates,
    *,
    size: tuple[int, int],
    asking: Asking | None = None,
) -> list[Detection]:
    """Return a detection for each book on a photo, and for each spine that stays unknown.

    ``size`` is the photo's, in pixels. Whatever the source raises is raised.
    """
    return await _Matcher(candidates, asking or Asking(), size).match(spines)


class _Piece(Struct, frozen=True, kw_only=True):
    """Lines that nothing explains yet; ``rest`` where a book was found beside them."""

    lines: tuple[TextLine, ...]
    rest: bool = False


class _Found(Struct, frozen=True, kw_only=True):
    """A book on some lines; ``tied`` where another book fits them as well."""

    fit: Fit
    lines: tuple[TextLine, ...]
    tied: bool = False
    joined: bool = False

    @property
    def recognised(self) -> bool:
        """Tell whether title and author prove the book."""
        return not self.tied and _proves(self.fit)

    @property
    def suggested(self) -> bool:
        """Tell whether the book is worth a person's look."""
        found = self.fit
        if found.score >= RECOGNISED:  # with an author, then: a title alone reaches 0.7
            return True
        if found.score < SUGGESTED or found.precision < _SUGGESTED_PRECISION:
            return False
        title = [words_of(self.lines[number].text) for number in found.title_lines]
        letters = len("".join(words_of(main_title(found.candidate))))
        return found.author > 0 or (
            letters >= _LEAST_LETTERS_ALONE and not all(map(is_imprint, title))
        )

    @property
    def used(self) -> list[TextLine]:
        """Return the lines that the book explains."""
        return [self.lines[number] for number in sorted(self.fit.used)]

    @property
    def confidence(self) -> float:
        """Return how sure the match is, below 0.7 for everything that a person must see."""
        found = self.fit
        if not found.author:
            return round(_TITLE_ALONE * found.title * found.confidence, 2)
        sure = found.score * found.confidence * (_JOINED if self.joined else 1.0)
        return round(min(sure, _MOST_SURE if self.recognised else _UNSURE), 2)


class _Matcher:
    """The matching of one photo."""

    def __init__(self, candidates: Candidates, asking: Asking, size: tuple[int, int]) -> None:
        self._candidates = candidates
        self._asking = asking
        self._size = size
        self._left = asking.a_photo
        self._known: dict[int, list[Candidate]] = {}

    async def match(self, spines: Sequence[Spine]) -> list[Detection]:
        detections: list[Detection] = []
        pieces: list[_Piece] = []
        for lines in self._questions(spines):  # each once, before some are asked about again
            await self._ask(lines)
        for spine in spines:
            books, rest = await self._books_on(spine)
            whole = len(books) == 1 and not (rest and _is_large(rest, books[0]))
            detections += (
                self._detection(book, spine.lines if whole else book.used) for book in books
            )
            if rest:
                pieces.append(_Piece(lines=rest, rest=bool(books)))
        async for book in self._joined(pieces):
            detections.append(self._detection(book, book.used))
            taken = set(map(id, book.used))
            pieces = [_without(piece, taken) for piece in pieces]
        open_pieces = (piece for piece in pieces if piece.lines and not piece.rest)
        detections += filter(None, map(self._unsure, open_pieces))
        return detections

    def _questions(self, spines: Sequence[Spine]) -> list[tuple[TextLine, ...]]:
        """Return the lines to ask about together: those of a spine each, if that is not too much.

        Else spines near each other share a question, being pieces of one as like as not.
        """
        asked = [spine.lines for spine in spines if _words_to_ask(spine.lines)]
        most = int(_FIRST_QUESTIONS * self._asking.a_photo)
        if len(asked) <= most:
            return asked
        groups = list(range(len(asked)))
        for one, other in Nearness(asked).pairs():
            if len(set(groups)) <= most:
                break
            size = groups.count(groups[one]) + groups.count(groups[other])
            if groups[one] != groups[other] and size <= _MOST_IN_A_QUESTION:
                old, new = groups[other], groups[one]
                groups = [new if group == old else group for group in groups]
        members: dict[int, tuple[TextLine, ...]] = {}
        for lines, group in zip(asked, groups, strict=True):
            members[group] = (*members.get(group, ()), *lines)
        return list(members.values())

    async def _books_on(self, spine: Spine) -> tuple[list[_Found], tuple[TextLine, ...]]:
        """Return the books proved by one spine, and the lines that they leave."""
        books = self._proved(spine.lines, at_most=_MOST_BOOKS_A_SPINE)
        if not books and await self._ask_about_lines(spine.lines):
            books = self._proved(spine.lines, at_most=_MOST_BOOKS_A_SPINE)
        used = {id(line) for book in books for line in book.used}
        return books, tuple(line for line in spine.lines if id(line) not in used)

    def _proved(self, lines: tuple[TextLine, ...], *, at_most: int) -> list[_Found]:
        """Return the books that lines prove.

        A book beside which other large print stands is believed only where that print proves
        another one: then two spines were taken for one.
        """
        best = self._best_known(lines) if lines and at_most else None
        if best is None or best.fit.score < RECOGNISED:
            return []
        used = set(map(id, best.used))
        rest = tuple(line for line in lines if id(line) not in used)
        others = self._proved(rest, at_most=at_most - 1)
        if best.recognised:
            return [best, *others]
        alone = self._best_known(tuple(best.used)) if others else None
        return [alone, *others] if alone is not None and alone.recognised else []

    async def _joined(self, pieces: Sequence[_Piece]) -> AsyncIterator[_Found]:
        """Yield books whose title stands on one piece and whose author on another near it."""
        taken: set[int] = set()
        nearness = Nearness([piece.lines for piece in pieces])
        for number, piece in enumerate(pieces):
            around = [pieces[other] for other in nearness.around(number, most=_MOST_AROUND)]
            free = _readable_together([_without(one, taken) for one in (piece, *around)])
            if len(free) < 2:
                continue
            book = self._on_several(free, self._offered(_lines_of(free)))
            if book is None:
                book = self._on_several(free, await self._ask(_lines_of(free)))
            if book is not None:
                taken.update(map(id, book.used))
                yield msgspec.structs.replace(book, joined=True)

    def _on_several(self, pieces: Sequence[_Piece], offered: Iterable[Candidate]) -> _Found | None:
        """Return the book that is proved by all of some pieces, or by the first and another."""
        known = list(offered)
        found: list[_Found] = []
        for some in [pieces, *((pieces[0], other) for other in pieces[1:] if len(pieces) > 2)]:
            lines = _lines_of(some)
            best = _best(lines, _likely(lines, known))
            if best is None or best.fit.score < RECOGNISED:
                continue
            context = _context(best, some)
            again = _best(context, _likely(context, known))
            if again is not None and again.recognised and _spans(again, some):
                found.append(again)
        return max(found, key=lambda book: book.fit.rank, default=None)

    def _unsure(self, piece: _Piece) -> Detection | None:
        """Return the suggestion for a piece, or its text, or nothing where it says too little."""
        best = self._best_known(piece.lines)
        if best is not None and best.suggested:
            return self._detection(best, piece.lines)
        texts = [line.text for line in piece.lines if not is_imprint(words_of(line.text))]
        words = [word for text in texts for word in words_of(text) if word.isalpha()]
        if sum(len(word) >= 3 for word in words) < 2:
            return None
        spine = spine_of(piece.lines, self._size)
        return Detection(
            title=" ".join(texts),
            confidence=round(_RAW * spine.confidence, 2),
            box=spine.box,
            orientation=spine.orientation,
            raw_text=spine.text,
            partially_visible=spine.partially_visible,
        )

    def _best_known(self, lines: tuple[TextLine, ...]) -> _Found | None:
        """Return the book that fits lines best, of those that the source offered for them."""
        return _best(lines, self._offered(lines))

    def _offered(self, lines: tuple[TextLine, ...]) -> list[Candidate]:
        """Return what the source offered for lines, each book once."""
        return list(
            {id(one): one for line in lines for one in self._known.get(id(line), ())}.values()
        )

    async def _ask_about_lines(self, lines: tuple[TextLine, ...]) -> bool:
        """Ask about the largest lines of a spine alone; return whether anything was offered."""
        largest = sorted(lines, key=lambda line: -line.height) if len(lines) > 1 else []
        offered = [
            await self._ask(lines, only=line) for line in largest[: self._asking.a_spine - 1]
        ]
        return any(offered)

    async def _ask(
        self, lines: tuple[TextLine, ...], *, only: TextLine | None = None
    ) -> Sequence[Candidate]:
        """Ask for the words of lines, or of one of them; remember the answer for them all."""
        words = _words_to_ask((only,) if only is not None else lines)
        if not words or self._left <= 0:
            return ()
        self._left -= 1
        found = await self._candidates.find(words[:_MOST_WORDS], most=self._asking.candidates)
        for line in lines:
            self._known.setdefault(id(line), []).extend(found)
        return found

    def _detection(self, book: _Found, lines: Sequence[TextLine]) -> Detection:
        spine, candidate = spine_of(lines, self._size), book.fit.candidate
        return Detection(
            title=candidate.title,
            author=", ".join(candidate.authors) or None,
            isbn=candidate.isbn13 if book.recognised else None,
            confidence=book.confidence,
            box=spine.box,
            orientation=spine.orientation,
            raw_text=spine.text,
            partially_visible=spine.partially_visible,
            work_id=candidate.work_id,
        )


def _readable_together(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Return a piece and those of the others that are no more text with it than a spine has."""
    together: list[_Piece] = []
    left = _MOST_TOGETHER
    for piece in pieces:
        words = sum(len(words_of(line.text)) for line in piece.lines)
        if 0 < words <= left:
            together.append(piece)
            left -= words
        elif not together:
            break
    return together


def _words_to_ask(lines: Sequence[TextLine]) -> list[str]:
    """Return the words of lines that can help to find a book, the most telling first."""
    words = [
        (line.height * min(8, len(word)), word)
        for line in lines
        if line.confidence >= _LEAST_CONFIDENCE and not is_imprint(words_of(line.text))
        for word in words_of(line.text)
        if tells(word)
    ]
    return list(dict.fromkeys(word for _, word in sorted(words, key=lambda pair: -pair[0])))


def _likely(lines: Sequence[TextLine], offered: Iterable[Candidate]) -> list[Candidate]:
    """Return the books of which an author and a word of the title may stand on lines."""
    text = "".join(word for line in lines for word in words_of(line.text))
    return [
        book
        for book in offered
        if all(any(_may_be_in(word, text) for word in words) for words in _marks(book))
    ]


def _may_be_in(word: str, text: str) -> bool:
    return fuzz.partial_ratio(word, text, score_cutoff=_HARDLY) > 0


@lru_cache(maxsize=16_384)
def _marks(book: Candidate) -> tuple[frozenset[str], frozenset[str]]:
    """Return the words of all authors, and those of the title."""
    names = frozenset(word for name in book.authors for word in words_of(name) if len(word) > 1)
    title = frozenset(words_of(main_title(book)))
    return names, frozenset(filter(tells, title)) or title


def _lines_of(pieces: Iterable[_Piece]) -> tuple[TextLine, ...]:
    return tuple(line for piece in pieces for line in piece.lines)


def _best(lines: tuple[TextLine, ...], offered: Iterable[Candidate]) -> _Found | None:
    """Return the book that fits lines best."""
    spine = SpineText(lines)
    fits = sorted(
        (fit(spine, candidate) for candidate in offered),
        key=lambda found: found.rank,
        reverse=True,
    )
    if not fits:
        return None
    best = fits[0]
    tied = any(
        best.rank[0] - other.rank[0] <= _TIE
        and _proves(other)
        and not same_book(best.candidate, other.candidate)
        for other in fits[1:]
    )
    return _Found(fit=best, lines=lines, tied=tied)


def _proves(found: Fit) -> bool:
    return (
        found.score >= RECOGNISED
        and found.author_evidence >= _LEAST_AUTHOR
        and found.title >= _LEAST_TITLE
        and found.precision >= _LEAST_PRECISION
        and found.others < _OTHER_WORDS
        and found.numbers_agree
    )


def _without(piece: _Piece, taken: set[int]) -> _Piece:
    """Return what is left of a piece when some lines have been explained."""
    left = tuple(line for line in piece.lines if id(line) not in taken)
    return _Piece(lines=left, rest=piece.rest or len(left) < len(piece.lines))


def _context(book: _Found, pieces: Sequence[_Piece]) -> tuple[TextLine, ...]:
    """Return the lines that a book explains, and those that may belong to its title.

    A piece that only lends it an article is none of its own.
    """
    used = set(map(id, book.used))
    title = [book.lines[number] for number in book.fit.title_lines]
    lines: list[TextLine] = []
    for piece in pieces:
        telling = [line for line in piece.lines if any(map(tells, words_of(line.text)))]
        if not used.isdisjoint(map(id, telling)):
            lines += (line for line in piece.lines if id(line) in used or aligned(line, title))
    return tuple(lines)


def _spans(book: _Found, pieces: Sequence[_Piece]) -> bool:
    """Tell whether a book stands on several pieces."""
    used = set(map(id, book.used))
    return sum(not used.isdisjoint(map(id, piece.lines)) for piece in pieces) > 1


def _is_large(lines: Sequence[TextLine], book: _Found) -> bool:
    """Tell whether lines left over may be another book's, being as large as a title."""
    title = max(book.lines[number].height for number in book.fit.title_lines)
    return any(line.height >= 0.6 * title and not is_imprint(words_of(line.text)) for line in lines)


def same_book(one: Candidate, other: Candidate) -> bool:
    """Tell whether two candidates are one work as far as a spine can show."""
    titles = {title_key(main_title(candidate)) for candidate in (one, other)}
    surnames = [{words_of(name)[-1:] for name in book.authors} for book in (one, other)]
    return len(titles) == 1 and not surnames[0].isdisjoint(surnames[1])
