"""``bookstrack worker`` where it cannot work; the tests with processes are in acceptance."""

from __future__ import annotations

import pytest

from bookstrack.cli.main import main


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("JOB_WORKERS", "0", "BOOKSTRACK_JOB_WORKERS: is 0, so a worker has nothing to do"),
        ("JOB_WORKERS", "many", "BOOKSTRACK_JOB_WORKERS: must be a number"),
    ],
)
def test_wrong_settings_stop_it(monkeypatch, capsys, tmp_path, name, value, said):
    monkeypatch.setenv("BOOKSTRACK_DATA_DIR", str(tmp_path))
    monkeypatch.setenv(f"BOOKSTRACK_{name}", value)
    with pytest.raises(SystemExit) as ended:
        main(["worker"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"bookstrack: {said}\n"
