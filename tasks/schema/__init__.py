"""Every table of the house, each defined once: pandera model, DuckDB table and documentation in one class."""

from __future__ import annotations

from tasks.schema import files, lab, probes, runs, timings, titles  # noqa: F401 - defining the classes registers the tables
from tasks.schema.table import Column, Table, column, subclasses

__all__ = ["Column", "Table", "column", "table", "tables", "warehouse_tables"]


def tables() -> list[type[Table]]:
    """All tables, in the order of their definition."""
    return list(subclasses(Table))


def warehouse_tables() -> list[type[Table]]:
    """The tables that lie in the warehouse."""
    return [t for t in tables() if not t.is_staged_only()]


def table(name: str) -> type[Table]:
    """The table called ``name``.

    Raises:
        KeyError: there is none.
    """
    return {t.table_name(): t for t in tables()}[name]
