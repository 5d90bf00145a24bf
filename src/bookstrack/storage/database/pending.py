"""Rows that hang on works and editions, gathered during a batch and written at its end."""

from __future__ import annotations

from msgspec import Struct, field
from sqlalchemy import delete, select
from sqlalchemy.engine import Connection

from bookstrack.storage.database import tables as t
from bookstrack.storage.database.sql import Lookup, Row, add, chunks, put

_SUBJECTS = Lookup(select(t.subjects), t.subjects.c.name)


class Pending(Struct, kw_only=True):
    """Links not yet written, by their keys.

    ``authors`` leads from works to their people in order, ``ids`` from (entity type, provider,
    external id) to the entity, ``tags`` from (work, subject) to the raw spelling; ``provenance``
    is keyed by (work, field).
    """

    authors: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    isbns: dict[str, Row] = field(default_factory=dict[str, Row])
    ids: dict[tuple[str, str, str], int] = field(default_factory=dict[tuple[str, str, str], int])
    tags: dict[tuple[int, str], str | None] = field(
        default_factory=dict[tuple[int, str], str | None]
    )
    ratings: dict[int, Row] = field(default_factory=dict[int, Row])
    provenance: dict[tuple[int, str], Row] = field(default_factory=dict[tuple[int, str], Row])

    def rename_work(self, drop: int, keep: int) -> None:
        """Hang everything of one work on another; what that one has already stays."""
        self._rename_ids("work", drop, keep)
        self.authors.pop(drop, None)
        for work, name in [key for key in self.tags if key[0] == drop]:
            self.tags.setdefault((keep, name), self.tags.pop((work, name)))
        for key in [key for key in self.provenance if key[0] == drop]:
            del self.provenance[key]
        if row := self.ratings.pop(drop, None):
            self.ratings.setdefault(keep, {**row, "work_id": keep})

    def rename_edition(self, drop: int, keep: int) -> None:
        """Hang everything of one edition on another."""
        self._rename_ids("edition", drop, keep)
        for row in self.isbns.values():
            if row["edition_id"] == drop:
                row.update(edition_id=keep, is_primary=0)

    def _rename_ids(self, kind: str, drop: int, keep: int) -> None:
        for key, entity in self.ids.items():
            if entity == drop and key[0] == kind:
                self.ids[key] = keep

    def write(self, connection: Connection) -> None:
        """Insert everything; ids and numbers that belong to somebody already stay there."""
        self._write_authors(connection)
        add(connection, t.isbns, list(self.isbns.values()))
        ids = [
            {"entity_type": kind, "provider": provider, "external_id": number, "entity_id": entity}
            for (kind, provider, number), entity in self.ids.items()
        ]
        add(connection, t.external_ids, ids)
        self._write_tags(connection)
        put(connection, t.ratings, list(self.ratings.values()))
        put(connection, t.field_provenance, list(self.provenance.values()))

    def _write_authors(self, connection: Connection) -> None:
        for works in chunks(self.authors):
            connection.execute(delete(t.work_authors).where(t.work_authors.c.work_id.in_(works)))
        links = [
            {"work_id": work, "author_id": person, "position": position}
            for work, people in self.authors.items()
            for position, person in enumerate(people)
        ]
        add(connection, t.work_authors, links)

    def _write_tags(self, connection: Connection) -> None:
        names = {name for _work, name in self.tags}
        add(connection, t.subjects, [{"name": name} for name in sorted(names)])
        numbers = {row["name"]: row["id"] for row in _SUBJECTS(connection, names)}
        links = [
            {"work_id": work, "subject_id": numbers[name], "raw": raw}
            for (work, name), raw in self.tags.items()
        ]
        add(connection, t.work_subjects, links)
