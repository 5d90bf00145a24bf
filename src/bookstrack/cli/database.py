"""``bookstrack migrate``: bring the database to the form this version needs."""

from __future__ import annotations

from bookstrack.cli.surroundings import read_settings
from bookstrack.errors import ConfigurationProblem, StorageUnavailable
from bookstrack.settings import Settings, StorageSettings


def migrate() -> int:
    """Apply pending migrations; safe to run again and from several machines at once."""
    from bookstrack.assembly import migrate_database

    changed = migrate_database(database_url(read_settings().storage))
    print("Migrations applied." if changed else "The database is up to date.")
    return 0


def database_url(storage: StorageSettings) -> str:
    """Return the database in use, with the embedded default filled in."""
    return storage.database_url or f"sqlite:///{storage.data_dir}/bookstrack.db"


def refuse_unmigrated(settings: Settings) -> None:
    """Stop where migrations are the operator's step and have not been made.

    A database that cannot be reached is no reason: it is used as soon as it is there.

    Raises:
        ConfigurationProblem: migrations are pending.
    """
    url = database_url(settings.storage)
    if url.startswith("sqlite"):
        return
    from bookstrack.assembly import migrations_pending

    try:
        missing = migrations_pending(url)
    except StorageUnavailable:
        return
    if missing:
        raise ConfigurationProblem(
            "BOOKSTRACK_DATABASE_URL",
            "migrations are pending: run `bookstrack migrate` first",
        )
