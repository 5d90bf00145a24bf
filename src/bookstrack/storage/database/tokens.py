"""API tokens as they are kept: by id, with the hash of the secret and never the secret."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import select

from bookstrack.storage.database.engine import Database
from bookstrack.storage.database.tables import api_tokens


class KeptToken(Struct, frozen=True, kw_only=True):
    """What decides whether a token is valid; moments are epoch seconds."""

    digest: str
    expires_at: float | None
    revoked_at: float | None


class TokenStore:
    """Reads tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, token_id: str) -> KeptToken | None:
        """Return the token of this id, valid or not.

        Raises:
            StorageUnavailable: the database cannot be reached.
        """
        columns = api_tokens.c
        statement = select(columns.token_hash, columns.expires_at, columns.revoked_at).where(
            columns.id == token_id
        )
        async with self._database.connect("token_read") as connection:
            row = (await connection.execute(statement)).one_or_none()
        if row is None:
            return None
        return KeptToken(
            digest=row.token_hash, expires_at=row.expires_at, revoked_at=row.revoked_at
        )
