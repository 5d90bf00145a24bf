"""Wikidata as it really answers (providers §5): search, entities, and one kind of SPARQL query."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from bookstrack.testing.catalogue import Catalogue
from bookstrack.testing.exchange import Answer, Asked, html_answer, json_answer, whole
from bookstrack.testing.folding import folded
from bookstrack.testing.things import Country, Someone

_ITEM = re.compile(r"wd:(Q\d+)")
_QID = re.compile(r"Q[1-9]\d*$")
_YEAR = re.compile(r"\b(\d{4})\b")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_ENTITY = "http://www.wikidata.org/entity/"


class WikidataWire:
    """Items of the people of a catalogue, their namesakes and their countries."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def answer(self, asked: Asked) -> Answer:
        """Answer ``/w/api.php``, ``/wiki/Special:EntityData/Q….json`` and ``/sparql``."""
        if asked.path == "/w/api.php":
            return self._action(asked.query)
        if asked.path == "/sparql":
            return self._sparql(asked.query.get("query", ""))
        if asked.path.startswith("/wiki/Special:EntityData/"):
            qid = asked.path.rpartition("/")[2].removesuffix(".json")
            entity = self._entity(qid)
            if entity is None:
                return html_answer("Not Found", status=404)
            return json_answer({"entities": {qid: entity}})
        return html_answer("Not Found", status=404)

    def status(self, status: int) -> Answer:
        """Answer an error; Wikimedia's are pages."""
        return html_answer(f"Wikimedia Error {status}", status=status)

    def quota(self, status: int = 429) -> Answer:
        """Refuse for a long time, as after ignored warnings."""
        return self.status(status)

    def auth(self, status: int = 403) -> Answer:
        """Refuse an anonymous agent."""
        return self.status(status)

    def _action(self, query: dict[str, str]) -> Answer:
        match query.get("action"):
            case "wbsearchentities":
                return self._search(query)
            case "wbgetentities":
                return self._entities(query)
            case _:
                return _problem("badvalue", 'Unrecognized value for parameter "action".')

    def _search(self, query: dict[str, str]) -> Answer:
        text = query.get("search", "")
        if not text:
            return _problem("missingparam", 'The "search" parameter must be set.')
        limit = whole(query.get("limit"), 7, low=1, high=50)
        start = whole(query.get("continue"), 0)
        hits = self._catalogue.items_beginning(text)
        body: dict[str, Any] = {
            "searchinfo": {"search": text},
            "search": [_hit(each, folded(text)) for each in hits[start : start + limit]],
            "success": 1,
        }
        if start + limit < len(hits):
            body["search-continue"] = start + limit
        return json_answer(body)

    def _entities(self, query: dict[str, str]) -> Answer:
        ids = [each for each in query.get("ids", "").split("|") if each]
        if not ids:
            return _problem("param-missing", "Either provide the item ids or pairs of sites.")
        if len(ids) > 50:
            return _problem("toomanyvalues", 'Too many values supplied for parameter "ids".')
        if wrong := next((each for each in ids if not _QID.match(each)), None):
            return _problem("no-such-entity", f'Could not find an entity with the ID "{wrong}".')
        props = set(query.get("props", "labels|aliases|claims|sitelinks").split("|"))
        languages = query.get("languages")
        found: dict[str, Any] = {}
        for qid in ids:
            entity = self._entity(qid)
            found[qid] = (
                _cut(entity, props, languages and set(languages.split("|")))
                if entity
                else {"id": qid, "missing": ""}
            )
        return json_answer({"entities": found, "success": 1})

    def _entity(self, qid: str) -> dict[str, Any] | None:
        if country := self._catalogue.countries.get(qid):
            return _country(country)
        someone = self._catalogue.item(qid)
        return _someone(someone) if someone else None

    def _sparql(self, text: str) -> Answer:
        found = [item for qid in _ITEM.findall(text) if (item := self._catalogue.item(qid))]
        names = ["item", "itemLabel", "gender", "citizenship", "iso", "birth", "death"]
        rows = [row for someone in found for row in self._rows(someone)]
        answer = json_answer({"head": {"vars": names}, "results": {"bindings": rows}})
        return Answer(body=answer.body, content_type="application/sparql-results+json")

    def _rows(self, someone: Someone) -> Iterator[dict[str, Any]]:
        row: dict[str, Any] = {
            "item": _uri(someone.wikidata),
            "itemLabel": {"xml:lang": "en", "type": "literal", "value": someone.name},
        }
        if someone.gender:
            row["gender"] = _uri(someone.gender)
        for name, claim in (("birth", _born(someone)), ("death", _died(someone))):
            if claim:
                kind = "http://www.w3.org/2001/XMLSchema#dateTime"
                row[name] = {"datatype": kind, "type": "literal", "value": claim[0].lstrip("+")}
        for qid in someone.countries or ("",):
            country = self._catalogue.countries.get(qid)
            extra: dict[str, Any] = {"citizenship": _uri(qid)} if country else {}
            if country and country.iso:
                extra["iso"] = {"type": "literal", "value": country.iso}
            yield row | extra


def _uri(qid: str) -> dict[str, str]:
    return {"type": "uri", "value": _ENTITY + qid}


def _hit(someone: Someone, text: str) -> dict[str, Any]:
    names = (someone.name, *someone.also)
    matched = next(name for name in names if folded(name).startswith(text))
    qid = someone.wikidata
    kind = "label" if matched == someone.name else "alias"
    hit: dict[str, Any] = {
        "id": qid,
        "title": qid,
        "pageid": int(qid[1:]) % 10_000_000,
        "concepturi": _ENTITY + qid,
        "repository": "wikidata",
        "url": f"//www.wikidata.org/wiki/{qid}",
        "display": {
            "label": {"value": someone.name, "language": "en"},
            "description": {"value": someone.description, "language": "en"},
        },
        "label": someone.name,
        "description": someone.description,
        "match": {"type": kind, "language": "en", "text": matched},
    }
    if kind == "alias":
        hit["aliases"] = [matched]
    return hit


def _someone(someone: Someone) -> dict[str, Any]:
    sites = ("enwiki", *(f"x{number}wiki" for number in range(1, someone.sitelinks)))
    return {
        "pageid": int(someone.wikidata[1:]) % 10_000_000,
        "ns": 0,
        "title": someone.wikidata,
        "lastrevid": 1_700_000_000,
        "modified": "2024-05-06T07:08:09Z",
        "type": "item",
        "id": someone.wikidata,
        "labels": _texts([someone.name])[0],
        "descriptions": _texts([someone.description])[0],
        "aliases": {"en": [text["en"] for text in _texts(someone.also)]} if someone.also else {},
        "claims": dict(_claims(someone)),
        "sitelinks": {site: {"site": site, "title": someone.name, "badges": []} for site in sites},
    }


def _country(country: Country) -> dict[str, Any]:
    claims = {"P31": [_statement("P31", _item("Q6256"))]}
    if country.iso:
        claims["P297"] = [_statement("P297", country.iso, kind="string", of="external-id")]
    return {
        "type": "item",
        "id": country.id,
        "labels": _texts([country.label])[0],
        "descriptions": {},
        "aliases": {},
        "claims": claims,
        "sitelinks": {},
    }


def _claims(someone: Someone) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    whole_items = not someone.numeric_only

    def items(prop: str, ids: Iterable[str], preferred: str | None = None) -> list[dict[str, Any]]:
        return [
            _statement(prop, None)
            if qid == "somevalue"
            else _statement(
                prop, _item(qid, whole_items), rank="preferred" if qid == preferred else "normal"
            )
            for qid in ids
        ]

    yield "P31", items("P31", [someone.instance_of])
    if someone.gender:
        yield "P21", items("P21", [someone.gender])
    if someone.countries:
        yield "P27", items("P27", someone.countries, someone.preferred)
    if someone.ethnic:
        yield "P172", items("P172", [someone.ethnic])
    if someone.instance_of == "Q5":
        yield "P106", items("P106", someone.occupations)
    times = [_time("P569", claim) for claim in [_born(someone)] if claim]
    if someone.deprecated_born:
        times.insert(0, _time("P569", (someone.deprecated_born, 11), rank="deprecated"))
    if times:
        yield "P569", times
    if died := _died(someone):
        yield "P570", [_time("P570", died)]
    if someone.number:
        key = f"OL{someone.number}A"
        yield "P648", [_statement("P648", key, kind="string", of="external-id")]


def _item(qid: str, whole_item: bool = True) -> dict[str, Any]:
    value: dict[str, Any] = {"entity-type": "item", "numeric-id": int(qid[1:])}
    return value | {"id": qid} if whole_item else value


def _time(prop: str, moment: tuple[str, int], *, rank: str = "normal") -> dict[str, Any]:
    value = {
        "time": moment[0],
        "timezone": 0,
        "before": 0,
        "after": 0,
        "precision": moment[1],
        "calendarmodel": _ENTITY + "Q1985727",
    }
    return _statement(prop, value, kind="time", of="time", rank=rank)


def _statement(
    prop: str,
    value: Any,
    *,
    kind: str = "wikibase-entityid",
    of: str = "wikibase-item",
    rank: str = "normal",
) -> dict[str, Any]:
    snak: dict[str, Any] = {"snaktype": "value", "property": prop, "datatype": of}
    if value is None:
        snak["snaktype"] = "somevalue"
    else:
        snak["datavalue"] = {"value": value, "type": kind}
    return {"mainsnak": snak, "type": "statement", "id": f"{prop}$0", "rank": rank}


def _born(someone: Someone) -> tuple[str, int] | None:
    return (someone.born_claim, 9) if someone.born_claim else _moment(someone.born)


def _died(someone: Someone) -> tuple[str, int] | None:
    return (someone.died_claim, 9) if someone.died_claim else _moment(someone.died)


def _moment(text: str | None) -> tuple[str, int] | None:
    """Read a date as Open Library words it; ``ca.`` is known by the decade only."""
    found = _YEAR.search(text or "")
    if not text or not found:
        return None
    year, words = found[1], text.split()
    if "ca." in text:
        return f"+{year}-00-00T00:00:00Z", 8
    if len(words) == 3:
        return f"+{year}-{_MONTHS.index(words[1]) + 1:02d}-{int(words[0]):02d}T00:00:00Z", 11
    return f"+{year}-00-00T00:00:00Z", 9


def _texts(values: Iterable[str]) -> list[dict[str, Any]]:
    return [{"en": {"language": "en", "value": value}} for value in values]


def _cut(
    entity: dict[str, Any], props: set[str], languages: set[str] | str | None
) -> dict[str, Any]:
    kept = {name: value for name, value in entity.items() if name in props | {"id", "type"}}
    if languages:
        for name in ("labels", "descriptions", "aliases"):
            if name in kept:
                kept[name] = {key: val for key, val in kept[name].items() if key in languages}
    if "info" in props:
        kept |= {name: entity[name] for name in ("pageid", "title") if name in entity}
    return kept


def _problem(code: str, info: str) -> Answer:
    """Answer 200 with an error object, as the action API does."""
    error = {"code": code, "info": info, "*": "See https://www.wikidata.org/w/api.php for usage."}
    headers = {"mediawiki-api-error": code}
    return json_answer({"error": error, "servedby": "mw1"}, headers=headers)


def lagged() -> Answer:
    """Answer that the servers lag behind, as to requests with ``maxlag``."""
    info = "Waiting for a database server: 6.2 seconds lagged."
    error = {"code": "maxlag", "info": info, "lag": 6.2}
    headers = {"mediawiki-api-error": "maxlag", "retry-after": "5"}
    return json_answer({"error": error}, headers=headers)
