"""What operators may switch off in the catalogue while it runs (operations §3)."""

from __future__ import annotations

from typing import Protocol

READS = "enable_d1_reads"
"""Off: our own tables are not read between caches and providers."""
WRITES = "enable_d1_writes"
"""Off: what providers answer is not written to our own tables."""
FACTS = "wikidata_enrichment"
"""Off: nobody is asked for facts about authors; those that are known still show."""


class Switches(Protocol):
    """Tells whether something is on."""

    async def enabled(
        self, name: str, user_id: str | None = None, *, isbn: str | None = None
    ) -> bool:
        """Tell whether it is; an ``isbn`` decides where it is on for a part of all books."""
        ...
