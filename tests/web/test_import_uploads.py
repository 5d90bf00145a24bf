"""Uploads that are refused before a job is made: what, why, and how much memory they cost."""

from __future__ import annotations

import gzip
import io
import zipfile

import aiohttp
import pytest

from exports import IMPORTS, SMALL, form, send

HEAD = "Title,Author,ISBN\n"
PART = b'--x\r\nContent-Disposition: form-data; name="file"'


def workbook() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr("xl/workbook.xml", "<workbook/>")
    return packed.getvalue()


REFUSED = {
    "empty": (b"", "empty"),
    "white space": (b"  \n \r\n\t", "empty"),
    "a workbook": (workbook(), "binary"),
    "gzip": (gzip.compress(SMALL.encode()), "binary"),
    "pdf": (b"%PDF-1.7\n1,2\n", "binary"),
    "png": (b"\x89PNG\r\n\x1a\n" + b"1,2\n" * 9, "binary"),
    "jpeg": (b"\xff\xd8\xff\xe0" + b"1,2\n" * 9, "binary"),
    "sqlite": (b"SQLite format 3\x00" + b"1,2\n" * 9, "binary"),
    "only a header": (HEAD.encode(), "no_rows"),
    "one column": (b"Title\nA Book\nAnother One\n", "too_few_columns"),
    "an open quote": (b'Title,Author\nA,B\n"C,D\nE,F\n', "unclosed_quote"),
    "a blank header": (b",,\nA,B,C\n", "empty_header"),
    "columns of something else": (b"Price,Colour\n12,red\n13,blue\n", "no_usable_column"),
    "too many rows": ((HEAD + "A,B,\n" * 10_001).encode(), "too_many_rows"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_read_is_refused_at_once(api, name):
    data, reason = REFUSED[name]
    answer = await send(api, data)
    assert answer.status == 400, answer.body
    error = answer.json["error"]
    assert (error["code"], error["details"]["reason"]) == ("INVALID_FILE", reason)
    assert error["retryable"] is False
    assert await api.parts.storage.blobs.list("imports") == []


async def test_refusals_say_where(api):
    quote = (await send(api, REFUSED["an open quote"][0])).json["error"]["details"]
    assert (quote["row"], quote["line"]) == (3, 3)
    column = (await send(api, REFUSED["columns of something else"][0])).json["error"]["details"]
    assert column["required_columns"] == ["Title", "Author", "ISBN"]
    assert column["found_columns"] == ["Price", "Colour"]
    book = (await send(api, REFUSED["a workbook"][0])).json["error"]
    assert "CSV" in book["message"]


async def test_ten_thousand_rows_are_taken(api):
    answer = await send(api, HEAD + "A,B,\n" * 10_000, query="?dryRun=true")
    assert (answer.status, answer.json["totalCount"]) == (202, 10_000)


async def test_a_limit_of_rows_can_be_set(start):
    api = await start(CSV_MAX_ROWS="2")
    assert (await send(api, HEAD + "A,B,\nC,D,\n")).status == 202
    answer = await send(api, HEAD + "A,B,\nC,D,\nE,F,\n")
    assert answer.json["error"]["details"]["reason"] == "too_many_rows"


async def test_without_a_file(api):
    without = aiohttp.FormData({"options": "{}"}, default_to_multipart=True)
    answer = await api.post(IMPORTS, data=without)
    assert (answer.status, answer.json["error"]["code"]) == (400, "MISSING_PARAMETER")
    assert answer.json["error"]["details"]["parameter"] == "file"
    answer = await api.post(
        IMPORTS,
        data=PART + b'; filename=""\r\n\r\n\r\n--x--\r\n',
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    assert (answer.status, answer.json["error"]["code"]) == (400, "MISSING_PARAMETER")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"file": "x"}', "application/json"),
        (b"file=x", "application/x-www-form-urlencoded"),
        (b"Title,Author\nA,B\n", ""),
        (b"no form at all", "multipart/form-data; boundary=x"),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nA,B',
            "multipart/form-data; boundary=x",
        ),
        (b"--x--\r\n", "multipart/form-data"),
    ],
)
async def test_what_is_no_form(api, body, kind):
    answer = await api.post(IMPORTS, data=body, headers={"Content-Type": kind})
    assert (answer.status, answer.json["error"]["code"]) == (400, "INVALID_REQUEST")


async def chunks(size: int):
    yield PART + b'; filename="a.csv"\r\n\r\n'
    yield HEAD.encode()
    for _ in range(size // 65_536):
        yield b"A title,An author,\n" * 3449  # 65531 bytes
    yield b"\r\n--x--\r\n"


@pytest.mark.parametrize("path", [IMPORTS, "/api/import/csv-gemini", f"{IMPORTS}/preview"])
async def test_too_large_whatever_was_announced(start, path):
    api = await start(CSV_MAX_MB="1")
    declared = await api.post(path, data=form(b"A,B\n" * 600_000))
    streamed = await api.post(
        path, data=chunks(3 << 20), headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    raw = await api.post(path, data=chunks(3 << 20), headers={"Content-Type": "text/csv"})
    for answer in (declared, streamed, raw):
        assert answer.status == 413, answer.body
        error = answer.json["error"]
        assert error["code"] == "FILE_TOO_LARGE"
        assert "1 MB" in error["message"]
        details = error["details"]
        assert (details["maxMB"], details["maxBytes"]) == (1.0, 1 << 20)
        assert details["receivedBytes"] > 1 << 20
        assert details["suggestion"]
        assert answer.headers["X-Max-Size-MB"] == "1.0"
        assert float(answer.headers["X-Received-Size-MB"]) >= 1.0
        assert answer.headers["X-Resource-Type"] == details["resourceType"]
    assert streamed.json["error"]["details"]["receivedBytes"] < (1 << 20) + 300_000


async def test_files_up_to_the_limit_are_taken(start):
    api = await start(CSV_MAX_MB="1")
    line = "A title of some length,An author,," + "x" * 960 + "\n"
    data = ("Title,Author,ISBN,Review\n" + line * 1040).encode()
    assert 1_000_000 < len(data) <= 1 << 20
    assert (await send(api, data, query="?dryRun=true")).status == 202


OPTIONS = [
    ("?parser=magic", {}, "INVALID_REQUEST", 400),
    ("?format=magic", {}, "INVALID_REQUEST", 400),
    ("?enrich=perhaps", {}, "INVALID_REQUEST", 400),
    ("?onDuplicate=perhaps", {}, "INVALID_REQUEST", 400),
    ("?jobId=a+b", {}, "INVALID_REQUEST", 400),
    ("", {"options": "{"}, "INVALID_REQUEST", 400),
    ("", {"options": "[]"}, "INVALID_REQUEST", 400),
    ("", {"options": '{"auto_enrich": "yes"}'}, "INVALID_REQUEST", 400),
    ("", {"options": '{"parser": "magic"}'}, "INVALID_REQUEST", 400),
    ("", {"options": "x" * 70_000}, "INVALID_REQUEST", 400),
    ("?parser=ai", {}, "FEATURE_DISABLED", 503),
    ("?userId=reader-1", {}, "FEATURE_DISABLED", 503),
    ("", {"options": '{"userId": "reader-1"}'}, "FEATURE_DISABLED", 503),
]


@pytest.mark.parametrize(("query", "fields", "code", "status"), OPTIONS)
async def test_options_that_are_wrong_or_not_there(api, query, fields, code, status):
    answer = await send(api, SMALL, query=query, **fields)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)


async def test_five_a_minute(start):
    api = await start(RATE_LIMIT_ENABLED="true")
    statuses = [(await send(api, SMALL)).status for _ in range(6)]
    assert statuses == [202] * 5 + [429]
