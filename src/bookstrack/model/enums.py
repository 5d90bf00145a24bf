"""The closed word lists of the contract. A value outside them breaks real clients."""

from __future__ import annotations

from enum import StrEnum


class EditionFormat(StrEnum):
    """Physical form of an edition; unknown is ``PAPERBACK``, there is no ``Other``."""

    HARDCOVER = "Hardcover"
    PAPERBACK = "Paperback"
    EBOOK = "E-book"
    AUDIOBOOK = "Audiobook"
    MASS_MARKET = "Mass Market"


class AuthorGender(StrEnum):
    """Gender of an author as Wikidata states it."""

    FEMALE = "Female"
    MALE = "Male"
    NON_BINARY = "Non-binary"
    OTHER = "Other"
    UNKNOWN = "Unknown"


class CulturalRegion(StrEnum):
    """Region of an author, derived from the ISO code of the country of citizenship."""

    AFRICA = "Africa"
    ASIA = "Asia"
    EUROPE = "Europe"
    NORTH_AMERICA = "North America"
    SOUTH_AMERICA = "South America"
    OCEANIA = "Oceania"
    MIDDLE_EAST = "Middle East"
    CARIBBEAN = "Caribbean"
    CENTRAL_ASIA = "Central Asia"
    INDIGENOUS = "Indigenous"
    INTERNATIONAL = "International"


class ReviewStatus(StrEnum):
    """Whether a person has looked at, or must look at, a record."""

    VERIFIED = "verified"
    NEEDS_REVIEW = "needsReview"
    USER_EDITED = "userEdited"


class DataProvider(StrEnum):
    """Provider names inside DTOs."""

    GOOGLE_BOOKS = "google-books"
    OPEN_LIBRARY = "openlibrary"
    ISBNDB = "isbndb"
    GEMINI = "gemini"


class CacheSource(StrEnum):
    """Where an answer came from, as headers and metadata spell it."""

    EDGE = "EDGE"
    KV = "KV"
    DB = "DB"
    COLD = "COLD"
    API = "API"
    NONE = "NONE"


class AuthorSort(StrEnum):
    """Order of an author's works."""

    NEWEST = "publicationYear"
    OLDEST = "publicationYearAsc"
    TITLE = "title"
    POPULARITY = "popularity"
