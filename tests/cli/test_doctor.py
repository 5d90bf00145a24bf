"""``bookstrack doctor``: what works and what does not, in words, without secrets."""

from __future__ import annotations

import asyncio

import pytest

from bookstrack.testing.processes import run_command, server_process
from bookstrack.testing.upstream import FakeUpstream, Fault

OFFLINE = {"BOOKSTRACK_OFFLINE": "true"}


def doctor(folder, *options, **settings):
    given = {"BOOKSTRACK_DATA_DIR": str(folder / "data"), **settings}
    done = run_command("doctor", *options, settings=given, folder=folder)
    assert "Traceback" not in done.stderr + done.stdout
    lines = [line.partition(" ") for line in done.stdout.splitlines()]
    return done.returncode, [(kind, text.strip()) for kind, _, text in lines]


def of(kind, lines):
    return [text for found, text in lines if found == kind]


def test_a_sound_installation(tmp_path):
    code, lines = doctor(tmp_path, **OFFLINE, BOOKSTRACK_SAMPLE_DATA="true", BOOKSTRACK_PROT="1")
    good, warnings = of("ok", lines), of("warning", lines)
    assert (code, of("problem", lines)) == (0, [])
    assert "BOOKSTRACK_OFFLINE by the environment" in good
    assert any(text.startswith("database answers in ") for text in good)
    assert any(text.startswith("object store answers in ") for text in good)
    assert any("books in the catalogue" in text and not text.startswith("0 ") for text in good)
    assert "BOOKSTRACK_PROT is not a setting; check its spelling" in warnings
    assert "BOOKSTRACK_OFFLINE is on: no provider will be asked" in warnings


async def test_each_provider_is_asked_and_a_broken_one_is_named(tmp_path):
    async with FakeUpstream() as upstream:
        upstream.fault("isbndb", Fault.status(403))
        settings = {**upstream.environment(), "BOOKSTRACK_PROVIDER_RETRIES": "1"}
        code, lines = await asyncio.to_thread(doctor, tmp_path, **settings)
    assert code == 1
    answering = {text.partition(" answers")[0] for text in of("ok", lines) if " answers" in text}
    assert {"google-books", "open-library", "wikidata"} <= answering
    assert [text.partition(":")[0] for text in of("problem", lines)] == ["isbndb"]


def test_secrets_are_never_printed(tmp_path, redis_url):
    secret = tmp_path / "secret"
    secret.write_text("hunter2-in-a-file\n")
    code, lines = doctor(
        tmp_path,
        **OFFLINE,
        BOOKSTRACK_METRICS_TOKEN="hunter2-hunter2-hunter2",
        BOOKSTRACK_GOOGLE_BOOKS_API_KEY="hunter2",
        BOOKSTRACK_ISBNDB_API_KEY_FILE=str(secret),
        BOOKSTRACK_KV_URL=redis_url.replace("redis://", "redis://:hunter2@"),
        BOOKSTRACK_DATABASE_URL="postgresql://reader:hunter2@127.0.0.1:1/books?password=hunter2",
    )
    assert code == 1
    assert "hunter2" not in str(lines)
    assert "BOOKSTRACK_ISBNDB_API_KEY by the file of BOOKSTRACK_ISBNDB_API_KEY_FILE" in of(
        "ok", lines
    )


def test_postgresql_that_is_away(tmp_path):
    url = "postgresql://reader:hunter2@127.0.0.1:1/books"
    code, lines = doctor(tmp_path, **OFFLINE, BOOKSTRACK_DATABASE_URL=url)
    assert code == 1
    assert "database: The database cannot be reached" in of("problem", lines)


def test_pending_migrations(tmp_path, empty_postgres_url):
    code, lines = doctor(tmp_path, **OFFLINE, BOOKSTRACK_DATABASE_URL=empty_postgres_url)
    assert code == 1
    assert of("problem", lines) == [
        "BOOKSTRACK_DATABASE_URL: migrations are pending: run `bookstrack migrate` first"
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BOOKSTRACK_KV_URL", "memcached://:hunter2@cache"),
        ("BOOKSTRACK_OBJECT_STORE", "ftp://u:hunter2@files"),
        ("BOOKSTRACK_DATABASE_URL", "mysql://u:hunter2@db/books"),
    ],
)
def test_an_address_nobody_knows(tmp_path, name, value):
    code, lines = doctor(tmp_path, **OFFLINE, **{name: value})
    problems = of("problem", lines)
    assert (code, len(problems)) == (1, 1)
    assert problems[0].startswith(f"{name}: ")
    assert "hunter2" not in str(lines)


def test_two_environments_that_share_storage(tmp_path):
    own, other = tmp_path / "staging.toml", tmp_path / "production.toml"
    own.write_text(
        'env = "staging"\ndata_dir = "staging"\n'
        'database_url = "postgresql://a:hunter2@db/books"\n'
        'object_store = "s3://covers?endpoint=http://files&access_key_id=a"\n'
    )
    other.write_text(
        'data_dir = "production"\nkv_url = "redis://cache/0"\n'
        'database_url = "postgres://b:hunter2@db/books"\n'
        'object_store = "s3://covers?endpoint=http://files&access_key_id=b"\n'
    )
    settings = {**OFFLINE, "BOOKSTRACK_CONFIG": str(own)}
    done = run_command(
        "doctor", "--no-network", "--against", str(other), settings=settings, folder=tmp_path
    )
    shared = [line for line in done.stdout.splitlines() if f"is the same in {other}" in line]
    assert [line.split(" is the same")[0] for line in shared] == [
        "warning  the database",
        "warning  the object store",
    ]
    assert "hunter2" not in done.stdout + done.stderr


def test_environments_with_storage_of_their_own(tmp_path):
    other = tmp_path / "other.toml"
    other.write_text('data_dir = "other"\n')
    code, lines = doctor(tmp_path, "--against", str(other), **OFFLINE)
    assert (code, f"shares no storage with {other}" in of("ok", lines)) == (0, True)


@pytest.mark.parametrize("content", ["data_dir =", 'port = "many"', None])
def test_a_settings_file_that_cannot_be_read(tmp_path, content):
    other = tmp_path / "other.toml"
    if content is not None:
        other.write_text(content)
    done = run_command("doctor", "--against", str(other), settings=OFFLINE, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("bookstrack: BOOKSTRACK_")
    assert done.stderr.count("\n") == 1


def test_the_mark_of_the_environment_that_served_last(tmp_path):
    settings = {"BOOKSTRACK_DATA_DIR": str(tmp_path / "data"), **OFFLINE}
    with server_process(settings, log=tmp_path / "log"):
        pass
    _, lines = doctor(tmp_path, **OFFLINE, BOOKSTRACK_ENV="staging")
    said = "the database was last served as production, this is staging"
    assert any(text.startswith(said) for text in of("warning", lines))
    _, same = doctor(tmp_path, **OFFLINE)
    assert not any(text.startswith("the database was") for text in of("warning", same))
