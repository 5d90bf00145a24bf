"""Books that the database does not take: rows that brought none, and no word of them lost."""

from __future__ import annotations

import csv
import io

import pytest
from sqlalchemy import text

from exports import FERRY, IMPORTS, accounted, counts, ended, imported, results_of, send

REFUSING = {
    "sqlite": (
        "CREATE TRIGGER refuse BEFORE INSERT ON \"Books\" WHEN NEW.title LIKE 'Refused%' "
        "BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'not this one'; "
        "END $$ LANGUAGE plpgsql",
        'CREATE TRIGGER refuse BEFORE INSERT ON "Books" FOR EACH ROW '
        "WHEN (NEW.title LIKE 'Refused%') EXECUTE FUNCTION refuse()",
    ),
}
TAKING = {"sqlite": "DROP TRIGGER refuse", "postgresql": 'DROP TRIGGER refuse ON "Books"'}
FILE = (
    "Title,Author,ISBN,Pages,Colour\n"
    f"The Ferry to Morrow Island,Maren Holloway,{FERRY},,red\n"
    'Refused Café,"Lund, Ana",="9780306406157",12,"blue, green"\n'
    "Nothing of the Kind,Nobody At All,,,\n"
    "Refused Too,Bo Berg,,7,-\n"
)


@pytest.fixture
async def picky(start, database_url):
    """A server whose database takes no book whose title begins with "Refused"."""
    api = await start(DATABASE_URL=database_url)
    await execute(api, *REFUSING[api.parts.storage.database.dialect])
    return api


async def execute(api, *statements):
    async with api.parts.storage.database.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def test_they_are_errors_with_a_reason(picky):
    answer = await send(picky, FILE)
    job_id = answer.json["jobId"]
    status = await ended(picky, job_id)
    assert (status["status"], status["processedCount"]) == ("completed", 4)
    found = await results_of(picky, job_id)
    assert counts(found) == (2, 0, 0)
    assert accounted(found) == 4
    assert found["successRate"] == "2/4"
    reason = "The book could not be stored; something went wrong on our side"
    assert found["errors"] == [
        {
            "row": 3,
            "isbn": "9780306406157",
            "title": "Refused Café",
            "error": reason,
            "code": "not_stored",
        },
        {"row": 5, "isbn": "", "title": "Refused Too", "error": reason, "code": "not_stored"},
    ]
    assert [book["row"] for book in found["books"]] == [2, 4]
    assert [entry["row"] for entry in found["library"]] == [2, 4]
    assert found["enrichmentSucceeded"] + found["enrichmentFailed"] == 4
    assert (found["summary"]["successCount"], found["summary"]["failureCount"]) == (2, 2)


async def test_the_file_of_rejected_rows_brings_them_in_later(picky):
    data = FILE.encode("cp1252").replace(b"Caf\xe9", b"Caf\xe9")
    answer = await send(picky, data)
    job_id = answer.json["jobId"]
    await ended(picky, job_id)
    rejected = (await picky.get(f"{IMPORTS}/{job_id}/errors.csv")).body
    header, *rows = csv.reader(io.StringIO(rejected.decode("utf-8-sig")))
    assert header[:5] == ["Title", "Author", "ISBN", "Pages", "Colour"]
    first = ["Refused Café", "Lund, Ana", '\'="9780306406157"', "12", "blue, green"]
    assert rows[0][:7] == [*first, "3", "not_stored"]
    assert rows[1][:7] == ["Refused Too", "Bo Berg", "", "7", "'-", "5", "not_stored"]
    await execute(picky, TAKING[picky.parts.storage.database.dialect])
    again = await imported(picky, rejected)
    assert counts(again) == (2, 0, 0)
    assert [book["title"] for book in again["books"]] == ["Refused Café", "Refused Too"]


async def test_one_of_many_takes_no_other_with_it(picky):
    rows = "".join(f"Own {n},Writer {n},\n" for n in range(50)) + "Refused,Nobody,\n"
    found = await imported(picky, f"Title,Author,ISBN\n{rows}", query="?enrich=false")
    assert (counts(found), found["errorCount"]) == ((50, 0, 0), 1)
