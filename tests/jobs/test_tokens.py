"""The text of job tokens."""

from __future__ import annotations

from uuid import UUID

import pytest

from bookstrack.jobs.tokens import matches, mint


def test_a_token_has_the_shape_of_a_uuid_of_version_8():
    token = mint(b"secret", "job", 1)
    found = UUID(token)
    assert str(found) == token
    assert (found.version, found.variant) == (8, "specified in RFC 4122")


def test_the_same_job_and_generation_make_the_same_token():
    assert mint(b"secret", "job", 1) == mint(b"secret", "job", 1)


def test_everything_that_goes_in_makes_a_difference():
    tokens = [
        mint(secret, job, generation)
        for secret in (b"secret", b"other")
        for job in ("a", "A", "a1", "b")
        for generation in (1, 2, 11)
    ]
    assert len(set(tokens)) == len(tokens)


@pytest.mark.parametrize("wrong", ["", "ä", "x" * 36, "\udcff", "0" * 10_000])
def test_anything_else_does_not_match(wrong):
    assert not matches(b"secret", "job", 1, wrong)


def test_the_right_token_matches_in_either_case():
    token = mint(b"secret", "job", 3)
    assert matches(b"secret", "job", 3, token)
    assert matches(b"secret", "job", 3, token.upper())
    assert not matches(b"secret", "job", 4, token)
    assert not matches(b"secret", "Job", 3, token)
