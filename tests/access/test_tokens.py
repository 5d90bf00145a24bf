"""Who holds which API token: made-up, unknown, expired, revoked, and while the database is away."""

from __future__ import annotations

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
    assert await tokens.identity(TOKEN) == ID


async def test_an_unknown_token_is_nobody(tokens):
    assert await tokens.identity(TOKEN) is None


async def test_the_secret_decides_not_the_id(database, tokens):
    await keep(database)
    other = f"bt_{ID}_{'A' * 43}"
    assert await tokens.identity(other) is None


async def test_the_secret_is_worthless_under_another_id(database, tokens):
    await keep(database)
    assert await tokens.identity(TOKEN.replace(ID, "abcdefgh")) is None


@pytest.mark.parametrize("moved", [59, 60])
async def test_a_token_ends_at_its_moment(database, tokens, clock, moved):
    await keep(database, expires=int(clock.time()) + 60)
    await clock.advance(moved)
    assert await tokens.identity(TOKEN) == (ID if moved < 60 else None)


async def test_a_revoked_token_is_nobody(database, tokens, clock):
    await keep(database, revoked=int(clock.time()))
    assert await tokens.identity(TOKEN) is None


@pytest.mark.parametrize("given", ["", "bt_", TOKEN[:-1], TOKEN + "A", TOKEN.replace("_", "-")])
async def test_what_has_not_the_form_costs_no_read(given, reads, tokens):
    assert await tokens.identity(given) is None
    assert reads.count == 0


async def test_an_answer_is_remembered_for_half_a_minute(database, reads, tokens, clock):
    await keep(database)
    assert await tokens.identity(TOKEN) == ID
    await clock.advance(29)
    assert await tokens.identity(TOKEN) == ID
    assert reads.count == 1
    await clock.advance(1)
    assert await tokens.identity(TOKEN) == ID
    assert reads.count == 2


async def test_a_failed_read_is_not_remembered(database, reads, tokens):
    await keep(database)
    reads.reachable = False
    assert await tokens.identity(TOKEN) is None
    reads.reachable = True
    assert await tokens.identity(TOKEN) == ID
