"""What every metadata service offers the rooms above, whichever it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tasks.http.client import Usage
from tasks.http.store import Answer
from tasks.schema.table import Table

Facts = dict[type[Table], list[dict[str, Any]]]
"""Rows by table."""


@dataclass(frozen=True)
class Candidate:
    """A title that a service offers as an answer to a search."""

    provider_id: str
    title: str | None
    original_title: str | None
    year: int | None
    vote_count: int
    """Votes at the service: how well known it is. 0 where the service does not say."""


class Provider(Protocol):
    """A metadata service: questions as coroutines for the network thread, answers read by plain functions.

    Questions raise what :meth:`tasks.http.answers.Source.fetch` raises. Readers raise ``AnswerInvalid``, and then drop
    the answer from the store, so that it is asked for again.
    """

    name: str
    usage: Usage

    async def search(self, kind: str, title: str, year: int | None) -> Answer:
        """Look for ``title``, in ``year`` only where one is given."""
        ...

    async def head(self, kind: str, provider_id: str) -> Answer:
        """Enough of one title for a match."""
        ...

    async def details(self, kind: str, provider_id: str) -> Answer:
        """All about one title, but for what :meth:`later_seasons` names."""
        ...

    async def details_by_imdb(self, kind: str, imdb_id: str) -> Answer:
        """The title with an IMDb id: its head or a list of candidates."""
        ...

    async def find_show_by_tvdb(self, tvdb_id: int) -> Answer:
        """The show with a TVDB id, as a list of candidates."""
        ...

    async def seasons(self, provider_id: str, numbers: Sequence[int]) -> list[Answer]:
        """Seasons of a show that its details could not hold."""
        ...

    async def collection(self, provider_id: str) -> Answer:
        """A collection, its parts and pictures."""
        ...

    def candidates(self, kind: str, answer: Answer) -> list[Candidate]:
        """The titles in an answer to :meth:`search`, :meth:`head` or one of the other id questions, in its order."""
        ...

    def keep_under_id(self, kind: str, provider_id: str, head: Answer) -> None:
        """Let a head that was asked for by another service's id answer the question by the service's own id."""
        ...

    def later_seasons(self, kind: str, details: Answer) -> list[int]:
        """Numbers for :meth:`seasons`."""
        ...

    def title_facts(self, kind: str, title_id: str, details: Answer, seasons: Sequence[Answer]) -> Facts:
        """Rows of everything that answers say about one title."""
        ...

    def collection_facts(self, collection_id: str, answer: Answer) -> Facts:
        """Rows of everything that an answer says about one collection."""
        ...

    def flush(self) -> None:
        """Commit the answers that are not yet on disk."""
        ...


def merged(parts: Iterable[Facts]) -> Facts:
    """The rows of all ``parts`` by table."""
    together: Facts = {}
    for part in parts:
        for table, rows in part.items():
            together.setdefault(table, []).extend(rows)
    return together
