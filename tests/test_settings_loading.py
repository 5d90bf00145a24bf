"""Settings from defaults, file and environment; what cannot be used names its variable."""

from __future__ import annotations

import pytest

from bookstrack.errors import ConfigurationProblem
from bookstrack.settings import Rate, Secret, Settings
from bookstrack.settings_loading import leaves, load_settings


@pytest.fixture
def config(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "bookstrack.toml"
        path.write_text(text, "utf-8")
        return str(path)

    return write


def test_nothing_set_gives_the_defaults():
    loaded = load_settings({})
    assert loaded.settings == Settings()
    assert loaded.warnings == ()
    assert loaded.sources == {}


def test_environment_goes_before_file_before_default(config):
    path = config('port = 1\nhost = "::1"\n')
    loaded = load_settings({"BOOKSTRACK_CONFIG": path, "BOOKSTRACK_PORT": "2"})
    server = loaded.settings.server
    assert (server.port, server.host, server.workers) == (2, "::1", 1)
    assert loaded.sources == {
        "BOOKSTRACK_PORT": "environment",
        "BOOKSTRACK_HOST": "configuration file",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("1", True), ("ON", True), (" yes ", True), ("off", False), ("0", False)],
)
def test_booleans(text, value):
    assert load_settings({"BOOKSTRACK_OFFLINE": text}).settings.providers.offline is value


def test_lists_from_both_sources(config):
    path = config('image_hosts = ["a.example", "b.example"]\n')
    environ = {"BOOKSTRACK_CONFIG": path, "BOOKSTRACK_CORS_ORIGINS": "https://a, ,https://b"}
    api = load_settings(environ).settings.api
    assert api.image_hosts == ("a.example", "b.example")
    assert api.cors_origins == ("https://a", "https://b")


def test_numbers_and_choices():
    environ = {"BOOKSTRACK_ISBNDB_RPS": "0.5", "BOOKSTRACK_LOG_LEVEL": "debug"}
    settings = load_settings(environ).settings
    assert settings.providers.isbndb.rps == 0.5
    assert settings.telemetry.log_level == "DEBUG"


def test_original_names_count_less():
    environ = {"GOOGLE_BOOKS_API_KEY": "old"}
    assert load_settings(environ).settings.providers.google.api_key == Secret("old")
    environ["BOOKSTRACK_GOOGLE_BOOKS_API_KEY"] = "new"
    assert load_settings(environ).settings.providers.google.api_key == Secret("new")


def test_second_name_of_the_isbndb_key():
    key = load_settings({"ISBN_SEARCH_KEY": "abc"}).settings.providers.isbndb.api_key
    assert key.reveal() == "abc"


def test_a_secret_out_of_a_file(tmp_path):
    (tmp_path / "key").write_text("abc\n")
    loaded = load_settings({"BOOKSTRACK_ISBNDB_API_KEY_FILE": str(tmp_path / "key")})
    assert loaded.settings.providers.isbndb.api_key.reveal() == "abc"
    assert "abc" not in repr(loaded)
    assert loaded.warnings == ()


def test_families():
    environ = {
        "BOOKSTRACK_RATE_SEARCH": "7/30",
        "BOOKSTRACK_RATE_SEARCH_AUTH": "9",
        "BOOKSTRACK_LIFECYCLE_EXTERNAL": "gone",
    }
    settings = load_settings(environ).settings
    assert settings.limits.overrides == {"search": Rate(7, 30), "search_auth": Rate(9, 60)}
    assert settings.api.lifecycle == {"external": "gone"}


def test_unknown_and_idle_names_are_reported(config):
    environ = {
        "BOOKSTRACK_CONFIG": config("prot = 1\n"),
        "BOOKSTRACK_PROVIDER_RATE_MS": "100",
        "BOOKSTRACK_TEST_POSTGRES_URL": "x",
        "ELSE": "y",
    }
    assert load_settings(environ).warnings == (
        "BOOKSTRACK_PROT is not a setting; check its spelling",
        "BOOKSTRACK_PROVIDER_RATE_MS is accepted but has no effect",
    )


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("PORT", "many", "must be a number"),
        ("PORT", "-1", "must not be negative or huge"),
        ("PORT", "65536", "must be at most 65535"),
        ("WORKERS", "0", "must be between 1 and 256"),
        ("ISBNDB_RPS", "nan", "must not be negative or huge"),
        ("OFFLINE", "perhaps", "must be true or false"),
        ("ENV", "holiday", "must be one of production, staging, development, test"),
        ("MAX_RESULTS_DEFAULT", "0", "must be at least 1"),
        ("CSV_MAX_MB", "1001", "must be between 1 and 1000"),
        ("SCAN_IMAGE_MAX_MB", "701", "must be between 1 and 700"),
        ("SCAN_BATCH_MAX_MB", "0", "must be between 1 and 700"),
        ("SCAN_MAX_PHOTOS", "31", "must be between 1 and 30"),
        ("RATE_SEARCH", "fast", "must look like 100/60"),
        ("RATE_SEARCH", "5/0", "must look like 100/60"),
        ("RATE_SEARCH", "-5/60", "must look like 100/60"),
        ("LIFECYCLE_EXTERNAL", "maybe", "must be one of active, deprecated, gone"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,proxy", "proxy is no address or network"),
        ("RATE_EXEMPT_CIDRS", "10.0.0.0/99", "10.0.0.0/99 is no address or network"),
    ],
)
def test_what_cannot_be_used_names_its_variable(name, value, problem):
    with pytest.raises(ConfigurationProblem) as caught:
        load_settings({f"BOOKSTRACK_{name}": value})
    assert caught.value.message == f"BOOKSTRACK_{name}: {problem}"
    assert caught.value.variable == f"BOOKSTRACK_{name}"


@pytest.mark.parametrize("content", ["port =", b"\xff\xfe"])
def test_a_file_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "bookstrack.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationProblem, match="BOOKSTRACK_CONFIG: cannot read"):
        load_settings({"BOOKSTRACK_CONFIG": str(path)})


@pytest.mark.parametrize("name", ["BOOKSTRACK_CONFIG", "BOOKSTRACK_ISBNDB_API_KEY_FILE"])
def test_a_file_that_is_missing(tmp_path, name):
    with pytest.raises(ConfigurationProblem, match=f"{name}: cannot read"):
        load_settings({name: str(tmp_path / "nowhere")})


def test_every_setting_has_a_name_of_its_own_and_an_explanation():
    found = list(leaves())
    assert len({leaf.name for leaf in found}) == len(found) > 60
    assert all(leaf.var.help for leaf in found)
