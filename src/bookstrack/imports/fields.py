"""What a column can hold, and the names by which columns of unknown files are recognised."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from bookstrack.normalise.folding import fold


class Field(StrEnum):
    """What one column holds; the value is the name reported and the name in a mapping."""

    TITLE = "title"
    SUBTITLE = "subtitle"
    AUTHOR = "author"
    AUTHOR_SORTED = "authorSorted"
    CONTRIBUTORS = "contributors"
    ISBN13 = "isbn13"
    ISBN10 = "isbn10"
    ISBN = "isbn"
    PUBLISHER = "publisher"
    YEAR = "year"
    ORIGINAL_YEAR = "originalYear"
    PAGES = "pages"
    LANGUAGE = "language"
    FORMAT = "format"
    DESCRIPTION = "description"
    SERIES = "series"
    SERIES_NUMBER = "seriesNumber"
    RATING = "rating"
    STATUS = "status"
    SHELVES = "shelves"
    DATE_ADDED = "dateAdded"
    DATE_STARTED = "dateStarted"
    DATE_FINISHED = "dateFinished"
    DATE_STOPPED = "dateStopped"
    REVIEW = "review"
    NOTES = "notes"
    GOODREADS_ID = "goodreadsId"
    OPEN_LIBRARY_ID = "openLibraryId"
    OPEN_LIBRARY_WORK = "openLibraryWorkId"
    OPEN_LIBRARY_EDITION = "openLibraryEditionId"
    GOOGLE_BOOKS_ID = "googleBooksId"
    ASIN = "asin"
    OCLC = "oclc"
    LIBRARYTHING_BOOK = "libraryThingBookId"
    LIBRARYTHING_WORK = "libraryThingWorkId"
    STORYGRAPH_UID = "storygraphUid"
    HARDCOVER_BOOK = "hardcoverBookId"
    HARDCOVER_EDITION = "hardcoverEditionId"
    BOOKWYRM_ID = "bookwyrmId"
    INVENTAIRE_ID = "inventaireId"
    CALIBRE_ID = "calibreId"
    # Cells that only one named format has; its module spreads them over the fields above.
    DATES_READ = "datesRead"
    READINGS = "readings"
    DELETED = "deleted"
    MEDIA = "media"
    PUBLICATION = "publication"
    COLLECTIONS = "collections"
    SECONDARY_AUTHORS = "secondaryAuthors"
    SECONDARY_ROLES = "secondaryRoles"
    IDENTIFIERS = "identifiers"
    SHELF_NAME = "shelfName"
    REVIEW_NAME = "reviewName"


DATES = (Field.DATE_ADDED, Field.DATE_STARTED, Field.DATE_FINISHED, Field.DATE_STOPPED)
"""Fields that hold a day on which the reader did something."""

LONG_TEXTS = frozenset({Field.REVIEW, Field.NOTES, Field.DESCRIPTION})
"""Fields whose cells may be cut instead of refused when they are too long."""

NUMBERS_OF_BOOKS = (Field.ISBN13, Field.ISBN10, Field.ISBN)
"""Fields that hold an ISBN, best first."""

# In the order of the fields, and for each field best name first: "date added" beats "timestamp".
_NAMES = {
    Field.TITLE: "title, book title, book name, book, name, work title, titel, titre, título, "
    "titolo, product name",
    Field.SUBTITLE: "subtitle, untertitel, sous-titre, subtítulo, sottotitolo",
    Field.AUTHOR: "author, authors, author name, author names, by, writer, primary author, "
    "author text, creator, creators, autor, autoren, auteur, auteurs, autore, autori, autores, "
    "verfasser",
    Field.AUTHOR_SORTED: "author l-f, author sort, author (last, first)",
    Field.CONTRIBUTORS: "contributors, additional authors",
    Field.ISBN13: "isbn13, isbn-13, ean isbn13, ean, ean13, gtin",
    Field.ISBN10: "isbn10, isbn-10, upc isbn10",
    Field.ISBN: "isbn, isbns, isbn/uid, isbn number, barcode",
    Field.PUBLISHER: "publisher, publisher name, imprint, verlag, éditeur, editorial, editore, "
    "editora, uitgever",
    Field.YEAR: "year, publication year, year published, published, publish date, published date, "
    "publication date, pubdate, date published, year of publication, release date, jahr, "
    "erscheinungsjahr, erscheinungsdatum, année, année de publication, date de publication, año, "
    "año de publicación, anno, anno di pubblicazione",
    Field.ORIGINAL_YEAR: "original publication year, original year published, first published, "
    "first publish year",
    Field.PAGES: "pages, page count, number of pages, num pages, length, seiten, seitenzahl, "
    "nombre de pages, páginas, número de páginas, pagine, numero di pagine",
    Field.LANGUAGE: "language, languages, language code, lang, sprache, langue, idioma, lingua",
    Field.RATING: "my rating, rating, star rating, user rating, my ratings, personal rating, "
    "stars, score, bewertung, note, puntuación, valoración, valutazione, voto",
    Field.STATUS: "exclusive shelf, read status, status, reading status, shelf, bookshelf, state, "
    "statut, estado, stato, lesestatus",
    Field.SHELVES: "bookshelves, shelves, tags, collections, labels, lists, schlagwörter, "
    "étiquettes, etiquetas, etichette",
    Field.DATE_ADDED: "date added, added, added at, added on, added date, shelf date, entry date, "
    "acquired, date acquired, purchase date, timestamp, created, created at, hinzugefügt am",
    Field.DATE_STARTED: "date started, started, start date, started reading, started at, "
    "started on, began, begonnen am",
    Field.DATE_FINISHED: "date read, date finished, finished, finish date, last date read, "
    "end date, completed, read date, finished reading, finished at, finished on, date completed, "
    "completed at, completed on, reading date, read at, read on, gelesen am, beendet am, "
    "date de lecture, fecha de lectura, data di lettura, read, gelesen, lu, leído, letto",
    Field.REVIEW: "my review, review, review content, review text, comments, rezension, reseña, "
    "recensione",
    Field.NOTES: "private notes, notes, comment, my notes, notizen, notas",
    Field.FORMAT: "binding, format, book format, media, cover type, book type, einband",
    Field.SERIES: "series, series name, reihe, serie, série",
    Field.SERIES_NUMBER: "series index, volume, number in series, series number, series sequence, "
    "series order, volume number",
    Field.DESCRIPTION: "description, summary, beschreibung, descripción, descrizione",
    Field.GOODREADS_ID: "goodreads id, goodreads key, goodreads book id",
    Field.OPEN_LIBRARY_ID: "olid, openlibrary key, openlibrary id, open library id",
    Field.OPEN_LIBRARY_WORK: "work id",
    Field.OPEN_LIBRARY_EDITION: "edition id",
    Field.ASIN: "asin, audible product id",
    Field.GOOGLE_BOOKS_ID: "google books id, google volume id",
}

_SIGNS = re.compile(r"[\W_]+")
_HUMP = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")  # of "pageCount"


@lru_cache(maxsize=1024)
def header_key(name: str) -> str:
    """Return a column's name without case, accents and punctuation.

    "ISBN/UID" gives ``isbn uid``, "Author(s)" gives ``author``, "pageCount" ``page count``.
    """
    apart = _HUMP.sub(" ", name[:200])
    return _SIGNS.sub(" ", fold(apart).replace("(s)", "")).strip()


def _split(names: str) -> tuple[str, ...]:
    whole = re.split(r", (?![^(]*\))", names)  # not inside "(last, first)"
    return tuple(dict.fromkeys(map(header_key, whole)))


GENERIC_NAMES = {field: _split(names) for field, names in _NAMES.items()}
"""For every field the header keys that name it, best first."""
