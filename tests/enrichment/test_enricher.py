"""Partial books: which book is meant, how surely, and what a failure looks like."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bookstrack.enrichment.books import Enriched, EnrichmentStatus, PartialBook
from bookstrack.enrichment.enricher import NOT_FOUND, Enricher
from bookstrack.errors import StorageUnavailable
from bookstrack.model.isbn import Isbn
from bookstrack.testing.builders import a_record, a_work
from bookstrack.testing.faults import Fault
from bookstrack.testing.generated import generated_isbn

FERRY, FERRY_TITLE = "9781644100370", "The Ferry to Morrow Island"
PROVIDERS = ("google", "openlibrary", "isbndb")


def asked(upstream) -> int:
    return sum(upstream.count(name) for name in PROVIDERS)


async def test_a_number_is_certain(lookups):
    found = await lookups.enrich(PartialBook(isbn=FERRY))
    assert found.status is EnrichmentStatus.SUCCESS
    assert (found.confidence, found.clear, found.cached, found.error) == (1.0, True, False, None)
    assert found.data().works[0].title == FERRY_TITLE
    again = await lookups.enrich(PartialBook(isbn=FERRY))
    assert again.cached


async def test_title_and_author_are_matched(lookups):
    found = await lookups.enrich(PartialBook(title=FERRY_TITLE.upper(), author="M. Holloway"))
    assert found.succeeded
    assert found.confidence >= 0.6
    data = found.data()
    assert data.result_count == len(data.works) == len(data.books) == 1


async def test_a_translation_is_found_by_its_own_title(lookups):
    found = await lookups.enrich(PartialBook(title="Die Fähre nach Morrow"))
    assert found.succeeded


async def test_a_number_that_nobody_knows_leads_to_the_title(lookups):
    found = await lookups.enrich(
        PartialBook(isbn="9780000000002", title=FERRY_TITLE, author="Maren Holloway")
    )
    assert found.succeeded
    assert found.confidence < 1 or found.data().works[0].title == FERRY_TITLE


@pytest.mark.parametrize("isbn", ["", "no number", "123"])
async def test_what_is_no_number_is_left_out(lookups, isbn):
    assert (await lookups.enrich(PartialBook(isbn=isbn, title=FERRY_TITLE))).succeeded
    nothing = await lookups.enrich(PartialBook(isbn=isbn))
    assert (nothing.status, nothing.error) == (EnrichmentStatus.NOT_FOUND, NOT_FOUND)
    assert nothing.data().works == ()


async def test_a_misprint_is_found_where_our_tables_have_it(lookups, parts, upstream):
    misprint = "9781644100371"
    await parts.store.save([a_record(misprints=(misprint,))])
    found = await lookups.enrich(PartialBook(isbn=misprint))
    assert found.succeeded
    assert asked(upstream) == 0


async def test_our_own_tables_are_asked_first(lookups, parts, upstream):
    title = "The Undiscovered Harbour"
    work = a_work(title=title, description="A.", cover_image_url="https://covers.example/1.jpg")
    await parts.store.save([a_record(title=title, work=work, authors=("Ida Berg",))])
    found = await lookups.enrich(PartialBook(title="The undiscovered harbour", author="Ida Berg"))
    assert found.succeeded
    assert found.cached
    assert asked(upstream) == 0
    other = await lookups.enrich(PartialBook(title="The undiscovered harbour", author="Bo Ek"))
    assert other.status is EnrichmentStatus.NOT_FOUND
    assert asked(upstream) > 0


async def test_while_nobody_answers_our_own_thin_record_does(lookups, parts, upstream):
    await parts.store.save([a_record(work=a_work(title="A Thin One"), editions=())])
    author = a_record().authors[0].name
    for name in PROVIDERS:
        upstream.fault(name, Fault.status(500))
    found = await lookups.enrich(PartialBook(title="A Thin One", author=author))
    assert found.succeeded
    unknown = await lookups.enrich(PartialBook(title="Another One", author=author))
    assert unknown.status is EnrichmentStatus.ERROR


async def test_failures_are_answers(lookups, upstream):
    for name in PROVIDERS:
        upstream.fault(name, Fault.status(500))
    for book in (PartialBook(isbn=FERRY), PartialBook(title=FERRY_TITLE)):
        found = await lookups.enrich(book)
        assert found.status is EnrichmentStatus.ERROR
        assert found.error
        assert found.error != NOT_FOUND


async def test_a_defect_is_an_answer_too(parts):
    class Broken:
        identifier = None

        async def by_isbn(self, *_args, **_options):
            raise RuntimeError("a defect")

    lookups = Enricher(Broken()).lookups()
    with capture_logs() as logs:
        found = await lookups.enrich(PartialBook(isbn=FERRY, title=FERRY_TITLE))
    assert found.status is EnrichmentStatus.ERROR
    assert "defect" not in found.error
    assert [entry["event"] for entry in logs] == ["enrichment_defect"]
    assert not {FERRY, FERRY_TITLE} & {str(value) for value in logs[0].values()}
    lookups.drop()


async def test_what_is_at_hand_asks_nobody(lookups, parts, upstream):
    book, titled = PartialBook(isbn=FERRY), PartialBook(title=FERRY_TITLE, author="Maren Holloway")
    assert lookups.at_hand(book) is None
    assert lookups.at_hand(titled) is None
    for one in (book, titled):
        await lookups.enrich(one)
    before = upstream.count()
    assert lookups.at_hand(book).confidence == 1.0
    assert lookups.at_hand(titled).succeeded
    assert lookups.at_hand(PartialBook()) is None
    assert upstream.count() == before


async def test_known_numbers_are_those_of_our_tables(lookups, parts):
    await lookups.enrich(PartialBook(isbn=FERRY))
    await parts.background.drain(5)
    books = [PartialBook(isbn=FERRY), PartialBook(isbn="9780000000002"), PartialBook(title="x")]
    assert FERRY in await lookups.known(books)
    assert "9780000000002" not in await lookups.known(books)
    assert await lookups.known([]) == frozenset()


async def test_unreadable_tables_mean_that_nothing_goes_first(parts):
    class Away:
        async def known(self, _isbns):
            raise StorageUnavailable("away")

    class Catalogue:
        identifier = Away()

    lookups = Enricher(Catalogue()).lookups()
    assert await lookups.known([PartialBook(isbn=FERRY)]) == frozenset()


async def test_equal_questions_are_recognised():
    one = PartialBook(title="The Ferry", author="Holloway, Maren", isbn="978-1-64410-037-0")
    assert (
        one.identity
        == PartialBook(title="the ferry!", author="Maren Holloway", isbn=FERRY).identity
    )
    assert one.identity != PartialBook(title="The Ferry", author="Maren Holloway").identity


async def test_facts_of_a_dropped_job_are_not_asked_for(lookups, upstream):
    await lookups.enrich(PartialBook(isbn=FERRY))
    lookups.drop()
    lookups.finish()
    await asyncio.sleep(0.1)
    assert upstream.count("wikidata") == 0


async def test_many_authors_are_asked_for_in_one_go(parts, upstream):
    lookups = Enricher(parts.catalogue).lookups()
    await asyncio.gather(*(lookups.enrich(PartialBook(isbn=generated_isbn(n))) for n in range(30)))
    assert upstream.count("wikidata") == 0
    lookups.finish()
    await parts.improving.drain(10)
    assert 0 < upstream.count("wikidata") <= 31, "a search by name each, then all items at once"
    hit = parts.catalogue.tiers.peek(f"search:isbn:isbn={generated_isbn(3)}")
    assert b'"gender":"Unknown"' not in hit.entry.body


async def test_where_the_facts_fail_answers_stay_as_they_are(parts, upstream):
    lookups = Enricher(parts.catalogue).lookups()
    upstream.fault("wikidata", Fault.status(500))
    await lookups.enrich(PartialBook(isbn=FERRY))
    lookups.finish()
    await parts.improving.drain(10)
    hit = parts.catalogue.tiers.peek(f"search:isbn:isbn={FERRY}")
    assert b'"gender":"Unknown"' in hit.entry.body
    lifetime = hit.entry.ttl
    assert lifetime <= parts.settings.cache.hot_ttl_s, "asked for again before long"


def test_nothing_found_is_an_empty_answer():
    assert Enriched(status=EnrichmentStatus.PENDING).data().works == ()
    assert Isbn.find("") is None


# --- switches of operators -----------------------------------------------------------------------


async def test_our_tables_are_not_written_while_that_is_switched_off(lookups, parts):
    await parts.flags.change("enable_d1_writes", enabled=False)
    await parts.catalogue.by_isbn(Isbn.parse(FERRY))
    await lookups.enrich(PartialBook(isbn="9781644101117"))
    await parts.background.drain(5)
    assert await parts.store.count() == 0
    await parts.flags.change("enable_d1_writes", enabled=True)
    await lookups.enrich(PartialBook(isbn="9781644101483"))
    await parts.background.drain(5)
    assert await parts.store.count() == 1


async def test_our_tables_are_not_read_while_that_is_switched_off(lookups, parts, upstream):
    cover = "https://covers.example/1.jpg"
    for number in (1, 2):
        isbn, title = generated_isbn(number), f"Known {number}"
        work = a_work(title=title, description="Of it.", cover_image_url=cover)
        await parts.store.save([a_record(title=title, isbn=isbn, work=work)])
    assert (await lookups.enrich(PartialBook(isbn=generated_isbn(1)))).succeeded
    assert asked(upstream) == 0
    await parts.flags.change("enable_d1_reads", enabled=False)
    assert (await lookups.enrich(PartialBook(isbn=generated_isbn(2)))).succeeded
    assert asked(upstream) > 0


async def test_nobody_asks_for_author_facts_when_switched_off(parts, upstream):
    await parts.flags.change("wikidata_enrichment", enabled=False)
    await parts.catalogue.by_isbn(Isbn.parse(FERRY))
    lookups = Enricher(parts.catalogue).lookups()
    await lookups.enrich(PartialBook(isbn="9781644101117"))
    lookups.finish()
    await parts.improving.drain(5)
    assert upstream.count("wikidata") == 0
