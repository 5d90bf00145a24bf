"""One file that comes more than once: at once, later, after a cancel; no book is made twice."""

from __future__ import annotations

import asyncio

import pytest

from exports import FERRY, IMPORTS, SMALL, accounted, counts, ended, results_of, send

OLD = "/api/import/csv-gemini"
PHONE = {"X-Client-Version": "ios-v1.4", "User-Agent": "BooksTrack/1 CFNetwork/1490"}
BROWSER = {"User-Agent": "Mozilla/5.0", "Origin": "https://books.example"}
ROUTES = pytest.mark.parametrize(
    ("one", "other"), [(IMPORTS, IMPORTS), (IMPORTS, OLD), (OLD, OLD)], ids=lambda path: path[-7:]
)
LIBRARY = "Title,Author,ISBN\n" + "".join(
    f"Own Book {number},Writer {number % 7},\n" for number in range(60)
)


async def both(api, data, one, other):
    """Send a file from two clients at once; return the results of both jobs."""
    answers = await asyncio.gather(
        send(api, data, path=one, headers=PHONE), send(api, data, path=other, headers=BROWSER)
    )
    assert [answer.status for answer in answers] == [202, 202]
    ids = [answer.json["jobId"] for answer in answers]
    assert len(set(ids)) == 2
    for job_id in ids:
        assert (await ended(api, job_id))["status"] == "completed"
    return [await results_of(api, job_id) for job_id in ids]


async def later(api, data, path):
    """Send a file once more; return its results."""
    answer = await send(api, data, path=path, headers=BROWSER)
    assert (await ended(api, answer.json["jobId"]))["status"] == "completed"
    return await results_of(api, answer.json["jobId"])


async def stored(api, *titles):
    """Return how many works there are of each title."""
    await api.parts.background.drain(5)
    return [len((await api.parts.store.titled(title)).books) for title in titles]


def assert_made_once(found, rows):
    """Each job gives account of every row, and one of them made each book."""
    assert [accounted(one) for one in found] == [rows] * len(found)
    assert [one["errorCount"] for one in found] == [0] * len(found)
    assert sum(one["booksCreated"] for one in found) == rows
    assert all(len(one["books"]) == rows for one in found)


@ROUTES
async def test_at_once(api, one, other):
    api.upstream.delay("all", 0.05)
    found = await both(api, SMALL, one, other)
    assert_made_once(found, 3)
    assert sum(one["booksUpdated"] for one in found) == 0
    assert await stored(api, "Salt Weather", "Nothing of the Kind") == [1, 1]


@ROUTES
async def test_at_once_with_many_books(api, one, other):
    found = await both(api, LIBRARY, one, other)
    assert_made_once(found, 60)
    assert await stored(api, "Own Book 0", "Own Book 59") == [1, 1]


async def test_at_once_on_two_servers_with_either_database(start, database_url):
    servers = [await start(DATABASE_URL=database_url, folder=f"data{n}") for n in range(2)]
    answers = await asyncio.gather(*(send(api, LIBRARY, query="?enrich=false") for api in servers))
    found = []
    for api, answer in zip(servers, answers, strict=True):
        await ended(api, answer.json["jobId"])
        found.append(await results_of(api, answer.json["jobId"]))
    assert_made_once(found, 60)
    assert await stored(servers[0], "Own Book 0", "Own Book 59") == [1, 1]


async def test_who_adds_to_a_book_of_the_other_has_updated_it(api):
    fuller = (
        f"Title,Author,ISBN,Publisher,Pages\nThe Ferry,Maren Holloway,{FERRY},Own House,321\n"
        "Unseen,Bo Berg,,Own House,12\n"
    )
    plain = f"Title,Author,ISBN\nThe Ferry,Maren Holloway,{FERRY}\nUnseen,Bo Berg,\n"
    answers = [await send(api, data, query="?enrich=false") for data in (plain, fuller, fuller)]
    for answer in answers:
        await ended(api, answer.json["jobId"])
    found = [await results_of(api, answer.json["jobId"]) for answer in answers]
    assert sum(one["booksCreated"] for one in found) == 2
    assert [accounted(one) for one in found] == [2, 2, 2]
    assert all(one["booksUpdated"] <= 2 for one in found)
    record = (await api.parts.store.find_isbn(FERRY)).record
    assert (record.editions[0].publisher, record.editions[0].page_count) == ("Own House", 321)


@ROUTES
async def test_after_success(api, one, other):
    first = await later(api, SMALL, one)
    assert counts(first) == (3, 0, 0)
    again = await later(api, SMALL, other)
    assert counts(again) == (0, 0, 3)
    assert len(again["books"]) == 3
    assert await stored(api, "Salt Weather", "Nothing of the Kind") == [1, 1]


@ROUTES
async def test_after_a_cancel(api, one, other):
    api.upstream.delay("all", 0.1)
    answer = await send(api, LIBRARY, path=one, headers=PHONE)
    job_id = answer.json["jobId"]
    async with asyncio.timeout(30):
        while (await api.get(f"/v1/jobs/{job_id}")).json["data"]["processedCount"] < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    token = {"Authorization": f"Bearer {answer.json['token']}"}
    gone = await api.request("DELETE", f"{IMPORTS}/{job_id}", headers=token)
    partial = gone.json["data"]["partialResults"]
    assert 5 <= partial["results"]["booksCreated"] == partial["processedCount"] < 60
    api.upstream.delay("all", 0.0)
    again = await later(api, LIBRARY, other)
    assert accounted(again) == 60
    assert again["duplicatesSkipped"] >= partial["results"]["booksCreated"]
    assert counts(await later(api, LIBRARY, one)) == (0, 0, 60)
    assert await stored(api, *(f"Own Book {number}" for number in range(60))) == [1] * 60
