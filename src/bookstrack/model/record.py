"""What one provider (or our own catalogue) said, in our types, not yet merged."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field

from bookstrack.model.book import Author, Edition, Work


class ProviderId(StrEnum):
    """Internal ids of everything that answers queries; spelled differently on each surface."""

    CATALOG = "catalog"
    GOOGLE = "google"
    OPEN_LIBRARY = "openlibrary"
    ISBNDB = "isbndb"
    WIKIDATA = "wikidata"
    GEMINI = "gemini"
    OFFLINE = "ol-dump"


class Rating(Struct, frozen=True, kw_only=True):
    """Readers' rating of a work: mean 0 to 5 and how many gave one."""

    average: float
    count: int


class PersonFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a record knows about an author beyond the wire fields."""

    wikidata_id: str | None = None
    birth_date: str | None = None


class BookRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One work with its editions (primary first) and authors, as one source tells it.

    ``people`` is keyed by author name. ``weak`` names work fields that come from the edition
    rather than the work (``first_publication_year``, ``original_language``) and lose to a strong
    value in merging. ``misprints`` are printed numbers with a wrong check digit. ``confidence``
    (0 to 1) is below 1 where the source did not prove that this is the book asked for.
    """

    provider: ProviderId
    work: Work
    editions: tuple[Edition, ...] = ()
    authors: tuple[Author, ...] = ()
    people: dict[str, PersonFacts] = field(default_factory=dict[str, PersonFacts])
    subtitle: str | None = None
    thumbnail_url: str | None = None
    rating: Rating | None = None
    raw_subjects: tuple[str, ...] = ()
    misprints: tuple[str, ...] = ()
    edition_count: int | None = None
    weak: frozenset[str] = frozenset()
    confidence: float = 1.0


class AuthorRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one source knows about a person.

    ``asked`` is the name, and ``asked_id`` the Open Library id, that the query carried.
    """

    provider: ProviderId
    asked: str
    asked_id: str | None = None
    author: Author | None = None
    facts: PersonFacts = PersonFacts()


class Findings(Struct, frozen=True, kw_only=True):
    """One source's answer to one query; empty means "not known here".

    ``total`` is the source's own count of hits, where it can be trusted.
    """

    books: tuple[BookRecord, ...] = ()
    authors: tuple[AuthorRecord, ...] = ()
    total: int | None = None

    def __bool__(self) -> bool:
        """Tell whether anything was found."""
        return bool(self.books or self.authors)
