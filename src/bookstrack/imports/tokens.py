"""Text to records of cells: quoted cells with line breaks in them, and quotes that are none.

Well-formed CSV is read exactly. In what is not, a quote opens a cell only at its beginning and
closes it only before a delimiter or a line end; any other quote is an ordinary character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from msgspec import Struct

from bookstrack.imports.refusal import Reason, Unreadable


class Dialect(Struct, frozen=True, kw_only=True):
    """How cells are written.

    ``delimiter`` is one character, or empty where every line is one cell. Without ``quoting``
    quotes are ordinary everywhere; with ``escaped`` a backslash escapes them. ``start`` is the
    place in the text where the first record begins.
    """

    delimiter: str
    quoting: bool = True
    escaped: bool = False
    start: int = 0


class Record(Struct, frozen=True):
    """One record: its cells, and the place and the 1-based line where it begins."""

    cells: list[str]
    at: int
    line: int

    @property
    def is_blank(self) -> bool:
        """Tell whether no cell holds anything."""
        return not any(map(str.strip, self.cells))


MOST_BLANKS = 20_000
"""Runs of blank records that are passed over before a file is given up."""


MOST_CELLS = 1_000
"""Cells of one record that are told apart; the last one is the rest of the line."""


def records(text: str, dialect: Dialect, *, blanks: bool = False) -> Iterator[Record]:
    """Yield the records of a text whose only line end is ``\\n``.

    Records without content are left out; with ``blanks`` the first of a run of them is not.

    Raises:
        Unreadable: a quote opens a cell and nothing closes it (``unclosed_quote``), or there is
            next to nothing but quoted blanks (``too_many_rows``).
    """
    scanner = _Scanner(text, dialect)
    at, line, row, passed = dialect.start, 1 + text.count("\n", 0, dialect.start), 0, 0
    while at < len(text):
        scanner.row, scanner.line = row + 1, line
        cells, following = scanner.record(at)
        record = Record(cells, at, line)
        is_blank = record.is_blank
        if is_blank:
            passed += 1
            following = scanner.after_blanks(following)
        else:
            row += 1
        if blanks or not is_blank:
            yield record
        if passed > MOST_BLANKS:
            raise Unreadable(Reason.TOO_MANY_ROWS, "The file has too many blank rows")
        line += text.count("\n", at, following)
        at = following


def quoted_cells(text: str, dialect: Dialect, *, at: int) -> list[bool]:
    """Return which cells of the record that begins at a place were in quotes."""
    scanner = _Scanner(text, dialect)
    quoted: list[bool] = []
    while True:
        quoted.append(dialect.quoting and scanner.opening.match(text, at) is not None)
        _, at = scanner.cell(at)
        if at >= len(text) or text[at] == "\n":
            return quoted
        at += 1


class _Patterns(Struct, frozen=True):
    """The expressions of one dialect; nothing in them can backtrack."""

    opening: re.Pattern[str]
    quoted: re.Pattern[str]
    plain: re.Pattern[str]
    end: re.Pattern[str]
    blanks: re.Pattern[str]


@lru_cache(maxsize=16)
def _patterns(delimiter: str, escaped: bool) -> _Patterns:
    sign = re.escape(delimiter)
    stop = rf"(?=[{sign}\n]|\Z)"
    inside = r'[^"\\]*+(?:(?:""|\\.)[^"\\]*+)*+' if escaped else r'[^"]*+(?:""[^"]*+)*+'
    return _Patterns(
        opening=re.compile(' *+"'),
        quoted=re.compile(rf' *+"({inside})" *+{stop}', re.S),
        plain=re.compile(rf"[^{sign}\n]*+"),
        end=re.compile(rf" *+{stop}"),
        blanks=re.compile(rf"[{sign} \n]*\n"),
    )


_ESCAPE = re.compile(r'\\(["\\])')


class _Scanner:
    """Reads cells from places in one text; ``row`` and ``line`` are those of the record."""

    def __init__(self, text: str, dialect: Dialect) -> None:
        patterns = _patterns(dialect.delimiter, dialect.escaped)
        self.opening, self._quoted = patterns.opening, patterns.quoted
        self._plain, self._end = patterns.plain, patterns.end
        self._text, self._dialect = text, dialect
        self._blanks = patterns.blanks
        self._has_loose_quotes = False
        self._line_end = -1
        self.row = self.line = 1

    def after_blanks(self, at: int) -> int:
        """Return the place after all lines of nothing but delimiters that begin at a place."""
        match = self._blanks.match(self._text, at)
        return match.end() if match is not None else at

    def record(self, at: int) -> tuple[list[str], int]:
        """Return the cells of the record at a place, and the place of the next one."""
        text, delimiter = self._text, self._dialect.delimiter
        stop = _or_end(text.find("\n", at), text)
        line = text[at:stop]
        if not self._dialect.quoting or '"' not in line:
            return line.split(delimiter, MOST_CELLS) if delimiter else [line], stop + 1
        cells: list[str] = []
        while True:
            value, at = self.cell(at) if len(cells) < MOST_CELLS else self._rest(at)
            cells.append(value)
            if at >= len(text) or text[at] == "\n":
                return cells, at + 1
            at += 1

    def cell(self, at: int) -> tuple[str, int]:
        """Return one cell and the place of the delimiter or line end after it."""
        text = self._text
        opening = None
        if self._dialect.quoting and text.startswith(('"', " "), at):
            opening = self.opening.match(text, at)
        if opening is None:
            return self._bare(at)
        match = self._quoted.match(text, at)
        if match is None:
            return self._malformed(at, opening.end())
        value, stop = match[1], match.end()
        if '"' in value:
            value = value.replace('""', '"')
            if self._dialect.escaped:
                value = _ESCAPE.sub(r"\1", value)
        return value, stop

    def _bare(self, at: int) -> tuple[str, int]:
        match = self._plain.match(self._text, at)
        return (match[0], match.end()) if match is not None else ("", at)

    def _rest(self, at: int) -> tuple[str, int]:
        stop = _or_end(self._text.find("\n", at), self._text)
        return self._text[at:stop], stop

    def _malformed(self, at: int, inside: int) -> tuple[str, int]:
        """Read a cell that begins with a quote and has single quotes in it, or no end."""
        quote, is_loose = self._find_closing(inside)
        closing = self._end.match(self._text, quote + 1)
        if quote >= 0 and closing is not None:
            return self._text[inside:quote].replace('""', '"'), closing.end()
        if not is_loose:
            raise Unreadable(
                Reason.UNCLOSED_QUOTE,
                f"A quote opens in row {self.row} (line {self.line}) and is never closed",
                row=self.row,
                line=self.line,
            )
        self._has_loose_quotes = True
        return self._bare(at)

    def _find_closing(self, inside: int) -> tuple[int, bool]:
        """Return the place of the quote that closes a cell, or -1 where none does.

        The second value tells whether the opening quote belongs to a word of a cell without
        quotes, as in ``"Gideon" the Ninth``. A quote at the beginning of another cell shows that
        this one was never closed.
        """
        if self._line_end < inside:
            self._line_end = _or_end(self._text.find("\n", inside), self._text)
        line_end, is_loose, place = self._line_end, None, inside
        while (quote := self._text.find('"', place)) >= 0:
            if self._text.startswith('"', quote + 1):
                place = quote + 2
                continue
            if self._end.match(self._text, quote + 1) is not None:
                return quote, False
            if is_loose is None:
                is_loose = self._is_in_cell(inside, quote)
            if (is_loose and self._has_loose_quotes) or (
                self._opens(quote) and (is_loose or quote > line_end)
            ):
                break
            place = quote + 1
        return -1, bool(is_loose)

    def _is_in_cell(self, start: int, stop: int) -> bool:
        """Tell whether a stretch holds neither delimiter nor line end."""
        delimiter = self._dialect.delimiter
        return self._text.find("\n", start, stop) < 0 and (
            not delimiter or self._text.find(delimiter, start, stop) < 0
        )

    def _opens(self, quote: int) -> bool:
        """Tell whether a quote that closes nothing stands where cells begin."""
        return self._text[quote - 1] in (self._dialect.delimiter, "\n")


def _or_end(place: int, text: str) -> int:
    return place if place >= 0 else len(text)
