"""Who holds which API token: made-up, unknown, expired, revoked, and while the database is away."""

from __future__ import annotations

import asyncio
import random

import pytest
from sqlalchemy import text

from bookstrack.access.tokens import ApiTokens, mint
from bookstrack.errors import StorageUnavailable
from bookstrack.storage.database.engine import open_database
from bookstrack.storage.database.tokens import TokenStore

TOKEN, ID, DIGEST = mint(random.Random(7).randbytes)


class Reads:
    """A store that counts how often it is asked, and can be cut off."""

    def __init__(self, store: TokenStore) -> None:
        self._store = store
        self.count = 0
        self.reachable = True

    async def find(self, token_id: str):
        self.count += 1
        if not self.reachable:
            raise StorageUnavailable("the database is away")
        return await self._store.find(token_id)


@pytest.fixture
async def database(database_url, metrics):
    async with open_database(database_url, metrics=metrics) as opened:
        yield opened


@pytest.fixture
def reads(database):
    return Reads(TokenStore(database))


@pytest.fixture
def tokens(reads, clock):
    return ApiTokens(reads, clock)


async def keep(database, **changes):
    row = {"id": ID, "hash": DIGEST, "expires": None, "revoked": None} | changes
    statement = text(
        "INSERT INTO api_tokens"
        " (id, user_id, name, token_hash, scopes, created_at, expires_at, revoked_at)"
        " VALUES (:id, 'ada', 'phone', :hash, 'search', 1, :expires, :revoked)"
    )
    async with database.begin("test") as connection:
        await connection.execute(statement, row)


def test_a_minted_token_has_the_documented_form():
    assert len(ID) == 8
    assert ID.isalnum()
    assert TOKEN.startswith(f"bt_{ID}_")
    assert len(TOKEN) == 3 + 8 + 1 + 43
    assert len(DIGEST) == 64
    assert DIGEST not in TOKEN


async def test_a_kept_token_is_recognised(database, tokens):
    await keep(database)
    assert await tokens.identity(TOKEN, caller="house") == ID


async def test_an_unknown_token_is_nobody(tokens):
    assert await tokens.identity(TOKEN, caller="house") is None


async def test_the_secret_decides_not_the_id(database, tokens):
    await keep(database)
    other = f"bt_{ID}_{'A' * 43}"
    assert await tokens.identity(other, caller="house") is None


async def test_the_secret_is_worthless_under_another_id(database, tokens):
    await keep(database)
    assert await tokens.identity(TOKEN.replace(ID, "abcdefgh"), caller="house") is None


@pytest.mark.parametrize("moved", [59, 60])
async def test_a_token_ends_at_its_moment(database, tokens, clock, moved):
    await keep(database, expires=int(clock.time()) + 60)
    await clock.advance(moved)
    assert await tokens.identity(TOKEN, caller="house") == (ID if moved < 60 else None)


async def test_a_revoked_token_is_nobody(database, tokens, clock):
    await keep(database, revoked=int(clock.time()))
    assert await tokens.identity(TOKEN, caller="house") is None


@pytest.mark.parametrize("given", ["", "bt_", TOKEN[:-1], TOKEN + "A", TOKEN.replace("_", "-")])
async def test_what_has_not_the_form_costs_no_read(given, reads, tokens):
    assert await tokens.identity(given, caller="house") is None
    assert reads.count == 0


async def test_an_answer_is_remembered_for_half_a_minute(database, reads, tokens, clock):
    await keep(database)
    assert await tokens.identity(TOKEN, caller="house") == ID
    await clock.advance(29)
    assert await tokens.identity(TOKEN, caller="house") == ID
    assert reads.count == 1
    await clock.advance(1)
    assert await tokens.identity(TOKEN, caller="house") == ID
    assert reads.count == 2


async def test_a_failed_read_is_not_remembered(database, reads, tokens):
    await keep(database)
    reads.reachable = False
    assert await tokens.identity(TOKEN, caller="house") is None
    reads.reachable = True
    assert await tokens.identity(TOKEN, caller="house") == ID


def made_up(number: int) -> str:
    return mint(random.Random(1000 + number).randbytes)[0]


async def test_a_caller_may_fail_ten_times_a_minute(database, reads, tokens, clock):
    await keep(database)
    for number in range(40):
        assert await tokens.identity(made_up(number), caller="liar") is None
    assert reads.count == 10
    assert await tokens.identity(TOKEN, caller="liar") is None
    assert await tokens.identity(TOKEN, caller="other") == ID
    assert reads.count == 11
    assert await tokens.identity(TOKEN, caller="liar") == ID  # known by now
    await clock.advance(31)
    assert await tokens.identity(TOKEN, caller="liar") == ID  # also when it is looked up again
    assert reads.count == 12
    await clock.advance(30)
    assert await tokens.identity(made_up(99), caller="liar") is None
    assert reads.count == 13


async def test_failures_at_the_same_moment_are_bounded_too(reads, tokens):
    await asyncio.gather(*(tokens.identity(made_up(n), caller="liar") for n in range(40)))
    assert reads.count == 10


async def test_true_tokens_do_not_count_as_failures(database, reads, tokens, clock):
    minted = [mint(random.Random(seed).randbytes) for seed in range(30)]
    for _, token_id, digest in minted:
        await keep(database, id=token_id, hash=digest)
    for token, token_id, _ in minted:
        assert await tokens.identity(token, caller="house") == token_id
    assert reads.count == 30


async def test_a_database_that_is_away_is_nobodys_failure(database, reads, tokens):
    await keep(database)
    reads.reachable = False
    for _ in range(20):
        assert await tokens.identity(TOKEN, caller="house") is None
    reads.reachable = True
    assert await tokens.identity(TOKEN, caller="house") == ID


async def test_failures_do_not_push_out_what_is_known(database, reads, tokens):
    await keep(database)
    assert await tokens.identity(TOKEN, caller="house") == ID
    for number in range(1100):
        await tokens.identity(made_up(number), caller=f"liar {number}")
    before = reads.count
    assert await tokens.identity(TOKEN, caller="house") == ID
    assert reads.count == before


async def test_a_token_that_was_revoked_is_forgotten(database, reads, tokens, clock):
    await keep(database)
    assert await tokens.identity(TOKEN, caller="house") == ID
    async with database.begin("test") as connection:
        await connection.execute(text("UPDATE api_tokens SET revoked_at = 1"))
    await clock.advance(30)
    for _ in range(2):
        assert await tokens.identity(TOKEN, caller="house") is None
    assert reads.count == 2
