"""``bookstrack lookup``: one question, answered in the terminal."""

from __future__ import annotations

import asyncio
from typing import Annotated

from cyclopts import Parameter
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from bookstrack.assembly import open_assembly
from bookstrack.cache.tiers import Hit
from bookstrack.cli.database import refuse_unmigrated
from bookstrack.cli.surroundings import read_settings
from bookstrack.errors import InvalidQuery
from bookstrack.model.answer import SearchData
from bookstrack.model.isbn import Isbn
from bookstrack.settings import Settings
from bookstrack.telemetry.logging import configure_logging
from bookstrack.web.views import decode_search

_NOTHING = 1


def lookup(
    *question: Annotated[str, Parameter(help="An ISBN, or words of a title.")],
    json: Annotated[bool, Parameter(negative="", help="Print the answer as JSON.")] = False,
    limit: Annotated[int, Parameter(help="How many works at most, 1 to 100.")] = 10,
) -> int:
    """Find a book by ISBN or words. Exit code 1 when nothing is known."""
    text = " ".join(question).strip()
    if len(text) < 2 or not 1 <= limit <= 100:
        raise InvalidQuery("lookup needs an ISBN or at least two letters, and a limit of 1 to 100")
    settings = read_settings()
    quiet = replace(settings.telemetry, log_level="ERROR")
    configure_logging(quiet)
    refuse_unmigrated(settings)
    hit = asyncio.run(_answer(settings, text, limit))
    data = decode_search(hit.entry.body)
    if json:
        print(hit.entry.body.decode())
    else:
        _show(data, hit)
    return 0 if data.works else _NOTHING


async def _answer(settings: Settings, text: str, limit: int) -> Hit:
    async with open_assembly(settings) as parts:
        isbn = Isbn.find(text)
        if isbn is not None:
            hit = await parts.catalogue.by_isbn(isbn)
        else:
            hit = await parts.catalogue.by_text(text, limit=limit)
        await parts.background.drain(10)
        return hit


def _show(data: SearchData, hit: Hit) -> None:
    console = Console()
    if not data.works:
        console.print(f"Nothing is known for {data.query!r}.", markup=False)
    else:
        console.print(_table(data))
    console.print(_origin(hit), style="dim", markup=False)


def _table(data: SearchData) -> Table:
    table = Table("Title", "Author", "Year", "Publisher", "ISBN", show_lines=False)
    for book in data.books:
        year = book.publication_year or ""
        cells = (book.title, book.author, str(year), book.publisher or "", book.isbn or "")
        table.add_row(*(cell.replace("[", r"\[") for cell in cells))
    return table


def _origin(hit: Hit) -> str:
    missing = ", ".join(
        f"{caution.provider or ''} {caution.code}".strip() for caution in hit.cautions
    )
    origin = f"from {hit.entry.facts.provider} ({hit.source.value})"
    return f"{origin}; missing: {missing}" if missing else origin
