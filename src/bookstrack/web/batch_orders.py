"""What the routes of batch enrichment take: three forms of body, one order (http-api C2, C3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec
from msgspec import Struct

from bookstrack.errors import BatchTooLarge, EmptyBatch, InvalidIsbn, InvalidRequest
from bookstrack.model.isbn import Isbn
from bookstrack.web.job_access import chosen_id
from bookstrack.web.json_bodies import Body, fingerprint, idempotency_key

MOST_BOOKS = 100
MOST_BARCODES = 1000
_LONGEST_TITLE = 500
_LONGEST_AUTHOR = 300
_LONGEST_ISBN = 17

_encode = msgspec.json.Encoder().encode
_Item = dict[str, str]


class Forms(Struct, frozen=True, kw_only=True):
    """Which bodies a path takes, and whether the client must name the job."""

    books: bool = True
    work_ids: bool = False
    job_id: bool = False


class Order(Struct, frozen=True, kw_only=True):
    """A checked request; ``items`` are encoded objects with ``title``, ``author`` and ``isbn``,
    or with ``barcode`` alone."""

    items: tuple[bytes, ...]
    job_id: str | None
    key: str | None
    fingerprint: str
    vectorize: bool


def read_order(body: Body, header: str, forms: Forms) -> Order:
    """Read and check the body of a request.

    Raises:
        InvalidRequest: no list, a bad item (``details.index``), no ``jobId`` where one must be.
        EmptyBatch, BatchTooLarge: the list has no item, or more than are allowed.
        InvalidIsbn: an ISBN that is too long, or a barcode that is none.
    """
    name, items = _items(body, forms)
    given = body.get("jobId")
    if given is None and forms.job_id and name != "barcodes":
        raise InvalidRequest("jobId is required", details={"parameter": "jobId"})
    vectorize = body.get("vectorize")
    if vectorize is not None and not isinstance(vectorize, bool):
        raise InvalidRequest("vectorize must be true or false", details={"parameter": "vectorize"})
    return Order(
        items=tuple(map(_encode, items)),
        job_id=None if given is None else chosen_id(given),
        key=idempotency_key(header, body),
        fingerprint=fingerprint(body, without=("jobId",)),
        vectorize=bool(vectorize),
    )


def _items(body: Body, forms: Forms) -> tuple[str, list[_Item]]:
    """Return the list of a body with its name, the first that the path takes."""
    if forms.books and body.get("books") is not None:
        return "books", _each(body, "books", _book, most=MOST_BOOKS)
    if forms.books and body.get("barcodes") is not None:
        return "barcodes", _each(body, "barcodes", _barcode, most=MOST_BARCODES)
    if forms.work_ids and body.get("workIds") is not None:
        return "workIds", _each(body, "workIds", _work_id, most=MOST_BOOKS)
    wanted = "books or barcodes" if forms.books else "workIds"
    raise InvalidRequest(f"A list of {wanted} is required", details={"parameter": wanted})


def _each(body: Body, name: str, read: Callable[[Any, int], _Item], *, most: int) -> list[_Item]:
    found = body[name]
    if not isinstance(found, list):
        raise InvalidRequest(f"{name} must be a list", details={"parameter": name})
    values = cast("Sequence[Any]", found)
    if not values:
        raise EmptyBatch(f"{name} is empty", details={"parameter": name})
    if len(values) > most:
        raise BatchTooLarge(
            f"{name} has {len(values)} items; {most} are allowed",
            details={"max": most, "received": len(values)},
        )
    return [read(value, index) for index, value in enumerate(values)]


def _book(value: Any, index: int) -> _Item:
    if not isinstance(value, dict):
        raise _bad(index, "books", "must be an object")
    book = cast("Body", value)
    item = {"title": _text(book, "title", index, most=_LONGEST_TITLE, required=True)}
    item["author"] = _text(book, "author", index, most=_LONGEST_AUTHOR)
    isbn = _text(book, "isbn", index, most=None)
    if len(isbn) > _LONGEST_ISBN:
        raise InvalidIsbn(
            f"books[{index}].isbn is longer than {_LONGEST_ISBN} characters",
            details={"index": index, "parameter": "isbn"},
        )
    return {name: text for name, text in {**item, "isbn": isbn}.items() if text}


def _text(book: Body, name: str, index: int, *, most: int | None, required: bool = False) -> str:
    value = book.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str):
        raise _bad(index, f"books[].{name}", "must be a text")
    text = value.strip()
    if required and not text:
        raise _bad(index, f"books[].{name}", "must not be empty")
    if most is not None and len(text) > most:
        raise _bad(index, f"books[].{name}", f"is longer than {most} characters")
    return text


def _barcode(value: Any, index: int) -> _Item:
    if not isinstance(value, str):
        raise _bad(index, "barcodes", "must be a text")
    try:
        return {"barcode": Isbn.parse(value).canonical}
    except InvalidIsbn as problem:
        raise InvalidIsbn(
            f"barcodes[{index}]: {problem.message}", details={**problem.details, "index": index}
        ) from None


def _work_id(value: Any, index: int) -> _Item:
    if not isinstance(value, str) or not value.strip():
        raise _bad(index, "workIds", "must be a text")
    if len(value.strip()) > _LONGEST_TITLE:
        raise _bad(index, "workIds", f"is longer than {_LONGEST_TITLE} characters")
    return {"title": value.strip()}


def _bad(index: int, name: str, problem: str) -> InvalidRequest:
    place = name.replace("[]", f"[{index}]") if "[]" in name else f"{name}[{index}]"
    return InvalidRequest(f"{place} {problem}", details={"index": index, "parameter": name})
