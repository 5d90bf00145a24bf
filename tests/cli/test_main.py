"""The command as a whole: version, help, wrong use, documents."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bookstrack import __version__
from bookstrack.testing.processes import environment, run_command


def test_the_installed_command_tells_its_version():
    command = Path(sys.executable).parent / "bookstrack"
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_help_lists_every_command(tmp_path, arguments):
    done = run_command(*arguments, settings={}, folder=tmp_path)
    assert done.returncode == 0
    for name in ("serve", "lookup", "doctor", "migrate", "openapi", "--version"):
        assert f" {name} " in done.stdout
    assert "Exit codes: 0 done" in done.stdout
    assert list(tmp_path.iterdir()) == []  # asking for help makes nothing


@pytest.mark.parametrize(
    ("command", "said", "hidden"),
    [
        ("serve", "BOOKSTRACK_SHUTDOWN_GRACE_S", "listener"),
        ("lookup", "--json", "empty"),
        ("doctor", "--against", "empty"),
        ("migrate", "Safe to run again", "empty"),
        ("openapi", "yaml", "empty"),
    ],
)
def test_each_command_explains_itself(tmp_path, command, said, hidden):
    done = run_command(command, "--help", settings={}, folder=tmp_path)
    assert done.returncode == 0
    assert said in done.stdout
    assert hidden not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nonsense",), "nonsense"),
        (("serve", "--port", "abc"), "--port"),
        (("serve", "--port", "70000"), "--port: must be between 0 and 65535"),
        (("serve", "--workers", "0"), "--workers: must be between 1 and 256"),
        (("openapi", "--form", "xml"), "xml"),
        (("migrate", "now"), "now"),
    ],
)
def test_wrong_use_ends_with_two(tmp_path, arguments, said):
    done = run_command(*arguments, settings={}, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_openapi_document_is_the_same_in_both_forms(tmp_path):
    as_json = run_command("openapi", settings={}, folder=tmp_path)
    as_yaml = run_command("openapi", "--form", "yaml", settings={}, folder=tmp_path)
    document = json.loads(as_json.stdout)
    assert (as_json.returncode, as_yaml.returncode) == (0, 0)
    assert document["openapi"].startswith("3.1")
    assert "/v1/search/isbn" in document["paths"]
    assert yaml.safe_load(as_yaml.stdout) == document
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_has_seen_enough_is_no_accident():
    command = [sys.executable, "-m", "bookstrack", "openapi"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment({})) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1
