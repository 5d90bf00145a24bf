"""Where the secret behind job tokens comes from."""

from __future__ import annotations

import stat
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from bookstrack.errors import ConfigurationProblem
from bookstrack.jobs.secret import job_secret
from bookstrack.settings import Secret


def test_a_secret_that_is_set_is_taken_and_nothing_is_written(tmp_path):
    assert job_secret(Secret("given"), data_dir=str(tmp_path)) == b"given"
    assert not list(tmp_path.iterdir())


def test_a_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path):
    folder = tmp_path / "data"
    made = job_secret(Secret(), data_dir=str(folder))
    assert len(made) == 64
    assert job_secret(Secret(), data_dir=str(folder)) == made
    (file,) = folder.iterdir()
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_those_who_start_at_the_same_time_get_the_same_secret(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: job_secret(Secret(), data_dir=str(tmp_path)), range(64)))
    assert len(set(found)) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_used_is_a_mistake_of_configuration(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationProblem, match="SECRET_KEY"):
        job_secret(Secret(), data_dir=str(tmp_path / "file"))


def test_an_empty_file_is_no_secret(tmp_path):
    (tmp_path / "secret_key").write_text("\n")
    with pytest.raises(ConfigurationProblem, match="empty"):
        job_secret(Secret(), data_dir=str(tmp_path))
