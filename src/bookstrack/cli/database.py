"""``bookstrack migrate``: bring the database to the form this version needs."""

from __future__ import annotations

from pathlib import Path

from bookstrack.cli.surroundings import read_settings
from bookstrack.settings import Settings


def migrate() -> int:
    """Apply pending migrations; safe to run again and from several machines at once."""
    from bookstrack.assembly import migrate_database

    url = database_url(read_settings())
    changed = migrate_database(url)
    print("The database is up to date." if not changed else "Migrations applied.")
    return 0


def database_url(settings: Settings) -> str:
    """Return the database in use, with the embedded default filled in."""
    data = Path(settings.storage.data_dir).absolute()
    return settings.storage.database_url or f"sqlite:///{data / 'bookstrack.db'}"
