"""Bodies of batch enrichment: which are taken, and exactly how the others are refused (C2, C3)."""

from __future__ import annotations

import json

import msgspec
import pytest

from bookstrack.errors import BooksTrackError
from bookstrack.web.batch_orders import Forms, read_order
from bookstrack.web.json_bodies import fingerprint, json_object

ANY, WITH_ID, OLD = Forms(), Forms(job_id=True), Forms(books=False, work_ids=True, job_id=True)
IDS = Forms(work_ids=True)
BOOK = {"title": "1984"}
FERRY = "9781644100370"


def items(body, forms=ANY):
    return [msgspec.json.decode(item) for item in read_order(body, "", forms).items]


def test_books_are_trimmed_and_empty_facts_left_out():
    books = [
        {"title": "  1984 ", "author": " George Orwell ", "isbn": " 978-0-452-28423-4 "},
        {"title": "Emma", "author": "", "isbn": None, "shelf": 3},
    ]
    assert items({"books": books}) == [
        {"title": "1984", "author": "George Orwell", "isbn": "978-0-452-28423-4"},
        {"title": "Emma"},
    ]


def test_an_isbn_that_is_none_fails_no_batch():
    assert items({"books": [{"title": "Emma", "isbn": "unknown"}]}) == [
        {"title": "Emma", "isbn": "unknown"}
    ]


def test_barcodes_become_their_digits():
    assert items({"barcodes": ["978-1-64410-037-0", " 1644100371 "]}) == [
        {"barcode": FERRY},
        {"barcode": "9781644100370"},
    ]


def test_work_ids_are_titles():
    assert items({"jobId": "j", "workIds": [" The Ferry "]}, OLD) == [{"title": "The Ferry"}]
    assert items({"workIds": ["The Ferry"]}, IDS) == [{"title": "The Ferry"}]


def test_the_first_list_of_a_body_counts():
    assert items({"workIds": ["x"], "barcodes": [FERRY], "books": [BOOK]}, IDS) == [BOOK]
    assert items({"barcodes": [FERRY], "books": None}) == [{"barcode": FERRY}]


def test_the_largest_lists_and_texts():
    assert len(items({"books": [BOOK] * 100})) == 100
    assert len(items({"barcodes": [FERRY] * 1000})) == 1000
    assert len(items({"jobId": "j", "workIds": ["x" * 500] * 100}, OLD)) == 100
    longest = {"title": "t" * 500, "author": "a" * 300, "isbn": "1" * 17}
    assert items({"books": [longest]}) == [longest]


@pytest.mark.parametrize("job_id", ["a", "A" * 64, "8F14E45F-CEEA-467F-AB8D-1A2B3C4D5E6F", "_-_"])
def test_ids_of_clients_are_kept_as_they_are(job_id):
    assert read_order({"books": [BOOK], "jobId": job_id}, "", WITH_ID).job_id == job_id


def test_barcodes_need_no_id_anywhere():
    assert read_order({"barcodes": [FERRY]}, "", WITH_ID).job_id is None
    assert read_order({"books": [BOOK]}, "", ANY).job_id is None


def test_vectorize_and_keys():
    order = read_order({"books": [BOOK], "vectorize": True, "idempotency_key": "k1"}, "", ANY)
    assert (order.vectorize, order.key) == (True, "k1")
    assert read_order({"books": [BOOK], "idempotencyKey": "k2"}, "", ANY).key == "k2"
    both = {"books": [BOOK], "idempotencyKey": "k2", "idempotency_key": "k1"}
    assert read_order(both, " k3 ", ANY).key == "k3"
    assert read_order({"books": [BOOK], "idempotencyKey": ""}, "", ANY).key is None
    assert read_order({"books": [BOOK]}, "k" * 255, ANY).key == "k" * 255


REFUSALS = [
    # body, forms, code, index, part of the message
    ({}, ANY, "INVALID_REQUEST", None, "books"),
    ({"books": None}, ANY, "INVALID_REQUEST", None, "books"),
    ({"workIds": ["x"]}, ANY, "INVALID_REQUEST", None, "books"),
    ({"books": [BOOK], "jobId": "j"}, OLD, "INVALID_REQUEST", None, "workIds"),
    ({"books": {"title": "x"}}, ANY, "INVALID_REQUEST", None, "list"),
    ({"books": "x"}, ANY, "INVALID_REQUEST", None, "list"),
    ({"barcodes": FERRY}, ANY, "INVALID_REQUEST", None, "list"),
    ({"jobId": "j", "workIds": "x"}, OLD, "INVALID_REQUEST", None, "list"),
    ({"books": []}, ANY, "EMPTY_BATCH", None, "empty"),
    ({"barcodes": []}, WITH_ID, "EMPTY_BATCH", None, "empty"),
    ({"jobId": "j", "workIds": []}, OLD, "EMPTY_BATCH", None, "empty"),
    ({"books": [BOOK] * 101}, ANY, "BATCH_TOO_LARGE", None, "101"),
    ({"barcodes": [FERRY] * 1001}, ANY, "BATCH_TOO_LARGE", None, "1001"),
    ({"jobId": "j", "workIds": ["x"] * 101}, OLD, "BATCH_TOO_LARGE", None, "101"),
    ({"books": [BOOK, "x"]}, ANY, "INVALID_REQUEST", 1, "books[1]"),
    ({"books": [BOOK, None]}, ANY, "INVALID_REQUEST", 1, "books[1]"),
    ({"books": [BOOK, {}]}, ANY, "INVALID_REQUEST", 1, "books[1].title"),
    ({"books": [{"title": None}]}, ANY, "INVALID_REQUEST", 0, "books[0].title"),
    ({"books": [{"title": " "}]}, ANY, "INVALID_REQUEST", 0, "books[0].title"),
    ({"books": [{"title": 1984}]}, ANY, "INVALID_REQUEST", 0, "books[0].title"),
    ({"books": [{"title": "t" * 501}]}, ANY, "INVALID_REQUEST", 0, "500"),
    ({"books": [{"title": "x", "author": "a" * 301}]}, ANY, "INVALID_REQUEST", 0, "300"),
    ({"books": [{"title": "x", "author": ["a"]}]}, ANY, "INVALID_REQUEST", 0, "author"),
    ({"books": [{"title": "x", "isbn": 9781644100370}]}, ANY, "INVALID_REQUEST", 0, "isbn"),
    ({"books": [BOOK, {"title": "x", "isbn": "1" * 18}]}, ANY, "INVALID_ISBN", 1, "books[1].isbn"),
    ({"barcodes": [FERRY, "x"]}, ANY, "INVALID_ISBN", 1, "barcodes[1]"),
    ({"barcodes": ["978 1 64410 03 7 0 "]}, ANY, "INVALID_ISBN", 0, "barcodes[0]"),
    ({"barcodes": [9781644100370]}, ANY, "INVALID_REQUEST", 0, "barcodes[0]"),
    ({"jobId": "j", "workIds": ["x", ""]}, OLD, "INVALID_REQUEST", 1, "workIds[1]"),
    ({"jobId": "j", "workIds": ["x" * 501]}, OLD, "INVALID_REQUEST", 0, "500"),
    ({"books": [BOOK]}, WITH_ID, "INVALID_REQUEST", None, "jobId"),
    ({"books": [BOOK], "jobId": None}, WITH_ID, "INVALID_REQUEST", None, "jobId"),
    ({"workIds": ["x"]}, OLD, "INVALID_REQUEST", None, "jobId"),
    ({"books": [BOOK], "jobId": ""}, ANY, "INVALID_REQUEST", None, "jobId"),
    ({"books": [BOOK], "jobId": "a b"}, ANY, "INVALID_REQUEST", None, "jobId"),
    ({"books": [BOOK], "jobId": "a" * 65}, ANY, "INVALID_REQUEST", None, "jobId"),
    ({"books": [BOOK], "jobId": "é"}, ANY, "INVALID_REQUEST", None, "jobId"),
    ({"books": [BOOK], "jobId": "a\n"}, ANY, "INVALID_REQUEST", None, "jobId"),
    ({"books": [BOOK], "jobId": 7}, ANY, "INVALID_REQUEST", None, "jobId"),
    ({"books": [BOOK], "vectorize": "yes"}, ANY, "INVALID_REQUEST", None, "vectorize"),
    ({"books": [BOOK], "idempotencyKey": "k" * 256}, ANY, "INVALID_REQUEST", None, "255"),
    ({"books": [BOOK], "idempotencyKey": "a\x00b"}, ANY, "INVALID_REQUEST", None, "printable"),
    ({"books": [BOOK], "idempotencyKey": 7}, ANY, "INVALID_REQUEST", None, "idempotencyKey"),
]


@pytest.mark.parametrize(
    ("body", "forms", "code", "index", "words"),
    REFUSALS,
    ids=[f"{number}-{case[2]}" for number, case in enumerate(REFUSALS)],
)
def test_refusals_name_code_and_place(body, forms, code, index, words):
    with pytest.raises(BooksTrackError) as caught:
        read_order(body, "", forms)
    problem = caught.value
    assert (problem.code, problem.details.get("index")) == (code, index)
    assert words in problem.message
    if code == "BATCH_TOO_LARGE":
        assert problem.details["received"] == problem.details["max"] + 1


@pytest.mark.parametrize(
    "body", [b"", b"  \n", b"{", b"[]", b'"x"', b"null", b"\xff{}", b"{'a':1}"]
)
def test_a_body_must_be_a_json_object(body):
    with pytest.raises(BooksTrackError) as caught:
        json_object(body)
    assert caught.value.code == "INVALID_REQUEST"


def test_fingerprints_look_at_what_is_asked_for_only():
    body = {"books": [{"title": "1984", "author": "Orwell"}], "jobId": "a", "idempotencyKey": "k"}
    same = {"idempotency_key": "l", "jobId": "b", "books": [{"author": "Orwell", "title": "1984"}]}
    assert fingerprint(body, without=("jobId",)) == fingerprint(same, without=("jobId",))
    order, other = read_order(body, "", ANY), read_order({**body, "vectorize": True}, "", ANY)
    assert len(order.fingerprint) == 64
    assert order.fingerprint != other.fingerprint
    changed = {**body, "books": [{"title": "1985", "author": "Orwell"}]}
    assert read_order(changed, "", ANY).fingerprint != order.fingerprint
    assert fingerprint({"a": [1, 2]}) != fingerprint({"a": [2, 1]})


def test_fingerprints_of_strange_numbers_and_texts():
    for text in (
        '{"a":1e400}',
        '{"a":123456789012345678901234567890}',
        '{"a":"\\u0000\\uD83D\\uDE00"}',
    ):
        assert len(fingerprint(json.loads(text))) == 64
