"""The things of the fake world: printings, works, people and countries."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct
from stdnum import isbn as stdnum_isbn


class Printing(Struct, kw_only=True):
    """One edition: ``date`` as precise as known, ``language`` ISO 639-1, ``pages`` may be None.

    ``absent`` names the providers that do not know it. ``number`` and ``work`` are filled in on
    loading.
    """

    publisher: str
    date: str
    language: str
    pages: int | None = None
    isbn: str | None = None
    binding: str = "Paperback"
    binding_text: str | None = None
    title: str | None = None
    edition: str | None = None
    cover: bool = True
    absent: tuple[str, ...] = ()
    number: int = 0
    work: int = 0

    @property
    def isbn10(self) -> str | None:
        """Return the ten-digit notation, where there is one."""
        return _ten(self.isbn) if self.isbn and self.isbn.startswith("978") else None

    @property
    def volume_id(self) -> str:
        """Return the Google Books id, twelve characters."""
        return f"bt{self.number:010d}"


class Creation(Struct, kw_only=True):
    """One work with its printings; ``rating`` is mean and count; negative years are BCE."""

    number: int
    title: str
    authors: tuple[int, ...]
    year: int
    language: str
    subjects: tuple[str, ...]
    description: str
    printings: tuple[Printing, ...]
    rating: tuple[float, int] | None = None
    romanised: str | None = None


class Someone(Struct, kw_only=True):
    """A person, film or name that Wikidata has an item for; authors have a ``number`` as well.

    ``countries`` are item ids, or ``somevalue``; ``preferred`` is the one of preferred rank.
    ``born_claim`` and ``died_claim`` override the Wikidata time made from ``born`` and ``died``.
    ``numeric_only`` leaves ``id`` out of item values, as older dumps do.
    """

    number: int = 0
    name: str
    wikidata: str = ""
    sort: str | None = None
    also: tuple[str, ...] = ()
    born: str | None = None
    died: str | None = None
    bio: str | None = None
    gender: str | None = None
    countries: tuple[str, ...] = ()
    preferred: str | None = None
    ethnic: str | None = None
    occupations: tuple[str, ...] = ("Q36180",)
    instance_of: str = "Q5"
    description: str = "writer"
    sitelinks: int = 1
    numeric_only: bool = False
    born_claim: str | None = None
    died_claim: str | None = None
    deprecated_born: str | None = None


class Country(Struct, kw_only=True):
    """A country item; historical states have no ISO code."""

    id: str
    label: str
    iso: str | None = None


@lru_cache(maxsize=4096)
def _ten(isbn13: str) -> str:
    return str(stdnum_isbn.to_isbn10(isbn13))
