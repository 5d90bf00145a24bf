"""Countries and the cultural regions they belong to (providers §5).

Regions follow the ISO 3166 code, never the text of a name. Sources: UN M49 for the regions,
Wikidata for the item ids of countries.
"""

from __future__ import annotations

from msgspec import Struct

from bookstrack.model.enums import CulturalRegion
from bookstrack.providers.country_table import COUNTRY_LINES

_REGIONS = {
    # M49 002 complete, with Western Sahara and the French and British islands around it.
    CulturalRegion.AFRICA: (
        "DZ EG EH LY MA SD TN BI DJ ER ET IO KE KM MG MU MW MZ RE RW SC SO SS TF TZ UG YT ZM ZW "
        "AO CD CF CG CM GA GQ ST TD BW LS NA SZ ZA BF BJ CI CV GH GM GN GW LR ML MR NE NG SH SL "
        "SN TG"
    ),
    CulturalRegion.MIDDLE_EAST: "AE BH IL IQ IR JO KW LB OM PS QA SA SY TR YE",
    CulturalRegion.CENTRAL_ASIA: "KZ KG TJ TM UZ",
    # The rest of M49 142, and Taiwan, which M49 does not list.
    CulturalRegion.ASIA: (
        "AF BD BN BT CN HK ID IN JP KH KP KR LA LK MM MN MO MV MY NP PH PK SG TH TL TW VN"
    ),
    # M49 150, Cyprus and the Caucasus, and Kosovo under its usual code.
    CulturalRegion.EUROPE: (
        "AD AL AM AT AX AZ BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GE GG GI GR HR HU IE IM "
        "IS IT JE LI LT LU LV MC MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK"
    ),
    # M49 029.
    CulturalRegion.CARIBBEAN: (
        "AG AI AW BB BL BQ BS CU CW DM DO GD GP HT JM KN KY LC MF MQ MS PR SX TC TT VC VG VI"
    ),
    # M49 021 and 013.
    CulturalRegion.NORTH_AMERICA: "BM CA GL PM US BZ CR GT HN MX NI PA SV",
    CulturalRegion.SOUTH_AMERICA: "AR BO BR BV CL CO EC FK GF GS GY PE PY SR UY VE",
    CulturalRegion.OCEANIA: (
        "AS AU CC CK CX FJ FM GU HM KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU WF WS"
    ),
}

REGION_BY_ISO: dict[str, CulturalRegion] = {
    iso: region for region, codes in _REGIONS.items() for iso in codes.split()
}
"""Region by ISO 3166-1 alpha-2 code; Antarctica has none."""


class Country(Struct, frozen=True):
    """A country: the label we show and its ISO code, of a historical state the successor's."""

    label: str
    iso: str | None = None

    @property
    def region(self) -> CulturalRegion | None:
        """Return the region, where the code has one."""
        return REGION_BY_ISO.get(self.iso or "")


def _country(line: str) -> tuple[str, Country]:
    qid, iso, label = line.split(" ", 2)
    return qid, Country(label, iso)


COUNTRIES: dict[str, Country] = dict(map(_country, COUNTRY_LINES.strip().splitlines()))
"""Country by Wikidata id, for those that authors have most."""
