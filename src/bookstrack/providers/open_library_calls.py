"""The calls to Open Library behind one question (providers §3 and §9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar, cast

from msgspec import structs

from bookstrack.errors import ProviderBusy, ProviderProblem
from bookstrack.model.book import Author
from bookstrack.model.isbn import Isbn
from bookstrack.model.query import AuthorWorksQuery
from bookstrack.model.record import AuthorRecord, BookRecord, Findings, PersonFacts, ProviderId
from bookstrack.normalise.titles import title_key
from bookstrack.providers import reading
from bookstrack.providers.base import Budget
from bookstrack.providers.bibliography import in_order
from bookstrack.providers.open_library_people import (
    author_document,
    author_from_document,
    choose_author,
)
from bookstrack.providers.open_library_records import (
    Basis,
    author_keys,
    bare_key,
    book_record,
    carries,
    document_path,
    edition_from_data,
    editions_of,
    hit_from_edition,
    hit_from_work,
    is_deleted,
    records_from_hits,
    redirect_target,
)
from bookstrack.providers.open_library_wire import (
    BIBLIOGRAPHY_FIELDS,
    FIELDS,
    AuthorDocument,
    AuthorHit,
    AuthorHits,
    BookData,
    Document,
    EditionDocument,
    EditionEntries,
    WorkDocument,
    WorkEntries,
    WorkHit,
    WorkHits,
)
from bookstrack.upstream.client import Channel, Reply

_HOPS = 3
_UNPROVEN = 0.6
_LONGEST_QUERY = 500
_CANDIDATES = 5
_EDITIONS = 200
_PEOPLE = 3
_PAGE = 1000
_MOST_WORKS = 10_000

T = TypeVar("T")
D = TypeVar("D", bound=Document)


class Asking:
    """The calls behind one question."""

    def __init__(self, channel: Channel, basis: Basis, within: Budget) -> None:
        self._channel = channel
        self._basis = basis
        self._within = within

    async def by_isbn(self, isbn: Isbn) -> Findings:
        """Find the edition in one call; the second is needed only where the hit hides it."""
        hit = await self._hit(f"isbn:{isbn.isbn13}")
        if hit is None:
            return Findings()
        shown = next((one for one in editions_of(hit) if carries(one, isbn)), None)
        edition = shown or await self._data(isbn)
        if edition is not None:
            return _one(book_record(hit, [edition], self._basis, asked=isbn))
        alone = editions_of(WorkHit(title=hit.title, cover_i=hit.cover_i))
        record = book_record(hit, alone, self._basis)
        return _one(structs.replace(record, confidence=_UNPROVEN) if record else None)

    async def search(self, terms: Mapping[str, str], *, limit: int, offset: int = 0) -> Findings:
        """Return one page of works with their best editions."""
        if limit < 1 or not (asked := _terms(terms)):
            return Findings()
        hits = await self._hits(asked, fields=FIELDS, limit=limit, offset=offset)
        return Findings(
            books=records_from_hits(hits, self._basis), total=reading.whole(hits.num_found)
        )

    async def editions(self, title: str, author: str) -> Findings:
        """Return the work of this title that has most editions, with all of them."""
        if not (asked := _terms({"title": title, "author": author})):
            return Findings()
        hits = await self._hits(asked, fields=FIELDS, limit=_CANDIDATES)
        best = _best_match(hits, title)
        if best is None:
            return Findings()
        page = await self._get(
            f"/works/{bare_key(best.key, 'W')}/editions.json",
            EditionEntries,
            params={"limit": str(_EDITIONS), "offset": "0"},
        )
        listed = page.entries or () if page is not None else ()
        printed = [entry for entry in listed if entry is not None and not is_deleted(entry)]
        return _one(book_record(best, printed or editions_of(best), self._basis))

    async def by_key(self, key: str) -> Findings:
        """Return the record of a work, an edition or an author."""
        if key.endswith("A"):
            document = await self._document(key, AuthorDocument)
            if document is None:
                return Findings()
            author, facts = author_from_document(document, self._basis)
            return Findings(authors=(_person(author.name, author, facts),))
        if key.endswith("W"):
            return _one(await self._work(key, None))
        edition = await self._document(key, EditionDocument)
        if edition is None:
            return Findings()
        work = next(filter(None, (bare_key(w, "W") for w in reading.elements(edition.works))), None)
        record = await self._work(work, edition) if work is not None else None
        if record is None:
            record = book_record(hit_from_edition(edition), [edition], self._basis)
            record = await self._with_people(record, author_keys(edition.authors))
        return _one(record)

    async def bibliography(self, query: AuthorWorksQuery) -> Findings:
        """Return the author of this name with all works in the order asked for."""
        chosen = await self._author(query.name)
        key = bare_key(chosen.key, "A") if chosen is not None else None
        if chosen is None or key is None:
            return Findings()
        author, facts = author_from_document(author_document(chosen), self._basis)
        hits = await self._listed(key) or await self._entries(key)
        mapped = (book_record(hit, (), self._basis) for hit in hits)
        books = {r.work.open_library_work_id or r.work.title: r for r in mapped if r}
        author = structs.replace(author, book_count=len(books))
        works = (structs.replace(record, authors=(author,)) for record in books.values())
        return Findings(
            books=in_order(works, query.sort),
            authors=(_person(query.name, author, facts),),
            total=len(books),
        )

    async def _author(self, name: str) -> AuthorHit | None:
        if not (asked := _terms({"q": name})):
            return None
        place = {"limit": str(_CANDIDATES)}
        found = await self._get("/search/authors.json", AuthorHits, params=asked | place)
        return choose_author(found or AuthorHits(), name)

    async def _listed(self, author: str) -> list[WorkHit]:
        """Read an author's works from the search, which knows their years (quirk 7)."""
        works: list[WorkHit] = []
        total = 1
        while len(works) < min(total, _MOST_WORKS):
            page = await self._hits(
                {"q": f"author_key:{author}"},
                fields=BIBLIOGRAPHY_FIELDS,
                limit=_PAGE,
                offset=len(works),
            )
            if not page.docs:
                break
            works += [hit or WorkHit() for hit in page.docs]
            total = reading.whole(page.num_found) or 0
        return works

    async def _entries(self, author: str) -> list[WorkHit]:
        """Read an author's works from the records, where the search has none."""
        works: list[WorkHit] = []
        total = 1
        while len(works) < min(total, _MOST_WORKS):
            page = await self._get(
                f"/authors/{author}/works.json",
                WorkEntries,
                params={"limit": str(_PAGE), "offset": str(len(works))},
            )
            if page is None or not page.entries:
                break
            works += [hit_from_work(entry or WorkDocument()) for entry in page.entries]
            total = reading.whole(page.size) or 0
        return works

    async def _work(self, key: str, edition: EditionDocument | None) -> BookRecord | None:
        """Return a work with its description, its authors' facts and the edition given."""
        document = await self._document(key, WorkDocument)
        if document is None:
            return None
        listed = await self._hit(f"key:/works/{bare_key(document.key, 'W') or key}")
        hit = listed or hit_from_work(document)
        printed = [edition] if edition is not None else editions_of(hit)
        record = book_record(hit, printed, self._basis, about=document)
        return await self._with_people(record, author_keys(document.authors))

    async def _with_people(
        self, record: BookRecord | None, keys: tuple[str, ...]
    ) -> BookRecord | None:
        """Add what the first authors' own records say: name, life years, Wikidata id."""
        if record is None:
            return None
        known = {author.open_library_id or author.name: author for author in record.authors}
        people = dict(record.people)
        for key in keys[:_PEOPLE]:
            document = await self._document(key, AuthorDocument)
            if document is not None:
                author, facts = author_from_document(document, self._basis)
                known[key] = structs.replace(author, open_library_id=key)
                people[author.name] = facts
        named = (author for author in known.values() if author.name != reading.NO_NAME)
        return structs.replace(record, authors=reading.authors(named), people=people)

    async def _document(self, key: str, into: type[D]) -> D | None:
        """Return a record by key, following redirects; deleted ones and loops are not found."""
        seen: set[str] = set()
        while key not in seen and len(seen) <= _HOPS:
            seen.add(key)
            found = await self._get(document_path(key), into)
            if found is None or is_deleted(found):
                return None
            target = redirect_target(found)
            if target is None:
                return found
            key = target
        return None

    async def _data(self, isbn: Isbn) -> EditionDocument | None:
        book = f"ISBN:{isbn.isbn13}"
        found = await self._get(
            "/api/books",
            dict[str, BookData | None],
            params={"bibkeys": book, "format": "json", "jscmd": "data"},
        )
        data = (found or {}).get(book)
        return edition_from_data(data, isbn) if data is not None else None

    async def _get(
        self, path: str, into: type[T], *, params: Mapping[str, str] | None = None
    ) -> T | None:
        return await self._channel.get_json(
            path, into, within=self._within, params=params, explain=explain, sound=sound
        )

    async def _hit(self, terms: str) -> WorkHit | None:
        hits = await self._hits({"q": terms}, fields=FIELDS, limit=1)
        return next((hit for hit in hits.docs or () if hit is not None), None)

    async def _hits(
        self, terms: dict[str, str], *, fields: str, limit: int, offset: int = 0
    ) -> WorkHits:
        place = {"fields": fields, "limit": str(limit), "offset": str(offset)}
        found = await self._get("/search.json", WorkHits, params=terms | place)
        return found or WorkHits()


def explain(reply: Reply) -> ProviderProblem | None:
    """Read a 403 as "too fast": there is no key that could be refused (quirk 12)."""
    if reply.status == 403:
        return ProviderBusy(ProviderId.OPEN_LIBRARY, "Open Library asks us to slow down")
    return None


def sound(answer: object) -> bool:
    """Tell whether what an answer lists has titles, or names, that are texts."""
    match answer:
        case WorkHits(docs=listed) | AuthorHits(docs=listed):
            things = listed or ()
        case WorkEntries(entries=listed) | EditionEntries(entries=listed):
            things = listed or ()
        case dict():
            things = tuple(cast("dict[str, object]", answer).values())
        case _:
            things = (answer,)
    return reading.believable(
        getattr(thing, "title", getattr(thing, "name", None))
        for thing in things
        if thing is not None
    )


def _terms(asked: Mapping[str, str]) -> dict[str, str]:
    lines = {name: " ".join(text.split())[:_LONGEST_QUERY] for name, text in asked.items()}
    return {name: line for name, line in lines.items() if line}


def _best_match(hits: WorkHits, title: str) -> WorkHit | None:
    """Return the work of this title with most editions, else the first work."""
    works = [hit for hit in hits.docs or () if hit is not None and bare_key(hit.key, "W")]
    wanted = title_key(title)
    same = [hit for hit in works if title_key(reading.text(hit.title) or "") == wanted]
    return max(
        same or works[:1], key=lambda hit: reading.whole(hit.edition_count) or 0, default=None
    )


def _one(record: BookRecord | None) -> Findings:
    return Findings(books=(record,) if record is not None else ())


def _person(asked: str, author: Author, facts: PersonFacts) -> AuthorRecord:
    return AuthorRecord(provider=ProviderId.OPEN_LIBRARY, asked=asked, author=author, facts=facts)
