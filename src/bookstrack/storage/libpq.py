"""PostgreSQL addresses in the form that libpq, psycopg and plain asyncpg read."""

from __future__ import annotations

from bookstrack.storage.database.address import driver_url


def libpq_url(url: str) -> str:
    """Return ``postgresql://…`` with the password in it and ``sslmode`` spelt libpq's way.

    Raises:
        ConfigurationProblem: this is no PostgreSQL address.
    """
    address = driver_url(url)
    query = dict(address.query)
    if "ssl" in query:
        query["sslmode"] = query.pop("ssl")
    plain = address.set(drivername="postgresql", query=query)
    return plain.render_as_string(hide_password=False)
