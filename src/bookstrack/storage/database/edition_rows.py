"""Writes the editions of a work; which ones are the same: data-model §5."""

from __future__ import annotations

from sqlalchemy import update

from bookstrack.model.book import Edition
from bookstrack.model.enums import ReviewStatus
from bookstrack.model.record import BookRecord
from bookstrack.normalise.titles import title_key
from bookstrack.storage.database import tables as t
from bookstrack.storage.database import values
from bookstrack.storage.database.batch import Batch
from bookstrack.storage.database.known import edition_keys, isbns_of
from bookstrack.storage.database.provider_ids import edition_ids
from bookstrack.storage.database.sql import Row, insert_id
from bookstrack.storage.database.unite import unite_editions


def write_edition(
    batch: Batch, work: int, record: BookRecord, edition: Edition, *, is_first: bool
) -> int:
    """Insert or update one edition; unite those that it proves to be one; return its id."""
    columns = values.edition_columns(
        edition,
        thumbnail=record.thumbnail_url if is_first else None,
        subtitle=record.subtitle if is_first else None,
    )
    found = _find_editions(batch, work, record, edition, columns)
    if found:
        number = found[0]
        for other in found[1:]:
            batch.changes.editions.discard(other)
            unite_editions(batch.connection, batch.known, batch.pending, keep=number, drop=other)
        _update_edition(batch, number, columns)
    else:
        number = _insert_edition(batch, work, columns)
    batch.changes.editions.add(number)
    _numbers(batch, number, edition)
    for key in edition_keys(edition):
        batch.known.editions[key] = number
    for provider, external in edition_ids(edition):
        batch.add_id(("edition", number), provider, external)
    return number


def _find_editions(
    batch: Batch, work: int, record: BookRecord, edition: Edition, columns: Row
) -> list[int]:
    """Return every stored edition that is this one, the survivor first."""
    keys = edition_keys(edition)
    found = {batch.known.editions[key] for key in keys if key in batch.known.editions}
    rows = [batch.known.edition_rows[one] for one in found]
    if not rows:
        same = (
            row
            for row in batch.known.shelf.editions[work]
            if _is_same_print(batch, record, edition, columns, row)
        )
        rows = [row for row in (next(same, None),) if row is not None]
    rows.sort(key=lambda row: (row["work_id"] == work, values.completeness(row), -row["id"]))
    return [row["id"] for row in reversed(rows)]


def _is_same_print(
    batch: Batch, record: BookRecord, edition: Edition, columns: Row, row: Row
) -> bool:
    """Compare what is printed, where one side has no ISBN to tell."""
    sides = (bool(isbns_of(edition)), bool(batch.known.shelf.isbns[row["id"]]))
    ours, theirs = (_imprint(one, record.work.title) for one in (columns, row))
    return not all(sides) and ours == theirs and (any(ours[1:]) or not any(sides))


def _insert_edition(batch: Batch, work: int, columns: Row) -> int:
    row = {"work_id": work, **columns, "created_at": batch.now, "updated_at": batch.now}
    number = insert_id(batch.connection, t.editions, row)
    _tell_siblings(batch, work, columns)
    batch.known.edition_rows[number] = {"id": number, **row}
    batch.known.shelf.editions[work].append(batch.known.edition_rows[number])
    return number


def _update_edition(batch: Batch, number: int, columns: Row) -> None:
    row = batch.known.edition_rows[number]
    owner = batch.known.shelf.works[row["work_id"]]
    is_edited = owner["review_status"] == ReviewStatus.USER_EDITED
    merged = values.merged_edition(row, columns, fill=is_edited)
    changes = {name: value for name, value in merged.items() if value != row[name]}
    if changes:
        _tell_siblings(batch, row["work_id"], changes)
        changes["updated_at"] = batch.now
        row.update(changes)
        batch.connection.execute(
            update(t.editions).where(t.editions.c.id == number).values(changes)
        )


def _tell_siblings(batch: Batch, work: int, columns: Row) -> None:
    """Have the work's other editions shown anew: which texts are their own depends on this one."""
    if columns.get("description") or columns.get("subtitle"):
        batch.changes.works.add(work)


def _numbers(batch: Batch, number: int, edition: Edition) -> None:
    rows = batch.known.shelf.isbns[number]
    known = {row["isbn13"] for row in rows}
    for isbn in isbns_of(edition):
        if isbn.isbn13 and isbn.isbn13 not in known:
            row = {
                "isbn13": isbn.isbn13,
                "isbn10": isbn.isbn10,
                "edition_id": number,
                "is_primary": int(not any(one["is_primary"] for one in rows)),
            }
            rows.append(row)
            batch.pending.isbns[isbn.isbn13] = row


def _imprint(columns: Row, title: str) -> tuple[str, str, int | None]:
    year: int | None = columns["publication_year"]
    if year is None and (columns["publication_date"] or "")[:4].isdecimal():
        year = int(columns["publication_date"][:4])
    publisher: str = columns["publisher"] or ""
    return title_key(columns["title"] or title), publisher.casefold(), year
