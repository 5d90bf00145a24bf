"""Whatever is written in a format is read back; whatever bytes come, nothing breaks."""

from __future__ import annotations

import csv
import io
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookstrack.imports.decode import decode
from bookstrack.imports.dialect import find_dialect
from bookstrack.imports.export import ReadingStatus
from bookstrack.imports.read import check_export, read_export
from bookstrack.imports.refusal import Unreadable
from bookstrack.imports.sniff import KNOWN_NAMES
from bookstrack.imports.tokens import Dialect, records
from bookstrack.testing.generated import generated_isbn
from imports.samples import TODAY, fates, read
from imports.writers import SERVICES, Item, Service

SIGNS = "abcxyzÄéßñœ書本ж '’!?.,;:|\"-+=@%*0123456789"
PLAIN = SIGNS.replace("|", "")


def words(alphabet: str, *, most: int = 30) -> st.SearchStrategy[str]:
    return st.text(alphabet, max_size=most).map(lambda text: " ".join(text.split()))


NAMES = st.sampled_from(("Ada", "Bram", "Chloé", "Dario", "Jean-Luc", "Łucja", "Ute"))
SURNAMES = st.sampled_from(("Aske", "O'Brandt", "Carrow", "Eng", "Müller", "Smith-Jones"))
ITEMS = st.lists(
    st.builds(
        Item,
        number=st.just(0),
        title=words(PLAIN),
        authors=st.lists(st.tuples(NAMES, SURNAMES), min_size=1, max_size=3, unique=True).map(
            tuple
        ),
        isbn=st.none() | st.integers(0, 9_999_999).map(generated_isbn),
        publisher=words("abcÄé &").map(lambda text: text and f"P{text}"),
        year=st.none() | st.integers(1450, 2026),
        pages=st.none() | st.integers(1, 5_000),
        stars=st.integers(0, 5),
        status=st.sampled_from(ReadingStatus),
        added=st.dates(min_value=TODAY.replace(year=2000), max_value=TODAY).map(str),
        finished=st.none() | st.dates(min_value=TODAY.replace(year=2000), max_value=TODAY).map(str),
        review=words(PLAIN, most=60).map(lambda text: text and f"R{text}"),
        tags=st.lists(st.sampled_from(("sci-fi", "à lire", "2024", "über")), unique=True).map(
            tuple
        ),
    ),
    min_size=1,
    max_size=6,
).map(
    # Numbers make every book another one: what is the same book is tested elsewhere.
    lambda items: [
        item._replace(
            number=at, title=f"T{at} {item.title}".strip(), isbn=item.isbn and generated_isbn(at)
        )
        for at, item in enumerate(items)
    ]
)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.format.value)
@given(items=ITEMS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_what_a_service_writes_is_read_back(service: Service, items: list[Item]) -> None:
    export = read(service.write(items))

    assert export.format is service.format
    assert set(fates(export).values()) == {"book"}
    for item, book in zip(items, export.books, strict=True):
        reading = book.reading
        assert (book.title, book.isbn) == (item.title, item.isbn)
        assert book.authors[0] == item.names[0]
        assert reading.date_added == item.added
        said = {
            "names": (book.authors, item.names),
            "publisher": (book.publisher or "", item.publisher),
            "year": (book.year, item.year),
            "pages": (book.pages, item.pages),
            "stars": (reading.rating or 0, item.stars),
            "status": (reading.status, item.status),
            "finished": (reading.date_finished, item.finished),
            "review": (reading.review or "", item.review),
            "tags": (reading.tags, item.tags),
        }
        for fact in service.keeps:
            found, written = said[fact]
            assert found == written, fact


CELLS = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\x00\r"), max_size=12
) | st.sampled_from(["", " ", '"', '""', ",", "a\nb", "\\", '\\"', "a,\\", "\t", ";|", "'", '="x"'])
TABLES = st.integers(2, 5).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=8)
)


@given(table=TABLES, delimiter=st.sampled_from(",;\t|"), quoting=st.sampled_from([0, 1]))
@settings(max_examples=300, deadline=None)
def test_records_of_the_standard_writer_come_back(
    table: list[list[str]], delimiter: str, quoting: int
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator="\n")
    writer.writerows(table)
    written = text.getvalue()
    dialect = find_dialect(written, known=(), delimiter=delimiter)

    found = [record.cells for record in records(written, dialect)]

    assert found == [row for row in table if any(map(str.strip, row))]


@given(table=TABLES)
@settings(max_examples=100, deadline=None)
def test_the_way_through_bytes_changes_only_what_it_must(table: list[list[str]]) -> None:
    table = [["x", *row] for row in table]
    text = io.StringIO(newline="")
    csv.writer(text).writerows(table)

    decoded = decode(text.getvalue().encode()).text

    expected = [[unicodedata.normalize("NFC", spaced(cell)) for cell in row] for row in table]
    assert [record.cells for record in records(decoded, Dialect(delimiter=","))] == expected


def spaced(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u2007", " ").replace("\u202f", " ")


PIECES = (
    rb""", ; | " "" \\ ' = Title Author ISBN Rating Exclusive~Shelf My~Rating Primary~Author """
    rb"""Work~id Date~Read 9780306406157 0306406152 9.7E+12 1/2/2020 31.12.1999 4,5 DVD read """
    rb"""dnf &amp; <br> Last,~First A~&~B (S,~#1) OL1W Work~Id Edition~Id Bookshelf readings """
    rb"""book_format deleted """
)
HOSTILE = st.one_of(
    st.binary(max_size=400),
    st.lists(
        st.sampled_from(
            [
                *(piece.replace(b"~", b" ") for piece in PIECES.split()),
                *(b"\t", b"\n", b"\r\n", b"\r", b" ", b"\x00", b"sep=;\n"),
                *(b"\xff\xfe", b"\xef\xbb\xbf", b"\xe2a", b"\xc3\xa9"),
            ]
        ),
        max_size=60,
    ).map(b"".join),
)


def survives(data: bytes) -> None:
    try:
        export = read_export(data, today=TODAY)
    except Unreadable:
        return
    fates(export)
    assert check_export(data).data_rows == export.data_rows


@given(data=HOSTILE)
@settings(max_examples=300, deadline=1_000)
def test_no_bytes_break_the_reader(data: bytes) -> None:
    survives(data)


@pytest.mark.slow
@given(data=HOSTILE)
@settings(max_examples=10_000, deadline=1_000, suppress_health_check=[HealthCheck.too_slow])
def test_ten_thousand_heaps_of_bytes_break_nothing(data: bytes) -> None:
    survives(data)


def test_known_names_are_keys() -> None:
    assert {"title", "isbn uid", "author l f", "exclusive shelf"} <= KNOWN_NAMES
