"""``bookstrack lookup``: a table, JSON, and what is said when there is nothing to show."""

from __future__ import annotations

import json

import pytest

from bookstrack.testing.processes import run_command

pytestmark = pytest.mark.slow  # each case starts a process


@pytest.fixture
def settings(tmp_path):
    return {
        "BOOKSTRACK_DATA_DIR": str(tmp_path / "data"),
        "BOOKSTRACK_SAMPLE_DATA": "true",
        "BOOKSTRACK_OFFLINE": "true",
        "COLUMNS": "160",
    }


@pytest.fixture
def lookup(settings, tmp_path):
    def run(*arguments, **more):
        given = {**settings, **more}
        return run_command("lookup", *arguments, settings=given, folder=tmp_path)

    return run


def test_a_book_by_its_isbn_in_a_table(lookup):
    done = lookup("978-0-261-10334-4")
    assert (done.returncode, done.stderr) == (0, "")
    title, values = done.stdout.splitlines()[1], done.stdout.splitlines()[3]
    assert [name.strip() for name in title.strip("┃ ").split("┃")] == [
        "Title",
        "Author",
        "Year",
        "Publisher",
        "ISBN",
    ]
    assert [value.strip() for value in values.strip("│ ").split("│")] == [
        "The Hobbit",
        "J.R.R. Tolkien",
        "1937",
        "HarperCollins",
        "9780261103344",
    ]
    assert done.stdout.splitlines()[-1] == "from database (DB)"


def test_a_book_by_words(lookup):
    done = lookup("the", "hobbit")
    assert done.returncode == 0
    assert "J.R.R. Tolkien" in done.stdout


def test_json_is_the_answer_and_nothing_else(lookup):
    done = lookup("9780261103344", "--json")
    data = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert data["works"][0]["title"] == "The Hobbit"
    assert data["resultCount"] == 1


def test_a_limit_holds(lookup):
    done = lookup("the", "--json", "--limit", "3")
    assert len(json.loads(done.stdout)["works"]) == 3


@pytest.mark.parametrize("text", ["9780000000002", "zzzz qqqq"])
def test_nothing_known_ends_with_one(lookup, text):
    done = lookup(text)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("Nothing is known for ")
    as_json = lookup(text, "--json")
    assert as_json.returncode == 1
    assert json.loads(as_json.stdout)["works"] == []


@pytest.mark.parametrize("arguments", [(), ("x",), ("hobbit", "--limit", "0")])
def test_a_question_that_is_none_ends_with_two(lookup, arguments):
    done = lookup(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "bookstrack: lookup needs an ISBN or at least two letters, and a limit of 1 to 100\n"
    )


@pytest.mark.parametrize("question", ["hobbit", "9780261103344"])
def test_a_database_that_is_away_is_named(lookup, question):
    url = "postgresql://reader:hunter2@127.0.0.1:1/books"
    done = lookup(question, BOOKSTRACK_DATABASE_URL=url, BOOKSTRACK_SAMPLE_DATA="false")
    assert done.returncode == 1
    assert done.stderr.startswith("bookstrack: The database cannot be reached")
    assert "hunter2" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout
