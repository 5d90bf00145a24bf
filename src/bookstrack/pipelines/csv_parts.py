"""The parts of the import of files, put together as settings say."""

from __future__ import annotations

from functools import partial

from bookstrack.access.flags import AI_CSV_PARSER, Flags
from bookstrack.catalogue.search import Catalogue
from bookstrack.clock import Clock
from bookstrack.enrichment.by_key import KeyLookup
from bookstrack.enrichment.enricher import Enricher
from bookstrack.pipelines.csv_import import CsvImport
from bookstrack.pipelines.csv_reading import FileReader, Readers
from bookstrack.providers.gemini import Gemini
from bookstrack.providers.roster import Roster
from bookstrack.readers.keeping import AnswerCache
from bookstrack.readers.table_columns import ColumnReader
from bookstrack.readers.table_rows import RowReader
from bookstrack.settings import Settings
from bookstrack.storage.database.imported import ImportedBooks
from bookstrack.storage.urls import Storage


def open_import(
    settings: Settings,
    storage: Storage,
    catalogue: Catalogue,
    gemini: Gemini | None,
    *,
    roster: Roster,
    flags: Flags,
    clock: Clock,
) -> CsvImport:
    """Return the pipeline; an AI is asked where there is one and it is allowed."""
    answers = AnswerCache(storage.kv)
    asked = gemini if ai_reads_tables(settings) else None
    return CsvImport(
        FileReader(
            clock,
            max_rows=settings.imports.csv_max_rows,
            readers=None if asked is None else _readers(settings, asked, answers, clock),
            allowed=partial(flags.enabled, AI_CSV_PARSER),
        ),
        Enricher(catalogue),
        KeyLookup(roster, clock, keep=answers.keep),
        rows=ImportedBooks(storage.database, clock),
        at_once=settings.providers.concurrency,
    )


def ai_reads_tables(settings: Settings) -> bool:
    """Tell whether there is an AI to be asked about files; a flag may forbid it."""
    asked = settings.providers
    return (
        not asked.offline
        and bool(asked.gemini.api_key)
        and settings.imports.ai_provider in ("auto", "gemini")
    )


def _readers(settings: Settings, gemini: Gemini, answers: AnswerCache, clock: Clock) -> Readers:
    model = settings.providers.gemini.csv_model
    return Readers(
        columns=ColumnReader(gemini, clock, model=model),
        rows=RowReader(gemini, clock, model=model),
        answers=answers,
        most_rows=settings.imports.ai_csv_max_rows,
    )
