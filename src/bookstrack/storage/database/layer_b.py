"""Takes records into the normalised catalogue (layer B), one after the other (data-model §5).

``save_records`` is the one way in; what it changed has to be copied to the Books table.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import update
from sqlalchemy.engine import Connection

from bookstrack.model.enums import ReviewStatus
from bookstrack.model.isbn import isbn_list
from bookstrack.model.record import BookRecord
from bookstrack.normalise.genres import genres
from bookstrack.normalise.titles import title_key
from bookstrack.normalise.volumes import is_same_volume
from bookstrack.storage.database import tables as t
from bookstrack.storage.database import values
from bookstrack.storage.database.batch import Batch, Changes
from bookstrack.storage.database.edition_rows import write_edition
from bookstrack.storage.database.known import (
    edition_keys,
    isbns_of,
    people_of,
    read_known,
    work_key,
)
from bookstrack.storage.database.people_rows import write_people
from bookstrack.storage.database.provider_ids import work_ids
from bookstrack.storage.database.shelf import MISPRINT
from bookstrack.storage.database.sql import Row, insert_id
from bookstrack.storage.database.unite import move_editions, unite_works

_DOUBT = 0.5  # confidence of a work's field that was read off an edition


def save_records(connection: Connection, records: Sequence[BookRecord], *, now: int) -> Changes:
    """Insert or update everything these records tell; the caller holds the writer's lock."""
    batch = Batch(connection=connection, known=read_known(connection, records), now=now)
    for record in records:
        _take_in(batch, record)
    batch.pending.write(connection)
    return batch.changes


def _take_in(batch: Batch, record: BookRecord) -> None:
    """Insert or update one work with its people and editions."""
    shared = _works_of_editions(batch, record)
    found = _find_work(batch, record, shared)
    work = _insert_work(batch, record) if found is None else found
    row = batch.known.shelf.works[work]
    before = dict(row)
    _gather(batch, work, record, shared)
    write_people(batch, work, record)
    editions = [
        write_edition(batch, work, record, edition, is_first=position == 0)
        for position, edition in enumerate(record.editions)
    ]
    _work_ids(batch, work, record, editions)
    _tags(batch, work, record)
    _rating(batch, work, record)
    _update_work(batch, work, record, before, is_new=found is None)


def _works_of_editions(batch: Batch, record: BookRecord) -> list[int]:
    ids = (
        batch.known.editions.get(key)
        for edition in record.editions
        for key in edition_keys(edition)
    )
    rows = (batch.known.edition_rows[edition] for edition in ids if edition is not None)
    return list(dict.fromkeys(row["work_id"] for row in rows))


def _find_work(batch: Batch, record: BookRecord, shared: list[int]) -> int | None:
    key = work_key(record)
    if key and key in batch.known.works:
        return batch.known.works[key]
    same_title = batch.known.titles.get(title_key(record.work.title), [])
    by_title = (
        work
        for work in sorted(same_title)
        if is_same_volume(record.subtitle, batch.known.shelf.works[work]["subtitle"])
        and _has_same_people(batch, work, record)
    )
    candidates = (*shared, *by_title)
    return next((w for w in candidates if not (key and batch.known.is_confirmed(w))), None)


def _has_same_people(batch: Batch, work: int, record: BookRecord) -> bool:
    ours, theirs = {key for key, _author in people_of(record)}, batch.known.author_keys(work)
    if ours or theirs:
        return not ours.isdisjoint(theirs)
    has_isbn = any(map(isbns_of, record.editions)) or any(
        batch.known.shelf.isbns[row["id"]] for row in batch.known.shelf.editions[work]
    )
    return not has_isbn


def _insert_work(batch: Batch, record: BookRecord) -> int:
    row: Row = {**values.work_columns(record), "created_at": batch.now, "updated_at": batch.now}
    row["quality"] = _quality(
        bool([isbn for edition in record.editions for isbn in isbns_of(edition)]),
        bool(row["cover_url"] or any(one.cover_image_url for one in record.editions)),
        row["description"],
    )
    work = insert_id(batch.connection, t.works, row)
    batch.known.shelf.works[work] = {"id": work, **row}
    batch.known.titles.setdefault(row["title_norm"], []).append(work)
    return work


def _gather(batch: Batch, work: int, record: BookRecord, shared: list[int]) -> None:
    """Bring the record's editions, and works that prove to be this one, together."""
    for other in shared:
        if other == work:
            continue
        if batch.known.is_confirmed(other):
            _move_editions(batch, work, record, other)
            if not work_key(record) or batch.known.shelf.editions[other]:
                continue
        if other in batch.known.shelf.works:
            batch.changes.works.discard(other)
            batch.changes.works.add(work)
            unite_works(batch.connection, batch.known, batch.pending, keep=work, drop=other)


def _move_editions(batch: Batch, work: int, record: BookRecord, other: int) -> None:
    """Follow Open Library when it now counts editions of one confirmed work to another."""
    is_edited = batch.known.shelf.works[other]["review_status"] == ReviewStatus.USER_EDITED
    if not work_key(record) or is_edited:
        return
    keys = (key for edition in record.editions for key in edition_keys(edition))
    ids = {batch.known.editions[key] for key in keys if key in batch.known.editions}
    moved = [one for one in ids if batch.known.edition_rows[one]["work_id"] == other]
    batch.changes.works |= {work, other}
    move_editions(batch.connection, batch.known, moved, to=work)


def _update_work(batch: Batch, work: int, record: BookRecord, before: Row, *, is_new: bool) -> None:
    row, weak = batch.known.shelf.works[work], batch.known.shelf.weak[work]
    if not is_new:
        row.update(values.merged_work(row, record, weak=weak))
        _rate(batch, work, row)
    _remember_origin(batch, work, record, before, is_new=is_new)
    changes = {name: value for name, value in row.items() if value != before[name]}
    if changes:
        batch.changes.works.add(work)
        row["updated_at"] = changes["updated_at"] = batch.now
        batch.connection.execute(update(t.works).where(t.works.c.id == work).values(changes))


def _rate(batch: Batch, work: int, row: Row) -> None:
    editions = batch.known.shelf.editions[work]
    row["quality"] = _quality(
        any(batch.known.shelf.isbns[one["id"]] for one in editions),
        bool(row["cover_url"] or any(one["cover_url"] for one in editions)),
        row["description"],
    )


def _remember_origin(
    batch: Batch, work: int, record: BookRecord, before: Row, *, is_new: bool
) -> None:
    row, weak = batch.known.shelf.works[work], batch.known.shelf.weak[work]
    offered = values.work_columns(record)
    for name, column in values.WORK_FIELDS.items():
        is_taken = offered[column] is not None and row[column] == offered[column]
        if not is_taken or not (is_new or before[column] != row[column] or name in weak):
            continue
        is_weak = name in record.weak
        if is_weak != (name in weak):
            (weak.add if is_weak else weak.discard)(name)
            batch.changes.works.add(work)
        batch.pending.provenance[work, name] = {
            "entity_type": "work",
            "entity_id": work,
            "field": name,
            "provider": (record.work.primary_provider or record.provider).value,
            "fetched_at": batch.now,
            "confidence": _DOUBT if is_weak else 1.0,
        }


def _work_ids(batch: Batch, work: int, record: BookRecord, editions: list[int]) -> None:
    entity = ("work", work)
    for provider, number in work_ids(record):
        if batch.add_id(entity, provider, number):
            batch.changes.works.add(work)
    if (key := work_key(record)) is not None:
        batch.known.works.setdefault(key, work)
    printed = isbn_list([n for one in record.editions for n in one.isbns])[1]
    bearer = ("edition", editions[0]) if editions else entity
    for number in (*record.misprints, *printed):
        batch.add_id(bearer, MISPRINT, number)


def _tags(batch: Batch, work: int, record: BookRecord) -> None:
    known = {row["name"] for row in batch.known.shelf.subjects[work]}
    raw = _raw_spellings(record.raw_subjects)
    for name in record.work.subject_tags:
        if name not in known:
            batch.known.shelf.subjects[work].append({"name": name, "raw": raw.get(name)})
            batch.pending.tags.setdefault((work, name), raw.get(name))
            batch.changes.works.add(work)


def _rating(batch: Batch, work: int, record: BookRecord) -> None:
    old, new = batch.known.shelf.ratings.get(work), record.rating
    source = (record.work.primary_provider or record.provider).value
    if new is None or (old and old["source"] != source and old["count"] > new.count):
        return
    row = {"work_id": work, "average": new.average, "count": new.count, "source": source}
    if row != old:
        batch.known.shelf.ratings[work] = batch.pending.ratings[work] = row
        batch.changes.works.add(work)


def _quality(has_isbn: bool, has_cover: bool, description: str | None) -> float:
    """Return the data quality of data-model §6.7 for one work, 0 to 1."""
    return round(0.4 * has_isbn + 0.4 * has_cover + 0.2 * (len(description or "") > 100), 1)


@lru_cache(maxsize=4096)
def _tags_of(raw: str) -> tuple[str, ...]:
    return genres((raw,))


def _raw_spellings(raw_subjects: Sequence[str]) -> dict[str, str]:
    """Return for each canonical tag the first raw subject that means it."""
    spellings: dict[str, str] = {}
    for raw in raw_subjects:
        for tag in _tags_of(raw):
            spellings.setdefault(tag, raw)
    return spellings
