"""``bookstrack flags``: what is shown, and that changes are kept."""

from __future__ import annotations

import pytest

from bookstrack.testing.processes import run_command


@pytest.fixture
def flags(tmp_path):
    settings = {
        "BOOKSTRACK_DATA_DIR": str(tmp_path / "data"),
        "BOOKSTRACK_OFFLINE": "true",
        "COLUMNS": "160",
    }

    def run(*arguments):
        return run_command("flags", *arguments, settings=settings, folder=tmp_path)

    return run


def row(done, name):
    [line] = [line for line in done.stdout.splitlines() if f" {name} " in line]
    return [cell.strip() for cell in line.strip("│ ").split("│")]


def test_a_flag_is_switched_rolled_out_and_forgotten(flags):
    assert row(flags("list"), "sseRollout")[1:3] == ["yes", "100 %"]
    done = flags("rollout", "sseRollout", "25", "--reason", "day five")
    assert (done.returncode, done.stderr) == (0, "")
    assert flags("set", "enable_d1_reads", "off").returncode == 0
    shown = flags("list")
    assert row(shown, "sseRollout")[1:3] == ["no", "25 %"]
    assert row(shown, "sseRollout")[4] == "day five"
    assert row(shown, "enable_d1_reads")[1] == "no"
    assert flags("set", "enable_d1_reads", "default").returncode == 0
    assert row(flags("list", "--user", "u"), "enable_d1_reads")[1] == "yes"


@pytest.mark.parametrize(
    "arguments",
    [("set", "nonsense", "on"), ("set", "sseRollout", "maybe"), ("rollout", "sseRollout", "101")],
)
def test_wrong_use_is_said_in_words(flags, arguments):
    done = flags(*arguments)
    assert done.returncode == 2
    assert done.stderr.strip()
