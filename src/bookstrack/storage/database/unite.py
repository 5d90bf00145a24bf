"""Makes one work, or one edition, of two that turned out to be the same (data-model §5)."""

from __future__ import annotations

from sqlalchemy import delete, update
from sqlalchemy.engine import Connection

from bookstrack.model.enums import ReviewStatus
from bookstrack.storage.database import tables as t
from bookstrack.storage.database.known import Known
from bookstrack.storage.database.pending import Pending
from bookstrack.storage.database.sql import Row
from bookstrack.storage.database.values import WORK_FIELDS, merged_edition


def unite_works(
    connection: Connection, known: Known, pending: Pending, *, keep: int, drop: int
) -> None:
    """Give everything of one work to another and delete it; a reader's edits survive."""
    shelf = known.shelf
    _fill_work(connection, shelf.works[keep], shelf.works[drop])
    move_editions(connection, known, [row["id"] for row in shelf.editions[drop]], to=keep)
    _rename_ids(connection, known, "work", drop, keep)
    pending.rename_work(drop, keep)
    for link in shelf.subjects.pop(drop, ()):
        pending.tags.setdefault((keep, link["name"]), link["raw"])
        if link["name"] not in {row["name"] for row in shelf.subjects[keep]}:
            shelf.subjects[keep].append(link)
    if keep not in shelf.ratings and drop in shelf.ratings:
        row = {**shelf.ratings.pop(drop), "work_id": keep}
        shelf.ratings[keep] = pending.ratings[keep] = row
    _inherit_authors(known, pending, keep, drop)
    _forget_work(connection, known, drop, keep)


def _fill_work(connection: Connection, keep: Row, drop: Row) -> None:
    is_edited = drop["review_status"] == ReviewStatus.USER_EDITED != keep["review_status"]
    first, second = (drop, keep) if is_edited else (keep, drop)
    columns = ("title_norm", *WORK_FIELDS.values())
    changes = {name: second[name] if first[name] is None else first[name] for name in columns}
    changes["review_status"] = first["review_status"]
    changes["isbndb_quality"] = max(keep["isbndb_quality"], drop["isbndb_quality"])
    keep.update(changes)
    connection.execute(update(t.works).where(t.works.c.id == keep["id"]).values(changes))


def _inherit_authors(known: Known, pending: Pending, keep: int, drop: int) -> None:
    people = known.shelf.authors.pop(drop, [])
    if people and not known.shelf.authors[keep]:
        known.shelf.authors[keep] = people
        pending.authors[keep] = [row["id"] for row in people]


def _forget_work(connection: Connection, known: Known, drop: int, keep: int) -> None:
    connection.execute(
        delete(t.field_provenance).where(
            t.field_provenance.c.entity_type == "work", t.field_provenance.c.entity_id == drop
        )
    )
    connection.execute(delete(t.works).where(t.works.c.id == drop))
    del known.shelf.works[drop]
    for key in [key for key, work in known.works.items() if work == drop]:
        known.works[key] = keep
    for same_title in known.titles.values():
        if drop in same_title:
            same_title.remove(drop)


def move_editions(connection: Connection, known: Known, editions: list[int], *, to: int) -> None:
    """Give editions to another work."""
    for edition in editions:
        row = known.edition_rows[edition]
        known.shelf.editions[row["work_id"]].remove(row)
        row["work_id"] = to
        known.shelf.editions[to].append(row)
    connection.execute(update(t.editions).where(t.editions.c.id.in_(editions)).values(work_id=to))


def unite_editions(
    connection: Connection, known: Known, pending: Pending, *, keep: int, drop: int
) -> None:
    """Give everything of one edition to another and delete it."""
    kept, lost = known.edition_rows[keep], known.edition_rows.pop(drop)
    offered = {name: lost[name] for name in lost if name not in _OWN}
    changes = merged_edition(kept, offered, fill=True)
    kept.update(changes)
    connection.execute(update(t.editions).where(t.editions.c.id == keep).values(changes))
    connection.execute(
        update(t.isbns)
        .where(t.isbns.c.edition_id == drop)
        .values(edition_id=keep, is_primary=0 if known.shelf.isbns[keep] else t.isbns.c.is_primary)
    )
    _rename_ids(connection, known, "edition", drop, keep)
    pending.rename_edition(drop, keep)
    connection.execute(delete(t.editions).where(t.editions.c.id == drop))
    known.shelf.isbns[keep].extend(known.shelf.isbns.pop(drop, []))
    known.shelf.editions[lost["work_id"]].remove(lost)
    for key in [key for key, edition in known.editions.items() if edition == drop]:
        known.editions[key] = keep


_OWN = frozenset({"id", "work_id", "created_at", "updated_at"})


def _rename_ids(connection: Connection, known: Known, kind: str, drop: int, keep: int) -> None:
    connection.execute(
        update(t.external_ids)
        .where(t.external_ids.c.entity_type == kind, t.external_ids.c.entity_id == drop)
        .values(entity_id=keep)
    )
    known.shelf.ids[kind, keep].extend(known.shelf.ids.pop((kind, drop), []))
