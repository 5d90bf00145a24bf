from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import Connection

from bookstrack.errors import ConfigurationProblem, StorageUnavailable
from bookstrack.storage.database import migrate as module
from bookstrack.storage.database.engine import Database
from bookstrack.storage.database.migrate import HEAD, migrate, pending
from bookstrack.storage.database.tables import metadata

# data-model §2.1 to §2.4: name -> column -> (NOT NULL, has a default)
LAYER_A = {
    "Books": {
        "isbn": "TEXT!",
        "title": "TEXT!",
        "authors": "TEXT!",
        "authors_detailed": "TEXT",
        "publication_year": "INTEGER",
        "publisher": "TEXT",
        "page_count": "INTEGER",
        "language": "TEXT='en'",
        "categories": "TEXT",
        "description": "TEXT",
        "cover_url": "TEXT",
        "thumbnail_url": "TEXT",
        "canonical_metadata": "TEXT!",
        "created_at": "INTEGER!=unixepoch()",
        "updated_at": "INTEGER!=unixepoch()",
    },
    "UserLibrary": {
        "id": "INTEGER!",
        "user_id": "TEXT!",
        "isbn": "TEXT!",
        "status": "TEXT",
        "rating": "INTEGER",
        "review": "TEXT",
        "added_at": "INTEGER!=unixepoch()",
        "started_at": "INTEGER",
        "completed_at": "INTEGER",
    },
    "CacheMetrics": {
        "cache_key": "TEXT!",
        "hit_count": "INTEGER!=0",
        "miss_count": "INTEGER!=0",
        "last_accessed": "INTEGER!=unixepoch()",
        "data_size_bytes": "INTEGER",
        "ttl_seconds": "INTEGER",
    },
    "MigrationErrors": {
        "id": "INTEGER!",
        "cache_key": "TEXT!",
        "error_message": "TEXT!",
        "occurred_at": "INTEGER!=unixepoch()",
    },
}
INDEXES = {
    "Books": {
        "idx_books_year": ["publication_year"],
        "idx_books_language": ["language"],
        "idx_books_created": ["created_at"],
        "idx_books_updated": ["updated_at"],
    },
    "UserLibrary": {
        "idx_user_library_user": ["user_id"],
        "idx_user_library_status": ["user_id", "status"],
        "idx_user_library_rating": ["user_id", "rating"],
        "idx_user_library_added": ["added_at"],
    },
    "CacheMetrics": {
        "idx_cache_last_accessed": ["last_accessed"],
        "idx_cache_hit_count": ["hit_count"],
    },
    "MigrationErrors": {"idx_migration_errors_occurred": ["occurred_at"]},
}


def script() -> ScriptDirectory:
    config = Config()
    folder = Path(module.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    return ScriptDirectory.from_config(config)


DESCENDING = {"idx_user_library_added", "idx_cache_last_accessed", "idx_cache_hit_count"}


def is_comparable(_thing: object, name: str | None, *_rest: object) -> bool:
    """Leave out what Alembic cannot compare on SQLite; ``INDEXES`` names them too."""
    return name not in DESCENDING


def test_head_is_the_last_migration():
    assert script().get_heads() == [HEAD]


def test_migrations_are_numbered_one_after_the_other():
    revisions = [one.revision for one in script().walk_revisions()][::-1]
    assert revisions == [f"{number:04}" for number in range(1, int(HEAD) + 1)]


async def test_migrations_and_tables_say_the_same(database: Database):
    def differences(connection: Connection) -> list[object]:
        options = {"include_object": is_comparable}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    async with database.connect() as connection:
        assert await connection.run_sync(differences) == []


def test_layer_a_is_as_the_data_model_says(sqlite_url):
    engine = create_engine(sqlite_url)
    schema = inspect(engine)
    for table, columns in LAYER_A.items():
        found = {}
        for column in schema.get_columns(table):
            default = column["default"]
            found[column["name"]] = (
                f"{column['type']}{'' if column['nullable'] else '!'}"
                f"{'' if default is None else '=' + default}"
            )
        assert found == columns
        indexes = {one["name"]: one["column_names"] for one in schema.get_indexes(table)}
        assert indexes == INDEXES[table]
    engine.dispose()


async def test_layer_a_is_the_same_on_both_engines(database: Database):
    def check(connection: Connection) -> None:
        schema = inspect(connection)
        for table, columns in LAYER_A.items():
            found = schema.get_columns(table)
            assert [column["name"] for column in found] == list(columns)
            required = [name for name, kind in columns.items() if "!" in kind]
            assert [column["name"] for column in found if not column["nullable"]] == required
            assert INDEXES[table].keys() <= {one["name"] for one in schema.get_indexes(table)}
        key = schema.get_foreign_keys("UserLibrary")[0]
        assert (key["referred_table"], key["options"]) == ("Books", {"ondelete": "CASCADE"})
        unique = [one["column_names"] for one in schema.get_unique_constraints("UserLibrary")]
        assert unique == [["user_id", "isbn"]]

    async with database.connect() as connection:
        await connection.run_sync(check)


async def test_times_are_filled_in_by_the_database(database: Database):
    async with database.begin() as connection:
        await connection.execute(
            text("""INSERT INTO "MigrationErrors" (cache_key, error_message) VALUES ('k', 'm')""")
        )
        row = (await connection.execute(text('SELECT * FROM "MigrationErrors"'))).one()
    assert row.id == 1
    assert row.occurred_at > 1_760_000_000


async def test_deleting_a_book_takes_it_out_of_the_libraries(database: Database):
    statements = (
        """INSERT INTO "Books" (isbn, title, authors, canonical_metadata)
           VALUES ('a', 't', '[]', '{}'), ('b', 't', '[]', '{}')""",
        """INSERT INTO "UserLibrary" (user_id, isbn) VALUES ('u', 'a'), ('u', 'b')""",
        """DELETE FROM "Books" WHERE isbn = 'a'""",
    )
    async with database.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
        left = (await connection.execute(text('SELECT isbn FROM "UserLibrary"'))).scalars().all()
    assert left == ["b"]


def test_migrating_again_changes_nothing_and_loads_no_alembic(sqlite_url):
    assert not pending(sqlite_url)
    program = (
        "import sys; from bookstrack.storage.database.migrate import migrate, pending\n"
        f"assert not pending({sqlite_url!r}); migrate({sqlite_url!r})\n"
        "assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_empty_file_has_everything_pending(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'new.db'}"
    assert pending(url)
    assert not (tmp_path / "new.db").exists()
    migrate(url)
    assert not pending(url)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_processes_that_migrate_at_once_do_not_disturb_each_other(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
):
    url = f"sqlite:///{tmp_path / 'new.db'}"
    if kind == "postgresql":
        url = request.getfixturevalue("empty_postgres_url")
    program = f"from bookstrack.storage.database.migrate import migrate; migrate({url!r})"
    running = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert not pending(url)


@pytest.mark.parametrize("revision", ["0999", "0000", "abc"])
def test_an_unknown_schema_is_refused(sqlite_url, revision: str):
    engine = create_engine(sqlite_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
    engine.dispose()
    for ask in (pending, migrate):
        with pytest.raises(ConfigurationProblem, match=f"has schema {revision}"):
            ask(sqlite_url)


def test_a_foreign_database_is_refused(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'foreign.db'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text('CREATE TABLE "Books" (isbn TEXT)'))
    engine.dispose()
    with pytest.raises(ConfigurationProblem, match="did not make"):
        migrate(url)


def test_a_missing_server_is_an_outage():
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(migrate, "postgresql://u@127.0.0.1:1/x").exception()
    assert isinstance(outcome, StorageUnavailable)
