"""Dates as far as they are certain (data-model §6.3)."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstrack.normalise.dates import parse_date, parse_year

YEAR = 2025


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("1992", "1992"),
        (2015, "2015"),
        ("1998-09", "1998-09"),
        ("2005-11-15", "2005-11-15"),
        ("2005-11-15T00:00:01Z", "2005-11-15"),
        ("2005-11-15 10:00", "2005-11-15"),
        ("2005/1/5", "2005-01-05"),
        ("January 2014", "2014-01"),
        ("Mar. 1970", "1970-03"),
        ("Jun 8, 1949", "1949-06-08"),
        ("8 June 1949", "1949-06-08"),
        ("July 28, 2008", "2008-07-28"),
        ("1st September 1990", "1990-09-01"),
        ("1er février 1950", "1950-02-01"),
        ("März 1999", "1999-03"),
        ("3 мая 1985", "1985-05-03"),
        ("15 de octubre de 1967", "1967-10-15"),
        ("2013年4月12日", "2013-04-12"),
        ("2013年4月", "2013-04"),
        ("2013年", "2013"),
        ("19990131", "1999-01-31"),
        ("31.12.1999", "1999-12-31"),
        ("12/31/1999", "1999-12-31"),
        ("31/12/1999", "1999-12-31"),
        ("5/5/1999", "1999-05-05"),
        ("5/6/1999", "1999"),
        ("31.12.0999", None),
        ("c1949", "1949"),
        ("©1949", "1949"),
        ("[1949?]", "1949"),
        ("1949-1951", "1949"),
        ("June 1949-May 1951", "1949"),
        ("May 5 and June 6, 1999", "1999"),
        ("May 5 or 6, 1999", "1999-05"),
        ("1949-13-01", "1949"),
        ("1949-00", "1949"),
        ("1949-02-30", "1949-02"),
        ("2027", "2027"),
        ("2028", None),
        ("0999", None),
        ("19--", None),
        ("199?", None),
        ("n.d.", None),
        ("", None),
        ("  ", None),
        (0, None),
        (None, None),
        ("12345", None),
        ("٢٠٠٥", "2005"),
    ],
)
def test_parse_date(value: str | int | None, parsed: str | None) -> None:
    assert parse_date(value, this_year=YEAR) == parsed
    assert parse_year(value, this_year=YEAR) == (int(parsed[:4]) if parsed else None)


@given(st.text(max_size=30) | st.dates().map(str) | st.integers())
def test_a_date_has_one_of_three_forms_and_stays_as_it_is(value: str | int) -> None:
    date = parse_date(value, this_year=YEAR)
    if date is not None:
        assert re.fullmatch(r"[12]\d{3}(-[01]\d(-[0-3]\d)?)?", date, re.ASCII)
        assert parse_date(date, this_year=YEAR) == date


@given(st.dates(min_value=date(1000, 1, 1)))
def test_every_written_form_of_a_day_is_understood(day: date) -> None:
    written = f"{day:%B} {day:%d}, {day:%Y}"
    assert parse_date(written, this_year=9997) == str(day)
