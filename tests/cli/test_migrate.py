"""``bookstrack migrate``: once, again, and twice at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from bookstrack.storage.database.migrate import pending
from bookstrack.testing.processes import run_command

DONE = "Migrations applied.\n"
NOTHING = "The database is up to date.\n"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/some/folder/books.db"
    return request.getfixturevalue("empty_postgres_url")


def migrate(url, folder):
    done = run_command("migrate", settings={"BOOKSTRACK_DATABASE_URL": url}, folder=folder)
    return done.returncode, done.stdout, done.stderr


def test_a_second_run_finds_nothing_to_do(empty_url, tmp_path):
    assert pending(empty_url)
    assert migrate(empty_url, tmp_path) == (0, DONE, "")
    assert not pending(empty_url)
    assert migrate(empty_url, tmp_path) == (0, NOTHING, "")


def test_two_at_once_do_no_harm(empty_url, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: migrate(empty_url, tmp_path), range(2)))
    assert {(code, errors) for code, _, errors in found} == {(0, "")}
    assert DONE in {said for _, said, _ in found}
    assert not pending(empty_url)


def test_the_default_is_a_file_in_the_data_folder(tmp_path):
    done = run_command("migrate", settings={"BOOKSTRACK_DATA_DIR": "here"}, folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, DONE)
    assert (tmp_path / "here" / "bookstrack.db").exists()


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("mysql://u:hunter2@db/books", 2, "BOOKSTRACK_DATABASE_URL: 'mysql' is not supported"),
        ("hunter2", 2, "BOOKSTRACK_DATABASE_URL: this is not a database URL"),
        ("sqlite:///{tmp}/file/books.db", 2, "BOOKSTRACK_DATABASE_URL: the folder"),
        ("sqlite:///{tmp}/file", 1, "The database cannot be reached: file is not a database"),
        ("postgresql://u:hunter2@127.0.0.1:1/books", 1, "The database cannot be reached: "),
    ],
)
def test_what_cannot_be_is_said_in_one_line(tmp_path, url, code, said):
    (tmp_path / "file").write_text("no database " * 20)
    found, output, errors = migrate(url.format(tmp=tmp_path), tmp_path)
    assert (found, output) == (code, "")
    assert errors.startswith(f"bookstrack: {said}")
    assert errors.count("\n") == 1
    assert "hunter2" not in errors
