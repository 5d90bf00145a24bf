"""Wikidata items as they come, and the rules for reading their claims (providers §5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from bookstrack.model.enums import AuthorGender

T = TypeVar("T")

# A year alone is a date of precision 9; anything coarser is a guess.
_YEAR, _MONTH, _DAY = 9, 10, 11
_TIME = re.compile(r"^\+?0*(\d{1,4})-(\d\d)-(\d\d)T")
_HUMAN = "Q5"
_LANGUAGES = ("en", "mul")
"""``mul`` holds the label of those items that are written alike in all languages."""

_WRITERS = frozenset(
    {
        "Q36180",  # writer
        "Q6625963",  # novelist
        "Q49757",  # poet
        "Q11774202",  # essayist
        "Q1930187",  # journalist
        "Q214917",  # playwright
        "Q4853732",  # children's writer
        "Q18844224",  # science fiction writer
    }
)
_GENDERS = {
    "Q6581097": AuthorGender.MALE,
    "Q2449503": AuthorGender.MALE,  # trans man
    "Q6581072": AuthorGender.FEMALE,
    "Q1052281": AuthorGender.FEMALE,  # trans woman
    "Q48270": AuthorGender.NON_BINARY,
    "Q12964198": AuthorGender.NON_BINARY,  # genderqueer
    "Q505371": AuthorGender.NON_BINARY,  # agender
    "Q18116794": AuthorGender.NON_BINARY,  # genderfluid
}


class Text(Struct):
    """A label or alias in one language."""

    value: str


class _DataValue(Struct):
    value: msgspec.Raw


class _Snak(Struct):
    snaktype: str = ""
    datavalue: _DataValue | None = None


class Statement(Struct):
    """One claim with its rank."""

    mainsnak: _Snak
    rank: str = "normal"


class _ItemValue(Struct):
    id: str | None = None
    number: int | None = field(name="numeric-id", default=None)


class _TimeValue(Struct):
    time: str
    precision: int


class Claims(Struct):
    """The claims of an item that matter here; all others are skipped while decoding."""

    instance_of: list[Statement] = field(name="P31", default_factory=list[Statement])
    subclass_of: list[Statement] = field(name="P279", default_factory=list[Statement])
    gender: list[Statement] = field(name="P21", default_factory=list[Statement])
    citizenship: list[Statement] = field(name="P27", default_factory=list[Statement])
    ethnic_group: list[Statement] = field(name="P172", default_factory=list[Statement])
    birth: list[Statement] = field(name="P569", default_factory=list[Statement])
    death: list[Statement] = field(name="P570", default_factory=list[Statement])
    occupation: list[Statement] = field(name="P106", default_factory=list[Statement])
    iso_code: list[Statement] = field(name="P297", default_factory=list[Statement])
    open_library: list[Statement] = field(name="P648", default_factory=list[Statement])
    goodreads: list[Statement] = field(name="P2963", default_factory=list[Statement])


class Item(Struct):
    """One entity. Empty maps arrive as empty lists from older servers."""

    labels: dict[str, Text] | list[Any] = field(default_factory=dict[str, Text])
    claims: Claims | list[Any] = field(default_factory=Claims)
    sitelinks: dict[str, msgspec.Raw] | list[Any] = field(default_factory=dict[str, msgspec.Raw])
    missing: Any = None

    @property
    def known(self) -> bool:
        """Tell whether there is such an item."""
        return self.missing is None

    @property
    def facts(self) -> Claims:
        """Return the claims; none where the list is empty."""
        return self.claims if isinstance(self.claims, Claims) else Claims()

    @property
    def label(self) -> str | None:
        """Return the English or language-independent label."""
        labels = self.labels if isinstance(self.labels, dict) else {}
        return next((labels[code].value for code in _LANGUAGES if code in labels), None)

    @property
    def is_person(self) -> bool:
        """Tell whether the item may be a person; one without any kind may."""
        kinds = item_ids(self.facts.instance_of)
        return not kinds or _HUMAN in kinds

    @property
    def is_writer(self) -> bool:
        """Tell whether the item is surely a person who writes."""
        facts = self.facts
        return _HUMAN in item_ids(facts.instance_of) and not _WRITERS.isdisjoint(
            # A claim of preferred rank does not undo the other professions.
            item_ids(facts.occupation, every_rank=True)
        )

    @property
    def gender(self) -> AuthorGender:
        """Return the gender; any value we have no word for is Other."""
        ids = item_ids(self.facts.gender)
        return _GENDERS.get(ids[0], AuthorGender.OTHER) if ids else AuthorGender.UNKNOWN

    @property
    def birth(self) -> str | None:
        """Return the date of birth as precisely as known, ``YYYY``, ``YYYY-MM`` or full."""
        return _date(self.facts.birth)

    @property
    def death(self) -> str | None:
        """Return the date of death in the same forms."""
        return _date(self.facts.death)


def item_ids(statements: list[Statement], *, every_rank: bool = False) -> list[str]:
    """Return the ids of the items that the best-ranked statements name, in order."""
    values = (_decoded(raw, _ItemValue) for raw in _values(statements, every_rank=every_rank))
    ids = (value.id or (f"Q{value.number}" if value.number else None) for value in values if value)
    return list(dict.fromkeys(filter(None, ids)))


def texts(statements: list[Statement]) -> list[str]:
    """Return the texts of the best-ranked statements of an external id."""
    return list(filter(None, (_decoded(raw, str) for raw in _values(statements))))


def _values(statements: list[Statement], *, every_rank: bool = False) -> Iterator[msgspec.Raw]:
    """Iterate over known values: preferred rank if there is any, else normal, never deprecated."""
    valid = [each for each in statements if each.rank != "deprecated"]
    preferred = [each for each in valid if each.rank == "preferred"]
    for statement in valid if every_rank else (preferred or valid):
        snak = statement.mainsnak
        if snak.snaktype == "value" and snak.datavalue is not None:
            yield snak.datavalue.value


def _decoded(raw: msgspec.Raw, into: type[T]) -> T | None:
    try:
        return msgspec.json.decode(raw, type=into)
    except msgspec.ValidationError:
        return None  # a value of another type than its property promises


def _date(statements: list[Statement]) -> str | None:
    for raw in _values(statements):
        value = _decoded(raw, _TimeValue)
        # A sign of minus, before the common era, does not match.
        parts = _TIME.match(value.time) if value else None
        if value and parts and value.precision >= _YEAR and int(parts[1]):
            year, month, day = f"{int(parts[1]):04d}", parts[2], parts[3]
            if value.precision >= _DAY and "00" not in (month, day):
                return f"{year}-{month}-{day}"
            return f"{year}-{month}" if value.precision >= _MONTH and month != "00" else year
    return None
