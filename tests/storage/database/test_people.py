from __future__ import annotations

import msgspec

from bookstrack.model.book import Author
from bookstrack.model.enums import AuthorGender, CulturalRegion
from bookstrack.model.query import Person
from bookstrack.model.record import AuthorRecord, PersonFacts, ProviderId
from bookstrack.testing.builders import a_record, an_author

WEEK = 7 * 86_400
ISBN, OTHER = "9781644100370", "9780439708180"
FACTS = {
    "gender": AuthorGender.FEMALE,
    "cultural_region": CulturalRegion.AFRICA,
    "nationality": "Nigeria",
    "birth_year": 1941,
    "death_year": 2001,
}


def told(name: str, wikidata: str | None = "Q1", **facts) -> AuthorRecord:
    author = Author(name=name, **(facts or FACTS))
    found = PersonFacts(wikidata_id=wikidata)
    return AuthorRecord(provider=ProviderId.WIKIDATA, asked=name, author=author, facts=found)


def nobody(name: str) -> AuthorRecord:
    return AuthorRecord(provider=ProviderId.WIKIDATA, asked=name)


async def test_facts_are_remembered_by_name_for_a_while(store, clock):
    await store.save_author_facts([told("Maren Holloway"), nobody("Ann Other")])
    names = ["HOLLOWAY, Maren", "Ann Other", "Never Asked"]
    assert await store.author_facts(names, younger_than_s=WEEK) == {
        "HOLLOWAY, Maren": Author(name="Maren Holloway", **FACTS),
        "Ann Other": Author(name="Ann Other"),
    }
    await clock.advance(WEEK + 1)
    assert await store.author_facts(names, younger_than_s=WEEK) == {}
    await store.save_author_facts([nobody("Maren Holloway")])
    again = await store.author_facts(names, younger_than_s=WEEK)
    assert again == {"HOLLOWAY, Maren": Author(name="Maren Holloway", **FACTS)}


async def test_facts_show_in_the_books_at_once(store, agreed):
    await store.save([a_record(isbn=ISBN, title="One"), a_record(isbn=OTHER, title="Two")])
    await store.save_author_facts([told("Maren Holloway")])
    for isbn in (ISBN, OTHER):
        record = (await store.find_isbn(isbn)).record
        assert record.authors == (an_author("Maren Holloway", **FACTS),)
        assert record.people == {"Maren Holloway": PersonFacts(wikidata_id="Q1")}
    assert (await store.search("one", limit=1)).books[0].authors[0].nationality == "Nigeria"
    await agreed()


async def test_a_person_without_facts_yet_has_not_been_looked_up(store):
    await store.save([a_record()])
    assert await store.author_facts(["Maren Holloway"], younger_than_s=WEEK) == {}


async def test_books_saved_later_show_facts_learned_before(store, agreed):
    await store.save_author_facts([told("Maren Holloway")])
    await store.save([a_record()])
    assert (await store.find_isbn(ISBN)).record.authors[0].gender == AuthorGender.FEMALE
    await agreed()


async def test_facts_do_not_go_to_a_namesake(store, agreed):
    young = an_author("Maren Holloway", birth_year=1990)
    await store.save([msgspec.structs.replace(a_record(), authors=(young,))])
    await store.save_author_facts([told("Maren Holloway")])
    assert (await store.find_isbn(ISBN)).record.authors == (young,)
    known = await store.author_facts([Person("Maren Holloway")], younger_than_s=WEEK)
    assert known == {"Maren Holloway": Author(name="Maren Holloway", **FACTS)}
    asked = [Person("Maren Holloway", birth_year=1990)]
    assert await store.author_facts(asked, younger_than_s=WEEK) == {}
    await store.save_author_facts([nobody("Maren Holloway")])
    assert await store.author_facts(asked, younger_than_s=WEEK) == {"Maren Holloway": young}
    await agreed()


async def test_namesakes_with_ids_each_keep_their_own_facts(store, agreed):
    def by(key: str, isbn: str):
        author = an_author("John Smith", open_library_id=key)
        return msgspec.structs.replace(a_record(isbn=isbn, title=key), authors=(author,))

    await store.save([by("OL1A", ISBN), by("OL2A", OTHER)])
    explorer = told("John Smith", birth_year=1580, open_library_id="OL2A")
    await store.save_author_facts([explorer])
    first, second = Person("John Smith", None, "OL1A"), Person("John Smith", None, "OL2A")
    assert await store.author_facts([first], younger_than_s=WEEK) == {}
    known = await store.author_facts([second], younger_than_s=WEEK)
    assert known["John Smith"].birth_year == 1580
    await store.save_author_facts([msgspec.structs.replace(nobody("John Smith"), asked_id="OL1A")])
    known = await store.author_facts([first], younger_than_s=WEEK)
    assert known == {"John Smith": an_author("John Smith", open_library_id="OL1A")}
    known = await store.author_facts([Person("John Smith", None, "OL9A")], younger_than_s=WEEK)
    assert known == {}
    await agreed()


async def test_somebody_looked_up_by_an_id_that_no_namesake_has_is_remembered(store):
    author = an_author("John Smith", open_library_id="OL1A")
    await store.save([msgspec.structs.replace(a_record(), authors=(author,))])
    await store.save_author_facts([msgspec.structs.replace(nobody("John Smith"), asked_id="OL9A")])
    found = await store.author_facts([Person("John Smith", None, "OL9A")], younger_than_s=WEEK)
    assert found == {"John Smith": an_author("John Smith", open_library_id="OL9A")}
    assert (await store.find_isbn(ISBN)).record.authors == (author,)


async def test_a_saved_record_writes_no_facts_of_a_namesake(store, agreed):
    own = an_author("John Smith", open_library_id="OL1A", birth_year=1950)
    await store.save([msgspec.structs.replace(a_record(), authors=(own,))])
    wrong = an_author(
        "John Smith", open_library_id="OL1A", birth_year=1580, nationality="United Kingdom"
    )
    await store.save([msgspec.structs.replace(a_record(), authors=(wrong,))])
    assert (await store.find_isbn(ISBN)).record.authors == (own,)
    await agreed()


async def test_saving_facts_tells_which_books_show_them(store):
    await store.save([a_record(isbn=ISBN, title="One"), a_record(isbn=OTHER, title="Two")])
    assert sorted(await store.save_author_facts([told("Maren Holloway")])) == [OTHER, ISBN]
    assert await store.save_author_facts([told("Maren Holloway")]) == ()
    assert await store.save_author_facts([]) == ()


async def test_new_facts_replace_old_ones(store, agreed):
    await store.save([a_record()])
    await store.save_author_facts([told("Maren Holloway")])
    await store.save_author_facts([told("Maren Holloway", gender=AuthorGender.NON_BINARY)])
    author = (await store.find_isbn(ISBN)).record.authors[0]
    assert (author.gender, author.nationality) == (AuthorGender.NON_BINARY, "Nigeria")
    await agreed()


async def test_one_person_under_two_names_keeps_both_names(store, agreed):
    await store.save(
        [
            a_record(isbn=ISBN, title="One", authors=("Haruki Murakami",)),
            a_record(isbn=OTHER, title="Two", authors=("村上春樹",)),
        ]
    )
    await store.save_author_facts([told("Haruki Murakami"), told("村上春樹")])
    names = ["Haruki Murakami", "村上春樹"]
    found = await store.author_facts(names, younger_than_s=WEEK)
    assert [found[name].name for name in names] == names
    assert found["村上春樹"].nationality == "Nigeria"
    assert (await store.find_isbn(OTHER)).record.authors[0].name == "村上春樹"
    await agreed()


async def test_names_that_are_empty_are_passed_over(store):
    await store.save_author_facts([nobody(" ")])
    assert await store.author_facts([" "], younger_than_s=WEEK) == {}
