"""A database with the original system's rows is served by this version, and keeps them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import bookstrack.storage.database.migrate as migrating
from bookstrack.testing.processes import server_process

pytestmark = pytest.mark.slow  # real processes, started and killed

ISBN = "9780132350884"


def old_database(file):
    """Make a database as the first four migrations leave it, with one book in it."""
    config = Config()
    folder = Path(migrating.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
    engine.dispose()
    values = {
        "isbn": ISBN,
        "title": "Clean Code",
        "authors": json.dumps(["Robert C. Martin"]),
        "publication_year": 2008,
        "publisher": "Prentice Hall",
        "page_count": 464,
        "canonical_metadata": json.dumps({"title": "Clean Code", "isbn": ISBN}),
    }
    with closing(sqlite3.connect(file)) as connection, connection:
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        connection.execute(f'INSERT INTO "Books" ({names}) VALUES ({marks})', values)


def get(server, path):
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    with closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def test_old_rows_are_answered_and_kept(tmp_path):
    file = tmp_path / "bookstrack.db"
    old_database(file)
    settings = {"BOOKSTRACK_DATA_DIR": str(tmp_path), "BOOKSTRACK_OFFLINE": "true"}
    with server_process(settings, log=tmp_path / "log") as server:
        assert get(server, "/health/ready")[0] == 200
        status, body = get(server, f"/v1/search/isbn?isbn={ISBN}")
    assert status == 200
    assert body["data"]["works"][0]["title"] == "Clean Code"
    assert body["data"]["authors"][0]["name"] == "Robert C. Martin"
    assert body["data"]["editions"][0]["pageCount"] == 464
    with closing(sqlite3.connect(file)) as connection:
        kept = connection.execute('SELECT isbn, title FROM "Books"').fetchall()
        revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert kept == [(ISBN, "Clean Code")]
    assert revision == (migrating.HEAD,)
