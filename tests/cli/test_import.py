"""``bookstrack import``: the table, JSON, rejected rows, and a server that does the work."""

from __future__ import annotations

import asyncio
import csv
import io
import json

import pytest

from bookstrack.testing.processes import run_command, server_process

FILE = (
    "Title,Author,ISBN\n"
    "The Hobbit,J.R.R. Tolkien,9780261103344\n"
    ",Nobody,12\n"
    "Zzyzzx Unheard Of,Somebody,\n"
    "The Hobbit,J.R.R. Tolkien,9780261103344\n"
)


@pytest.fixture
def settings(tmp_path):
    return {
        "BOOKSTRACK_DATA_DIR": str(tmp_path / "data"),
        "BOOKSTRACK_SAMPLE_DATA": "true",
        "BOOKSTRACK_OFFLINE": "true",
        "COLUMNS": "120",
    }


@pytest.fixture
def file(tmp_path):
    made = tmp_path / "books.csv"
    made.write_text(FILE)
    return made


@pytest.fixture
def run(settings, tmp_path):
    def command(*arguments, **more):
        return run_command("import", *arguments, settings={**settings, **more}, folder=tmp_path)

    return command


def cells(text):
    rows = (line.strip("│ ").split("│") for line in text.splitlines() if "│" in line)
    return {row[0].strip(): row[1].strip() for row in rows if len(row) == 2}


def test_a_summary_and_the_rows_that_brought_no_book(run, file):
    done = run(str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert cells(done.stdout) == {
        "new books": "1",
        "books with something new": "0",
        "known before, or twice in the file": "2",
        "left out on purpose": "0",
        "brought no book": "1",
        "found by the providers": "1",
        "not found there": "1",
    }
    assert "Row 3: “12” is not a valid ISBN" in done.stdout
    header, *rows = csv.reader(
        io.StringIO(file.with_name("books.errors.csv").read_text("utf-8-sig"))
    )
    assert header[-3:] == ["row", "error_code", "error"]
    assert [row[3:5] for row in rows] == [["3", "invalid_isbn"]]


def test_json_and_a_file_of_ones_own(run, file, tmp_path):
    done = run(str(file), "--json", "--errors", str(tmp_path / "bad.csv"))
    results = json.loads(done.stdout)
    assert (results["booksCreated"], results["errorCount"]) == (1, 1)
    assert "rejectedRows" not in results
    assert (tmp_path / "bad.csv").is_file()
    again = json.loads(run(str(file), "--json").stdout)
    assert (again["booksCreated"], again["duplicatesSkipped"]) == (0, 3)


def test_a_dry_run_stores_nothing(run, file):
    assert "would be new" in run(str(file), "--dry-run").stdout
    assert json.loads(run(str(file), "--json").stdout)["booksCreated"] == 1


@pytest.mark.parametrize(
    ("content", "arguments", "code", "said"),
    [
        ("Price,Colour\n1,red\n", (), 2, "No column holds a title"),
        ("", (), 2, "empty"),
        ("Title,Author,ISBN\n,A,12\n", (), 1, "No valid books found in CSV"),
        ("Title,Author,ISBN\n,A,12\n", (), 1, "Row 2: “12” is not a valid ISBN"),
        (FILE, ("--format", "magic"), 2, "magic"),
        (FILE, ("--server", "nowhere"), 2, "no address of a server"),
        (FILE, ("--server", "http://127.0.0.1:9"), 1, "cannot be reached"),
    ],
)
def test_what_cannot_be_done_is_said(run, file, content, arguments, code, said):
    file.write_text(content)
    done = run(str(file), *arguments)
    assert done.returncode == code
    assert said in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_there(run):
    done = run("nowhere.csv")
    assert done.returncode == 2
    assert "nowhere.csv cannot be read" in done.stderr


async def test_by_a_server(run, file, settings, tmp_path):
    serve = {**settings, "BOOKSTRACK_DATA_DIR": str(tmp_path / "served")}
    with server_process(serve, log=tmp_path / "log") as server:
        address = f"http://127.0.0.1:{server.port}"
        done = await asyncio.to_thread(run, str(file), "--server", address)
        assert done.returncode == 0, done.stderr
        assert f"its results will be at {address}/v1/jobs/" in done.stderr
        assert cells(done.stdout)["new books"] == "1"
        assert "invalid_isbn" in file.with_name("books.errors.csv").read_text("utf-8-sig")
        file.write_text("Title,Author,ISBN\n,A,12\n")
        failed = await asyncio.to_thread(run, str(file), "--server", address)
        assert failed.returncode == 1
        assert "No valid books found in CSV" in failed.stderr
        assert "Row 2: “12” is not a valid ISBN" in failed.stderr
        file.write_text("Price,Colour\n1,red\n")
        refused = await asyncio.to_thread(run, str(file), "--server", address)
        assert refused.returncode == 1
        assert "No column holds a title" in refused.stderr
