"""ISBNs: one identity in two notations (data-model §4)."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from msgspec import Struct
from stdnum import isbn as stdnum_isbn

from bookstrack.errors import InvalidIsbn

_DASHES = "\\-\u00ad\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
_INVISIBLE = "\u200b-\u200f\u2060\ufeff"
_QUOTES = "\"'\u2018\u2019\u201c\u201d"
_PREFIX = re.compile(
    rf"^[\s{_INVISIBLE}]*(?:=\s*)?[{_QUOTES}]?\s*"
    rf"(?:(?:urn:|e-?)?isbn(?:[{_DASHES}\s]?1[03](?=[\s:#]))?\s*[:#]?)?\s*",
    re.I,
)
_SEPARATORS = re.compile(rf"[\s{_DASHES}{_INVISIBLE}{_QUOTES}=]+")
_THIRTEEN = re.compile(r"97[89][0-9]{10}")
_TEN = re.compile(r"[0-9]{9}[0-9X]")
_WITH_ADD_ON = re.compile(r"(97[89][0-9]{10})(?:[0-9]{2}|[0-9]{5})")
_SBN = re.compile(r"[0-9]{8}[0-9X]")
_QUALIFIER = re.compile(r"\s*[(\[:;,$/].*|\s+[^\W\d]{2}.*|\.0$", re.S)
_LONGEST = 17


class Isbn(Struct, frozen=True):
    """A number of the right shape.

    ``number`` is the form it was given in, cleaned; ``isbn13`` and ``isbn10`` are its two
    notations where the check digit is right (``isbn10`` only for 978 numbers). A number with a
    wrong check digit has neither: it names a misprint, never a key.
    """

    number: str
    isbn13: str | None = None
    isbn10: str | None = None

    @property
    def is_valid(self) -> bool:
        """Tell whether the check digit is right."""
        return self.isbn13 is not None

    @property
    def canonical(self) -> str:
        """Return the ISBN-13, or the printed number where the check digit is wrong."""
        return self.isbn13 or self.number

    @property
    def forms(self) -> tuple[str, ...]:
        """Return every notation, ISBN-13 first; empty for a misprint."""
        return tuple(form for form in (self.isbn13, self.isbn10) if form)

    @classmethod
    def parse(cls, text: str) -> Isbn:
        """Read an ISBN as people write it.

        Raises:
            InvalidIsbn: the shape is neither 13 digits beginning 978 or 979, nor nine digits
                and a digit or X; or the text is longer than 17 characters.
        """
        bare = _bare(text)
        number = clean(bare)
        if len(bare) > _LONGEST or not _has_shape(number):
            raise InvalidIsbn(
                "This is not an ISBN: 13 digits beginning 978 or 979, or 9 digits and a "
                "check character, are expected",
                details={"isbn": text.strip()[:64]},
            )
        return from_number(number)

    @classmethod
    def find(cls, text: str | None) -> Isbn | None:
        """Return the ISBN that a text is, or ``None`` where it is none."""
        if not text:
            return None
        try:
            return cls.parse(text)
        except InvalidIsbn:
            return None

    @classmethod
    def printed(cls, text: str | None, *, sbn: bool = False) -> Isbn | None:
        """Return the ISBN in a catalogue's or file's text, or ``None`` where there is none.

        Words after the number ("(pbk.)", ": $9.95") and the two or five digits of a barcode's
        add-on are left off. With ``sbn`` a valid number of nine characters, as printed before
        1970, is read as an ISBN-10 beginning 0.
        """
        number = clean(_QUALIFIER.sub("", _bare(text or ""), count=1))
        add_on = _WITH_ADD_ON.fullmatch(number)
        if add_on is not None:
            number = add_on[1]
        if sbn and _SBN.fullmatch(number) and stdnum_isbn.is_valid("0" + number):
            number = "0" + number
        return from_number(number) if _has_shape(number) else None


def _bare(text: str) -> str:
    """Return the text without the word ISBN and without quotes around it."""
    plain = unicodedata.normalize("NFKC", text.strip()[:200])
    return _PREFIX.sub("", plain, count=1).strip(f" {_QUOTES}")


def _has_shape(number: str) -> bool:
    return bool(_THIRTEEN.fullmatch(number) or _TEN.fullmatch(number))


def clean(text: str) -> str:
    """Drop separators of every kind and upper-case the check character."""
    return _SEPARATORS.sub("", text).upper()


@lru_cache(maxsize=4096)  # every layer that a record passes asks for its numbers again
def from_number(number: str) -> Isbn:
    """Return the identity of a cleaned number of valid shape."""
    if not stdnum_isbn.is_valid(number):
        return Isbn(number)
    isbn13 = number if len(number) == 13 else str(stdnum_isbn.to_isbn13(number))
    isbn10 = str(stdnum_isbn.to_isbn10(isbn13)) if isbn13.startswith("978") else None
    return Isbn(number, isbn13, isbn10)


def isbn_list(texts: list[str] | tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sort dirty numbers of one edition into ISBNs and misprints.

    Returns:
        All notations of the valid ones, unique, ISBN-13s before ISBN-10s; and the cleaned
        numbers of valid shape whose check digit is wrong.
    """
    found = [isbn for isbn in map(Isbn.printed, texts) if isbn is not None]
    thirteens = dict.fromkeys(isbn.isbn13 for isbn in found if isbn.isbn13)
    tens = dict.fromkeys(isbn.isbn10 for isbn in found if isbn.isbn10)
    misprints = dict.fromkeys(isbn.number for isbn in found if not isbn.is_valid)
    return (*thirteens, *tens), tuple(misprints)
