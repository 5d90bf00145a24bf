"""The rules for reading Wikidata's claims."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bookstrack.model.enums import AuthorGender
from bookstrack.providers.wikidata_items import Item, item_ids


class Entities(msgspec.Struct):
    entities: dict[str, Item]


def recorded(folder: Path, name: str) -> Item:
    file = next((folder / "providers" / "wikidata").glob(name))
    (item,) = msgspec.json.decode(file.read_bytes(), type=Entities).entities.values()
    return item


def test_recorded_non_people_are_not_authors(fixtures_dir: Path):
    for name in ("wbgetentities_Q3235026*", "entity-data_Q22002395*"):
        item = recorded(fixtures_dir, name)
        assert (item.is_person, item.is_writer) == (False, False)


def claim(value: object, *, rank: str = "normal", snaktype: str = "value") -> dict[str, object]:
    snak: dict[str, object] = {"snaktype": snaktype}
    return {
        "rank": rank,
        "mainsnak": snak | ({} if value is None else {"datavalue": {"value": value}}),
    }


def an_item(**claims: list[dict[str, object]]) -> Item:
    return msgspec.json.decode(msgspec.json.encode({"claims": claims}), type=Item)


def a_time(text: str, precision: int) -> dict[str, object]:
    return {"time": text, "precision": precision}


@pytest.mark.parametrize(
    ("time", "precision", "date"),
    [
        ("+1988-08-19T00:00:00Z", 11, "1988-08-19"),
        ("+1988-08-00T00:00:00Z", 10, "1988-08"),
        ("+1988-00-00T00:00:00Z", 9, "1988"),
        ("+1988-08-19T00:00:00Z", 9, "1988"),
        ("+1988-00-00T00:00:00Z", 11, "1988"),
        ("+1980-00-00T00:00:00Z", 8, None),
        ("+1900-00-00T00:00:00Z", 7, None),
        ("-0341-00-00T00:00:00Z", 9, None),
        ("+00000001616-04-23T00:00:00Z", 11, "1616-04-23"),
        ("+0070-00-00T00:00:00Z", 9, "0070"),
        ("+12000-00-00T00:00:00Z", 9, None),
        ("soon", 11, None),
    ],
)
def test_dates(time: str, precision: int, date: str | None):
    assert an_item(P569=[claim(a_time(time, precision))]).birth == date


def test_ranks():
    old, new = a_time("+1888-00-00T00:00:00Z", 9), a_time("+1988-00-00T00:00:00Z", 9)
    assert an_item(P569=[claim(old, rank="deprecated"), claim(new)]).birth == "1988"
    assert an_item(P569=[claim(old), claim(new, rank="preferred")]).birth == "1988"
    assert an_item(P569=[claim(old, rank="deprecated")]).birth is None


@pytest.mark.parametrize("snaktype", ["somevalue", "novalue"])
def test_unknown_values(snaktype: str):
    item = an_item(P21=[claim(None, snaktype=snaktype)], P569=[claim(None, snaktype=snaktype)])
    assert (item.gender, item.birth) == (AuthorGender.UNKNOWN, None)


@pytest.mark.parametrize(
    ("qid", "gender"),
    [
        ("Q6581097", AuthorGender.MALE),
        ("Q2449503", AuthorGender.MALE),
        ("Q6581072", AuthorGender.FEMALE),
        ("Q1052281", AuthorGender.FEMALE),
        ("Q48270", AuthorGender.NON_BINARY),
        ("Q12964198", AuthorGender.NON_BINARY),
        ("Q505371", AuthorGender.NON_BINARY),
        ("Q18116794", AuthorGender.NON_BINARY),
        ("Q1097630", AuthorGender.OTHER),
        ("Q1", AuthorGender.OTHER),
    ],
)
def test_genders(qid: str, gender: AuthorGender):
    assert an_item(P21=[claim({"id": qid})]).gender is gender


def test_items_without_id_have_a_number():
    item = an_item(P27=[claim({"numeric-id": 30}), claim({"id": "Q16", "numeric-id": 16})])
    assert item_ids(item.facts.citizenship) == ["Q30", "Q16"]


def test_values_of_the_wrong_kind_are_unknown():
    item = an_item(P21=[claim("text")], P569=[claim({"time": 5})], P27=[claim({"id": None})])
    assert (item.gender, item.birth) == (AuthorGender.UNKNOWN, None)
    assert item_ids(item.facts.citizenship) == []


def test_empty_maps_may_be_lists():
    empty = b'{"labels": [], "claims": [], "sitelinks": []}'
    item = msgspec.json.decode(empty, type=Item)
    assert (item.label, item.gender, len(item.sitelinks)) == (None, AuthorGender.UNKNOWN, 0)


def test_labels_may_be_language_independent():
    body = {"labels": {"mul": {"value": "Ana", "language": "mul"}}}
    item = msgspec.json.decode(msgspec.json.encode(body), type=Item)
    assert item.label == "Ana"
