"""Every country belongs to the region that providers §5 says."""

from __future__ import annotations

import pytest

from bookstrack.model.enums import CulturalRegion
from bookstrack.providers.regions import COUNTRIES, REGION_BY_ISO


def test_every_country_code_has_one_region():
    assert len(REGION_BY_ISO) == 249  # ISO 3166-1 without Antarctica, and Kosovo
    assert "AQ" not in REGION_BY_ISO
    assert len(COUNTRIES) > 240
    assert all(country.region for country in COUNTRIES.values())


@pytest.mark.parametrize(
    ("iso", "region"),
    [
        ("GB", CulturalRegion.EUROPE),
        ("PG", CulturalRegion.OCEANIA),
        ("NE", CulturalRegion.AFRICA),
        ("EG", CulturalRegion.AFRICA),
        ("SD", CulturalRegion.AFRICA),
        ("JM", CulturalRegion.CARIBBEAN),
        ("PR", CulturalRegion.CARIBBEAN),
        ("MX", CulturalRegion.NORTH_AMERICA),
        ("BZ", CulturalRegion.NORTH_AMERICA),
        ("GL", CulturalRegion.NORTH_AMERICA),
        ("GY", CulturalRegion.SOUTH_AMERICA),
        ("TR", CulturalRegion.MIDDLE_EAST),
        ("IR", CulturalRegion.MIDDLE_EAST),
        ("AF", CulturalRegion.ASIA),
        ("TW", CulturalRegion.ASIA),
        ("KZ", CulturalRegion.CENTRAL_ASIA),
        ("CY", CulturalRegion.EUROPE),
        ("GE", CulturalRegion.EUROPE),
        ("RU", CulturalRegion.EUROPE),
    ],
)
def test_regions(iso: str, region: CulturalRegion):
    assert REGION_BY_ISO[iso] is region


@pytest.mark.parametrize(
    ("qid", "region"),
    [
        ("Q15180", CulturalRegion.EUROPE),
        ("Q36704", CulturalRegion.EUROPE),
        ("Q43287", CulturalRegion.EUROPE),
        ("Q33946", CulturalRegion.EUROPE),
        ("Q28513", CulturalRegion.EUROPE),
        ("Q129286", CulturalRegion.ASIA),
        ("Q12560", CulturalRegion.MIDDLE_EAST),
    ],
)
def test_historical_states(qid: str, region: CulturalRegion):
    assert COUNTRIES[qid].region is region
