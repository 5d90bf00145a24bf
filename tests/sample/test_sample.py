"""The sample catalogue: enough books, of enough kinds, with nothing wrong in them."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from stdnum import isbn as stdnum_isbn

from bookstrack.model.book import Edition
from bookstrack.model.enums import CulturalRegion, EditionFormat
from bookstrack.model.record import BookRecord, ProviderId
from bookstrack.sample.load import SampleCatalogue, sample_catalogue, sample_records

# data-model §6.5
CANONICAL = {
    *("Science Fiction", "Fantasy", "Mystery", "Thriller", "Romance", "Horror"),
    *("Literary Fiction", "Historical Fiction", "Biography", "History", "Science", "Philosophy"),
    *("Self-Help", "Business", "True Crime", "Young Adult", "Children's", "Middle Grade"),
    *("Classics", "Contemporary", "Graphic Novels", "Poetry", "Dystopian", "Fiction"),
}
HIRAGANA_KATAKANA_HAN = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
SCRIPTS = {
    "ru": re.compile(r"[\u0400-\u04ff]"),
    "ja": HIRAGANA_KATAKANA_HAN,
    "zh": re.compile(r"[\u4e00-\u9fff]"),
    "ko": re.compile(r"[\uac00-\ud7af]"),
    "ar": re.compile(r"[\u0600-\u06ff]"),
    "el": re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]"),
}
TITLE_WITHOUT_LETTERS = "1Q84"


@pytest.fixture(scope="module")
def catalogue() -> SampleCatalogue:
    return sample_catalogue()


@pytest.fixture(scope="module")
def records() -> tuple[BookRecord, ...]:
    return sample_records()


def editions_of(records: tuple[BookRecord, ...]) -> Iterator[tuple[BookRecord, Edition]]:
    return ((record, edition) for record in records for edition in record.editions)


def test_there_is_enough_of_everything(records: tuple[BookRecord, ...]) -> None:
    works_of = Counter(author.name for record in records for author in record.authors)
    assert len(records) >= 200
    assert sum(len(record.editions) for record in records) >= 260
    assert sum(len(record.editions) >= 2 for record in records) >= 30
    assert sum(count >= 3 for count in works_of.values()) >= 12


def test_many_languages_are_present(records: tuple[BookRecord, ...]) -> None:
    originals = Counter(record.work.original_language for record in records)
    printed = Counter(edition.language for _, edition in editions_of(records))
    assert {"en", "de", "fr", "es", "it", "ru", "ja", "pt", "zh"} <= originals.keys()
    assert {"en", "de", "fr", "es", "it", "ru", "ja", "pt", "zh"} <= printed.keys()
    assert all(re.fullmatch(r"[a-z]{2}", code or "") for code in originals | printed)


def test_every_isbn_is_real_in_form_and_stands_once(catalogue: SampleCatalogue) -> None:
    numbers = [edition.isbn for work in catalogue.work for edition in work.editions]
    assert [n for n in numbers if not re.fullmatch(r"97[89]\d{10}", n)] == []
    assert [n for n in numbers if not stdnum_isbn.is_valid(n)] == []
    assert [n for n, count in Counter(numbers).items() if count > 1] == []


def test_the_hobbit_of_the_readme_is_there(records: tuple[BookRecord, ...]) -> None:
    record, edition = next(pair for pair in editions_of(records) if pair[1].isbn == "9780261103344")
    assert record.work.title == "The Hobbit"
    assert record.work.first_publication_year == 1937
    assert [author.name for author in record.authors] == ["J.R.R. Tolkien"]
    assert edition.isbns == ("9780261103344", "0261103342")
    assert (edition.publisher, edition.format) == ("HarperCollins", EditionFormat.PAPERBACK)
    assert edition.cover_image_url == "https://covers.openlibrary.org/b/isbn/9780261103344-L.jpg"


def test_records_come_from_our_own_catalogue(records: tuple[BookRecord, ...]) -> None:
    assert {record.provider for record in records} == {ProviderId.CATALOG}
    assert {record.work.primary_provider for record in records} == {None}
    assert {record.work.synthetic for record in records} == {False}
    assert all(record.authors and record.editions for record in records)


def test_works_are_distinct(records: tuple[BookRecord, ...]) -> None:
    works = Counter((record.work.title.casefold(), record.authors[0].name) for record in records)
    assert [work for work, count in works.items() if count > 1] == []


def test_descriptions_are_long_enough_and_our_own(records: tuple[BookRecord, ...]) -> None:
    descriptions = [record.work.description or "" for record in records]
    assert [text for text in descriptions if not 100 < len(text) < 300] == []
    assert len(set(descriptions)) == len(descriptions)
    assert [text for text in descriptions if text[-1] not in ".?!" or text != text.strip()] == []


def test_genres_are_canonical_sorted_and_unique(records: tuple[BookRecord, ...]) -> None:
    for record in records:
        tags = record.work.subject_tags
        assert tags
        assert set(tags) <= CANONICAL, record.work.title
        assert tags == tuple(sorted(set(tags))), record.work.title


def test_years_are_plausible(records: tuple[BookRecord, ...]) -> None:
    for record, edition in editions_of(records):
        first, date = record.work.first_publication_year, edition.publication_date
        assert first is None or 1000 <= first <= 2026
        if date is None:
            continue
        assert re.fullmatch(r"\d{4}(-\d{2}(-\d{2})?)?", date), edition.isbn
        assert edition.publication_year == int(date[:4])
        assert 1966 <= int(date[:4]) <= 2026, edition.isbn  # ISBNs began as SBNs in 1967
        assert first is None or first <= int(date[:4]), edition.isbn


def test_pages_are_plausible(records: tuple[BookRecord, ...]) -> None:
    pages = [edition.page_count for _, edition in editions_of(records)]
    assert [n for n in pages if n is not None and not 20 <= n <= 2000] == []


def test_authors_are_known_and_all_used(
    catalogue: SampleCatalogue, records: tuple[BookRecord, ...]
) -> None:
    used = {key for work in catalogue.work for key in work.authors}
    assert used == catalogue.authors.keys()
    assert len({one.name for one in catalogue.authors.values()}) == len(catalogue.authors)
    for author in catalogue.authors.values():
        if author.born is not None and author.died is not None:
            assert 15 <= author.died - author.born <= 105, author.name
    assert len({author.cultural_region for r in records for author in r.authors}) >= 7
    assert CulturalRegion.CARIBBEAN in {a.cultural_region for r in records for a in r.authors}


def test_nobody_published_before_birth(records: tuple[BookRecord, ...]) -> None:
    for record in records:
        for author in record.authors:
            if author.birth_year and record.work.first_publication_year:
                assert record.work.first_publication_year - author.birth_year >= 12, author.name


def test_originals_carry_their_own_script(records: tuple[BookRecord, ...]) -> None:
    for record in records:
        script = SCRIPTS.get(record.work.original_language or "")
        if script is None or record.work.title == TITLE_WITHOUT_LETTERS:
            continue
        assert script.search(record.work.title), record.work.title
        for edition in record.editions:
            is_original = edition.language == record.work.original_language
            assert bool(script.search(edition.title or "")) == is_original, edition.isbn


def test_open_library_keys_have_their_shape(records: tuple[BookRecord, ...]) -> None:
    for record, edition in editions_of(records):
        assert re.fullmatch(r"OL\d+W", record.work.open_library_work_id or "OL1W")
        assert re.fullmatch(r"OL\d+M", edition.open_library_edition_id or "OL1M")
        for author in record.authors:
            assert re.fullmatch(r"OL\d+A", author.open_library_id or "OL1A")


def test_records_survive_a_round_trip(records: tuple[BookRecord, ...]) -> None:
    kept = msgspec.json.decode(msgspec.json.encode(records), type=tuple[BookRecord, ...])
    assert kept == records


def test_a_misspelt_field_is_refused() -> None:
    text = b'[authors]\n[[work]]\ntitel = "x"\n'
    with pytest.raises(msgspec.ValidationError, match="titel"):
        msgspec.toml.decode(text, type=SampleCatalogue)


def test_it_is_no_copy_of_the_fixtures(records: tuple[BookRecord, ...], fixtures_dir: Path) -> None:
    with (fixtures_dir / "catalogue" / "goodbooks-10k.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    theirs = {row["isbn"].zfill(10) for row in rows if row["isbn"]}
    ours = [edition.isbns[-1] for _, edition in editions_of(records)]
    assert sum(number not in theirs for number in ours) >= 100
    # No ids, covers or series labels came along with the facts.
    text = msgspec.json.encode(records).decode()
    assert "gr-assets" not in text
    assert "goodreads.com" not in text
    assert not any(re.search(r"\(.*#\d", e.title or "") for _, e in editions_of(records))
