"""Publication dates as providers and readers write them (data-model §6.3)."""

from __future__ import annotations

import re
from calendar import monthrange

from bookstrack.normalise.folding import fold

_FIRST_YEAR = 1000
_YEARS_AHEAD = 2
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar janvier enero gennaio janeiro январь января",
            "feb february februar fevrier febrero febbraio fevereiro февраль февраля",
            "mar march marz maerz mars marzo marco март марта",
            "apr april avril abril aprile апрель апреля",
            "may mai mayo maggio maio май мая",
            "jun june juni juin junio giugno junho июнь июня",
            "jul july juli juillet julio luglio julho июль июля",
            "aug august aout agosto август августа",
            "sep sept september septembre septiembre settembre setembro сентябрь сентября",
            "oct okt october oktober octobre octubre ottobre outubro октябрь октября",
            "nov november novembre noviembre novembro ноябрь ноября",
            "dec dez december dezember decembre diciembre dicembre dezembro декабрь декабря",
        ),
        start=1,
    )
    for name in names.split()
}
_ISO = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?(?:[T ]\d.*)?")
_JAPANESE = re.compile(r"(\d{4})\s*年(?:\s*(\d{1,2})\s*月(?:\s*(\d{1,2})\s*日)?)?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_NUMERIC = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})")
_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
_DAY = re.compile(r"(?<!\d)(\d{1,2})(?:st|nd|rd|th|er)?(?!\w)")
_WORD = re.compile(r"[^\W\d_]{3,}")


def parse_date(value: str | int | None, *, this_year: int) -> str | None:
    """Return ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD`` as far as the value is certain, or ``None``.

    Years from 1000 to ``this_year`` + 2 are valid; a month or day that cannot be is left off.
    """
    text = str(value).strip() if value is not None else ""
    shaped = _JAPANESE.fullmatch(text) or _COMPACT.fullmatch(text) or _ISO.fullmatch(text)
    if shaped is not None and _is_year(shaped[1], this_year):
        return _joined(shaped[1], shaped[2], shaped[3])
    return _numeric_date(text, this_year) or _written_date(text, this_year)


def parse_year(value: str | int | None, *, this_year: int) -> int | None:
    """Return the first plausible year in the value: 1000 to ``this_year`` + 2, or ``None``."""
    date = parse_date(value, this_year=this_year)
    return int(date[:4]) if date is not None else None


def _is_year(digits: str, this_year: int) -> bool:
    return _FIRST_YEAR <= int(digits) <= this_year + _YEARS_AHEAD


def _joined(year: str, month: str | None, day: str | None) -> str:
    number = int(month or 0)
    if not 1 <= number <= 12:
        return str(int(year))
    day_number = int(day or 0)
    if not 1 <= day_number <= monthrange(int(year), number)[1]:
        return f"{int(year)}-{number:02d}"
    return f"{int(year)}-{number:02d}-{day_number:02d}"


def _numeric_date(text: str, this_year: int) -> str | None:
    """Read ``31.12.1999`` and ``12/31/1999``; where day and month cannot be told, the year."""
    match = _NUMERIC.fullmatch(text)
    if match is None or not _is_year(match[3], this_year):
        return None
    first, second = int(match[1]), int(match[2])
    if "." in text or first > 12:
        return _joined(match[3], match[2], match[1])
    if second > 12 or first == second:
        return _joined(match[3], match[1], match[2])
    return _joined(match[3], None, None)


def _written_date(text: str, this_year: int) -> str | None:
    """Read ``Jun 8, 1949``, ``8 June 1949``, ``January 2014``, ``c1949`` and ``[1949?]``."""
    years = [year for year in _YEAR.findall(text) if _is_year(year, this_year)]
    if not years:
        return None
    words = [fold(word) for word in _WORD.findall(text)]
    months = [_MONTHS[word] for word in words if word in _MONTHS]
    if len(months) != 1 or len(_YEAR.findall(text)) > 1:
        return str(int(years[0]))
    days = _DAY.findall(text)
    return _joined(years[0], str(months[0]), days[0] if len(days) == 1 else None)
