"""What a view is: a name, words and a query."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """One view of the warehouse."""

    name: str
    words: str
    """What it shows and what one row is."""
    sql: str
    """Its query, without a semicolon."""
