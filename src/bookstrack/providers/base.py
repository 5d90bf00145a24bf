"""What an outside source of book facts looks like to the rest of the program."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from bookstrack.model.query import Query
from bookstrack.model.record import Findings, ProviderId
from bookstrack.upstream.budget import Budget as Budget


@runtime_checkable
class Provider(Protocol):
    """A source that answers some kinds of query with findings."""

    @property
    def name(self) -> ProviderId:
        """Return the internal id."""
        ...

    @property
    def answers(self) -> frozenset[type]:
        """Return the query types this provider understands."""
        ...

    async def ask(self, query: Query, *, within: Budget) -> Findings:
        """Ask one question.

        Returns empty findings for "not known here".

        Raises:
            ProviderProblem: the source could not be used; which one when: providers §1.1.
        """
        ...
