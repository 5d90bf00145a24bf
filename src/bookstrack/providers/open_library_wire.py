"""Open Library answers as they come over the wire (providers §3).

Leaf fields are ``object``: old records hold texts, objects, lists and nulls in the same place, and
one odd value must not cost the whole answer.
"""

from __future__ import annotations

from msgspec import Struct

FIELDS = (
    "key,title,subtitle,author_name,author_key,first_publish_year,edition_count,cover_i,isbn,"
    "publisher,publish_date,language,subject,number_of_pages_median,ratings_average,ratings_count,"
    "id_goodreads,id_librarything,id_amazon,id_google,editions,editions.key,editions.title,"
    "editions.isbn,editions.publisher,editions.publish_date,editions.language,editions.cover_i"
)
"""What to name in ``fields``; without it search answers carry no ISBN (quirk 1)."""

BIBLIOGRAPHY_FIELDS = "key,title,subtitle,first_publish_year,edition_count,cover_i"
"""The ``fields`` of an author's list of works."""


class EditionHit(Struct, frozen=True, kw_only=True):
    """One edition in the sub-list of a search hit."""

    key: object = None
    title: object = None
    isbn: object = None
    publisher: object = None
    publish_date: object = None
    language: object = None
    cover_i: object = None


class EditionHits(Struct, frozen=True, kw_only=True):
    """The sub-list of editions that match best."""

    docs: tuple[EditionHit | None, ...] | None = None


class WorkHit(Struct, frozen=True, kw_only=True):
    """One hit of ``/search.json``: a work; its lists mix all editions (quirk 2)."""

    key: object = None
    title: object = None
    subtitle: object = None
    author_name: object = None
    author_key: object = None
    first_publish_year: object = None
    edition_count: object = None
    edition_key: object = None
    cover_i: object = None
    isbn: object = None
    publisher: object = None
    publish_date: object = None
    language: object = None
    subject: object = None
    number_of_pages_median: object = None
    ratings_average: object = None
    ratings_count: object = None
    id_goodreads: object = None
    id_librarything: object = None
    id_amazon: object = None
    id_google: object = None
    editions: EditionHits | None = None


class WorkHits(Struct, frozen=True, kw_only=True, rename={"num_found": "numFound"}):
    """A page of ``/search.json``."""

    num_found: object = None
    docs: tuple[WorkHit | None, ...] | None = None


class AuthorHit(Struct, frozen=True, kw_only=True):
    """One hit of ``/search/authors.json``."""

    key: object = None
    name: object = None
    alternate_names: object = None
    birth_date: object = None
    death_date: object = None
    work_count: object = None


class AuthorHits(Struct, frozen=True, kw_only=True):
    """A page of ``/search/authors.json``."""

    docs: tuple[AuthorHit | None, ...] | None = None


class Document(Struct, frozen=True, kw_only=True):
    """What every record has; a redirect names the record that replaced it (quirk 5)."""

    key: object = None
    type: object = None
    location: object = None


class WorkDocument(Document, frozen=True, kw_only=True):
    """``/works/OL…W.json`` and the entries of an author's works."""

    title: object = None
    subtitle: object = None
    authors: object = None
    description: object = None
    subjects: object = None
    covers: object = None
    first_publish_date: object = None


class EditionDocument(Document, frozen=True, kw_only=True):
    """``/books/OL…M.json`` and the entries of a work's editions."""

    title: object = None
    title_prefix: object = None
    subtitle: object = None
    works: object = None
    authors: object = None
    isbn_10: object = None
    isbn_13: object = None
    publishers: object = None
    publish_date: object = None
    number_of_pages: object = None
    pagination: object = None
    physical_format: object = None
    languages: object = None
    covers: object = None
    subjects: object = None
    identifiers: object = None
    edition_name: object = None
    description: object = None


class AuthorDocument(Document, frozen=True, kw_only=True):
    """``/authors/OL…A.json``."""

    name: object = None
    personal_name: object = None
    birth_date: object = None
    death_date: object = None
    remote_ids: object = None


class WorkEntries(Struct, frozen=True, kw_only=True):
    """A page of an author's works."""

    size: object = None
    entries: tuple[WorkDocument | None, ...] | None = None


class EditionEntries(Struct, frozen=True, kw_only=True):
    """A page of a work's editions."""

    size: object = None
    entries: tuple[EditionDocument | None, ...] | None = None


class BookData(Struct, frozen=True, kw_only=True):
    """One record of ``/api/books?jscmd=data``, which has names where others have keys."""

    key: object = None
    title: object = None
    subtitle: object = None
    authors: object = None
    identifiers: object = None
    publishers: object = None
    publish_date: object = None
    number_of_pages: object = None
    pagination: object = None
    subjects: object = None
    cover: object = None
