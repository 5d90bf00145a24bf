"""Imports over HTTP: real files to the real route, and what their clients get back (7.D)."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from pathlib import Path

import pytest

from bookstrack.imports.read import read_export
from bookstrack.testing.faults import Fault
from exports import (
    FERRY,
    IMPORTS,
    SMALL,
    accounted,
    counts,
    ended,
    form,
    imported,
    results_of,
    send,
)

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
FILES = (
    "bookwyrm.csv",
    "calibre.csv",
    "curated-harvest-list.csv",
    "generic.csv",
    "goodreads-24col-769rows.csv",
    "goodreads-31col-no-isbn.csv",
    "goodreads-31col.csv",
    "hardcover.csv",
    "librarything.tsv",
    "openlibrary-reading-log.csv",
    "openreads.csv",
    "sample-books.csv",
    "simple-title-author-isbn.csv",
    "storygraph.csv",
    "year-title-author-isbn13.csv",
)
MIXED = (
    "Title,Author,ISBN,Exclusive Shelf,My Rating,Book Id\n"
    f'The Ferry to Morrow Island,"Holloway, Maren",{FERRY},read,5,1\n'
    f"The Ferry to Morrow Island,Maren Holloway,{FERRY},to-read,0,1\n"
    ",Nobody,12,read,3,\n"
    "Zzyzzx,,,did-not-finish,0,4\n"
)


async def test_the_whole_answer(api):
    answer = await send(api, SMALL)
    assert answer.status == 202
    body, data = answer.json, answer.json["data"]
    job_id = data["jobId"]
    assert UUID.fullmatch(job_id)
    assert {key: body[key] for key in data} == data
    assert data["token"] == data["authToken"]
    expected = {
        "pipeline": "csv_import",
        "status": "initialized",
        "success": True,
        "processedCount": 0,
        "totalCount": 3,
        "estimated_rows": 3,
        "file_size_bytes": len(SMALL),
        "sseUrl": f"{IMPORTS}/{job_id}/stream",
        "statusUrl": f"{IMPORTS}/{job_id}",
        "resultsUrl": f"/v1/jobs/{job_id}/results",
    }
    assert {key: data[key] for key in expected} == expected
    assert answer.headers["Location"] == f"{IMPORTS}/{job_id}"


async def test_what_a_small_file_comes_to(api):
    results = await imported(api, SMALL)
    assert counts(results) == (3, 0, 0)
    assert (results["enrichmentSucceeded"], results["enrichmentFailed"]) == (2, 1)
    first, second, third = results["books"]
    assert first["isbn13"] == FERRY
    assert first["description"]
    assert second["isbn13"], "what was found fills what the file left empty"
    assert third["enrichmentError"] == "Book not found in any provider"
    assert third["author"] == "Nobody At All"
    assert "isbn" not in third
    assert "lowConfidence" not in third
    assert [book["row"] for book in results["books"]] == [2, 3, 4]
    assert results["library"][2]["isbn"].startswith("bt:")
    assert results["successRate"] == "3/3"
    assert results["errors"] == []
    assert results["results"] == results["books"]
    assert results["parser"] == "deterministic"
    assert results["columns"] == {"title": "Title", "author": "Author", "isbn": "ISBN"}
    assert results["durationMs"] == results["summary"]["duration"]
    assert "rejectedRows" not in results


@pytest.mark.parametrize("name", FILES)
async def test_every_genuine_file(start, fixtures_dir: Path, name):
    api = await start(OFFLINE="true")
    data = (fixtures_dir / "imports" / name).read_bytes()
    export = read_export(data)
    answer = await send(api, data, name=name)
    assert answer.json["totalCount"] == export.data_rows
    assert (await ended(api, answer.json["jobId"]))["status"] == "completed"
    results = await results_of(api, answer.json["jobId"])
    assert accounted(results) == export.data_rows
    unknown = sum(book.needs_lookup for book in export.books)
    assert len(results["books"]) == len(export.books) - unknown
    assert results["booksCreated"] == len({entry["isbn"] for entry in results["library"]})
    assert results["errorCount"] == unknown
    assert results["enrichmentSucceeded"] + results["enrichmentFailed"] == len(export.books)
    assert (results["format"], results["encoding"]) == (export.format, export.encoding)
    assert all(book.get("coverUrl") != "" for book in results["books"])
    again = await imported(api, data)
    assert (again["booksCreated"], again["booksUpdated"]) == (0, 0)
    assert accounted(again) == export.data_rows


async def test_every_row_is_accounted_for(api):
    results = await imported(api, MIXED)
    assert accounted(results) == 4
    assert counts(results) == (2, 0, 1)
    assert results["format"] == "goodreads"
    fault = {
        "row": 4,
        "isbn": "12",
        "title": "",
        "error": "“12” is not a valid ISBN",
        "code": "invalid_isbn",
    }
    assert results["errors"] == [fault]
    assert results["successRate"] == "3/4"
    read, unfinished = results["library"]
    assert (read["status"], read["rating"], read["row"]) == ("completed", 5, 2)
    assert unfinished["sourceStatus"] == "did-not-finish"
    assert "status" not in unfinished


async def test_one_client_gets_its_errors_as_texts(api):
    answer = await send(api, MIXED)
    job_id = answer.json["jobId"]
    await ended(api, job_id)
    ios = {"X-Client-Version": "ios-v1.4"}
    texts = await results_of(api, job_id, headers=ios)
    assert texts["errors"] == ["Row 4: “12” is not a valid ISBN"]
    assert (await results_of(api, job_id))["errors"][0]["row"] == 4
    for path in (f"/v1/jobs/{job_id}/results", f"/v1/csv/results/{job_id}"):
        found = (await api.get(path, headers=ios)).json["data"]
        assert found["errors"][0]["code"] == "invalid_isbn"
        assert "results" not in found
    status = (await api.get(f"{IMPORTS}/{job_id}", headers=ios)).json["data"]
    assert status["status"] == "COMPLETED"


async def test_the_oldest_client(api):
    answer = await send(api, MIXED, path="/api/import/csv-gemini")
    assert answer.status == 202
    assert answer.headers["Link"] == '</api/v2/imports>; rel="successor-version"'
    job_id = answer.json["jobId"]
    await ended(api, job_id)
    status = (await api.get(f"/v1/csv/status/{job_id}")).json["data"]
    assert status["status"] == "completed"
    assert status["books"][0]["title"] == "The Ferry to Morrow Island"
    assert status["errors"][0]["error"]
    assert "error" not in status
    found = (await api.get(f"/v1/csv/results/csv-results:{job_id}")).json
    assert found["data"]["successRate"] == "3/4"
    assert found["metadata"]["cached"] is True
    assert isinstance(found["data"]["timestamp"], int)


async def test_rejected_rows_can_be_mended_and_sent_again(api):
    data = "Title,Author,ISBN\n=cmd|x!A1,,@12\n,Ana Lund,=1+1\nSalt Weather,Maren Holloway,\n"
    answer = await send(api, data)
    job_id = answer.json["jobId"]
    await ended(api, job_id)
    file = await api.get(f"{IMPORTS}/{job_id}/errors.csv")
    assert file.status == 200
    assert file.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert file.body.startswith(b"\xef\xbb\xbf")
    header, *rows = csv.reader(io.StringIO(file.body.decode("utf-8-sig")))
    assert header == ["Title", "Author", "ISBN", "row", "error_code", "error"]
    assert [row[3:5] for row in rows] == [["3", "invalid_isbn"]]
    assert all(cell[:1] not in "=+-@\t\r" or not cell for row in rows for cell in row)
    mended = file.body.replace(b",Ana Lund,'=1+1", b"Mended,Ana Lund,")
    assert mended != file.body
    results = await imported(api, mended)
    assert counts(results) == (1, 0, 0)
    assert results["columns"] == {"title": "Title", "author": "Author", "isbn": "ISBN"}


async def test_a_dry_run_stores_nothing_and_asks_nobody(api):
    results = await imported(api, SMALL, query="?dryRun=true")
    assert counts(results) == (3, 0, 0)
    assert results["dryRun"] is True
    assert (results["enrichmentSucceeded"], results["enrichmentFailed"]) == (0, 0)
    assert await api.parts.store.count() == 0
    assert api.upstream.count() == 0
    assert counts(await imported(api, SMALL, query="?enrich=false")) == (3, 0, 0)
    assert api.upstream.count() == 0
    assert counts(await imported(api, SMALL, query="?dryRun=true")) == (0, 0, 3)


async def test_books_that_gain_something_are_updated(api):
    plain = f"Title,Author,ISBN\nThe Ferry,Maren Holloway,{FERRY}\nUnseen,Bo Berg,\n"
    fuller = (
        f"Title,Author,ISBN,Publisher,Pages\nThe Ferry,Maren Holloway,{FERRY},Own House,321\n"
        "Unseen,Bo Berg,,Own House,12\n"
    )
    assert counts(await imported(api, plain, query="?enrich=false")) == (2, 0, 0)
    assert counts(await imported(api, fuller, query="?enrich=false")) == (0, 2, 0)
    assert counts(await imported(api, fuller, query="?enrich=false")) == (0, 0, 2)
    stored = (await api.parts.store.find_isbn(FERRY)).record
    assert stored.editions[0].publisher == "Own House"
    other = fuller.replace("Own House", "Another House")
    assert counts(await imported(api, other, query="?enrich=false")) == (0, 0, 2)
    stored = (await api.parts.store.find_isbn(FERRY)).record
    assert stored.editions[0].publisher == "Own House", "what is filled stays"


async def test_the_readers_own_values_stay(api):
    own = f"Title,Author,ISBN,Pages\nMy Own Title,My Own Author,{FERRY},7\n"
    (book,) = (await imported(api, own))["books"]
    assert (book["title"], book["author"], book["pageCount"]) == (
        "My Own Title",
        "My Own Author",
        7,
    )
    assert book["description"]
    assert book["coverUrl"].startswith("https://")


async def test_a_file_without_a_book_fails(api):
    answer = await send(api, "Title,Author,ISBN\n,Nobody,12\n,Somebody,\n")
    status = await ended(api, answer.json["jobId"])
    assert status["status"] == "failed"
    assert status["error"]["code"] == "E_CSV_NO_BOOKS"
    assert status["error"]["message"] == "No valid books found in CSV"
    assert [one["row"] for one in status["error"]["details"]["errors"]] == [2, 3]


async def test_keys_of_open_library_are_looked_up(api):
    data = "Work Id,Edition Id,Bookshelf\nOL30000001W,,Already Read\nOL99999999999W,,Want to Read\n"
    catalogue = api.upstream.catalogue
    work = catalogue.work_of(catalogue.by_isbn(FERRY))
    data = data.replace("OL30000001W", f"OL{work.number}W")
    results = await imported(api, data)
    assert [book["title"] for book in results["books"]] == ["The Ferry to Morrow Island"]
    assert results["errors"][0]["code"] == "needs_lookup"
    assert accounted(results) == 2
    job_id = results["jobId"]
    rejected = (await api.get(f"{IMPORTS}/{job_id}/errors.csv")).body.decode("utf-8-sig")
    assert "OL99999999999W,,Want to Read,3,needs_lookup," in rejected
    without = await send(api, data, query="?enrich=false")
    assert (await ended(api, without.json["jobId"]))["error"]["code"] == "E_CSV_NO_BOOKS"


async def test_a_title_alone_takes_one_clear_match_only(api):
    results = await imported(api, "Title,Author\nSalt Weather,\nZzyzzx Unheard Of,\n")
    sure, unknown = results["books"]
    assert sure["author"] == "Maren Holloway"
    assert unknown["author"] == "Unknown Author"
    assert sure["lowConfidence"] is unknown["lowConfidence"] is True
    assert unknown["enrichmentError"]
    assert (results["enrichmentSucceeded"], results["enrichmentFailed"]) == (1, 1)


async def test_rather_none_than_a_wrong_book(api):
    data = (
        "Title,Author\n"
        "The Ferry to Morrow Island,Somebody Else Entirely\n"
        '"The Ferry to Morrow Island, Volume 7",Maren Holloway\n'
    )
    results = await imported(api, data)
    assert (results["enrichmentSucceeded"], results["enrichmentFailed"]) == (0, 2)
    assert [book["author"] for book in results["books"]] == [
        "Somebody Else Entirely",
        "Maren Holloway",
    ]
    assert all("isbn" not in book for book in results["books"])


async def test_providers_that_fail_leave_the_books_as_they_are(start):
    api = await start(PROVIDER_RETRIES="1")
    api.upstream.fault("all", Fault.status(500))
    results = await imported(api, SMALL)
    assert counts(results) == (3, 0, 0)
    assert results["enrichmentFailed"] == 3
    assert all(book["enrichmentError"] for book in results["books"])
    assert results["errors"] == []
    api.upstream.heal()


async def test_each_book_is_asked_for_once(api):
    line = "Salt Weather,Maren Holloway,,{}\n"
    data = "Title,Author,ISBN,Publisher\n" + "".join(map(line.format, "AB"))
    data += f"The Ferry,M. Holloway,{FERRY},A\nThe Ferry to Morrow Island,,{FERRY},B\n"
    results = await imported(api, data)
    assert results["duplicatesSkipped"] == 2
    google = [one.query.get("q", "") for one in api.upstream.asked("google")]
    assert sum(FERRY in query for query in google) == 1
    assert sum("Salt" in query for query in google) == 1


async def test_the_same_key_twice_at_once_is_one_job(api):
    headers = {"Idempotency-Key": "k-1"}
    answers = await asyncio.gather(*(send(api, SMALL, headers=headers) for _ in range(3)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.json["jobId"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 2
    other = await send(api, MIXED, headers=headers)
    assert (other.status, other.json["error"]["code"]) == (409, "IDEMPOTENCY_CONFLICT")
    in_form = await send(api, SMALL, options='{"idempotency_key": "k-1"}')
    assert in_form.json["jobId"] == answers[0].json["jobId"]
    await ended(api, in_form.json["jobId"])
    await api.parts.background.drain(5)
    left = await api.parts.storage.blobs.list("imports")
    assert left == [], "a file goes with the end of its job, at once where it makes none"


async def test_a_chosen_id_is_replayed_and_kept_from_others(api):
    first = await send(api, SMALL, query="?jobId=A-Chosen-Id-of-Mine")
    again = await send(api, SMALL, jobId="A-Chosen-Id-of-Mine")
    assert first.json["jobId"] == again.json["jobId"] == "A-Chosen-Id-of-Mine"
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await send(api, MIXED, query="?jobId=A-Chosen-Id-of-Mine")
    assert (other.status, other.json["error"]["code"]) == (409, "JOB_EXISTS")
    await ended(api, "A-Chosen-Id-of-Mine")


async def test_the_same_file_twice_at_once_brings_no_double_books(api):
    answers = await asyncio.gather(*(send(api, SMALL) for _ in range(3)))
    for answer in answers:
        assert (await ended(api, answer.json["jobId"]))["status"] == "completed"
    assert len({answer.json["jobId"] for answer in answers}) == 3
    await api.parts.background.drain(5)
    titles = [work.work.title for work in (await titled(api, "Salt Weather"))]
    assert titles == ["Salt Weather"]
    assert len(await titled(api, "Nothing of the Kind")) == 1
    assert counts(await imported(api, SMALL)) == (0, 0, 3)


async def titled(api, title):
    return (await api.parts.store.titled(title)).books


async def test_partial_results_within_two_seconds_of_a_cancel(api):
    api.upstream.delay("all", 0.2)
    rows = "".join(f"Title {n},Author {n},\n" for n in range(200))
    answer = await send(api, "Title,Author,ISBN\n" + rows)
    job_id, token = answer.json["jobId"], answer.json["token"]
    async with asyncio.timeout(30):
        while (await api.get(f"/v1/jobs/{job_id}")).json["data"]["processedCount"] < 10:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    stopped = await api.post(f"/v1/csv/cancel/{job_id}")
    took = loop.time() - begun
    assert (stopped.status, stopped.json["status"]) == (200, "canceled")
    assert took < 2.5
    asked = api.upstream.count()
    results = await results_of(api, job_id)
    assert results["partial"] is True
    assert 10 <= len(results["books"]) < 200
    assert accounted(results) == len(results["books"])
    assert results["successRate"] == f"{len(results['books'])}/200"
    await asyncio.sleep(0.3)
    assert api.upstream.count() == asked, "nobody is asked any more"
    gone = await api.request(
        "DELETE", f"{IMPORTS}/{job_id}", headers={"Authorization": f"Bearer {token}"}
    )
    assert gone.json["data"]["cleanup"]["objectsDeleted"] == 1
    assert await api.parts.storage.blobs.list("imports") == []
    api.upstream.delay("all", 0.0)
    again = await imported(api, "Title,Author,ISBN\n" + rows)
    assert again["booksCreated"] + again["duplicatesSkipped"] == 200
    assert again["duplicatesSkipped"] >= len(results["books"])


async def test_events_tell_how_far_it_is(api):
    api.upstream.delay("all", 0.05)
    rows = "".join(f"Title {n},Author {n},\n" for n in range(40))
    answer = await send(api, "Title,Author,ISBN\n" + rows + ",,12\n")
    stream = (await api.get(answer.json["sseUrl"])).body.decode()  # ends with the job
    assert "event: completed" in stream
    progress = [float(found) for found in re.findall(r'"progress":([0-9.]+)', stream)]
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    assert 0.02 in progress
    assert any(0.5 < share < 0.95 for share in progress)
    assert re.search(r"Enriching \(\d+/40\): Title \d+", stream)


async def test_options_of_the_form_say_the_same_as_the_query(api):
    options = '{"auto_enrich": false, "skip_duplicates": false, "batch_size": 50}'
    results = await imported(api, SMALL, options=options)
    assert api.upstream.count() == 0
    assert results["enrichmentFailed"] == 0
    wins = await imported(api, SMALL, query="?enrich=true", options=options)
    assert wins["enrichmentSucceeded"] == 2


async def test_a_preview_makes_no_job(api):
    rows = "".join(f"Title {n},Author {n},\n" for n in range(30))
    answer = await api.post(f"{IMPORTS}/preview", data=form("Title,Author,ISBN\n" + rows))
    assert answer.status == 200
    data = answer.json["data"]
    assert (data["totalCount"], data["previewedRows"], len(data["books"])) == (30, 20, 20)
    assert data["format"] == "generic"
    assert data["columns"]["title"] == "Title"
    assert data["books"][0]["authors"] == ["Author 0"]
    assert api.upstream.count() == 0
    assert await api.parts.storage.blobs.list("imports") == []


async def test_bytes_that_were_repaired_are_told(api):
    data = "Title,Author\nLe Café,Ana Lund\nÉté,Julio Cort".encode() + b"\xe2azar\n"
    preview = (await api.post(f"{IMPORTS}/preview", data=form(data))).json["data"]
    results = await imported(api, data, query="?enrich=false")
    for told in (preview, results):
        assert (told["encoding"], told["repairedBytes"]) == ("utf-8", 1)
    assert results["books"][1]["author"] == "Julio Cortázar"
    whole = await imported(api, SMALL, query="?enrich=false")
    assert "repairedBytes" not in whole


async def test_plain_csv_is_taken_too(api):
    answer = await api.post(
        IMPORTS, data=SMALL.encode(), headers={"Content-Type": "text/csv; charset=utf-8"}
    )
    assert answer.status == 202
    assert (await ended(api, answer.json["jobId"]))["total_rows"] == 3


async def test_on_either_database(start, database_url):
    api = await start(DATABASE_URL=database_url)
    answers = await asyncio.gather(*(send(api, MIXED) for _ in range(2)))
    for answer in answers:
        assert (await ended(api, answer.json["jobId"]))["status"] == "completed"
        assert accounted(await results_of(api, answer.json["jobId"])) == 4
    await api.parts.background.drain(5)
    assert len(await titled(api, "Zzyzzx")) == 1
    assert counts(await imported(api, MIXED)) == (0, 0, 3)
    assert counts(await imported(api, SMALL)) == (2, 0, 1)
