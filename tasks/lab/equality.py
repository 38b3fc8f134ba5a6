"""Whether two warehouses say the same about a library. Reads them with DuckDB.

Compared is every row of every table about the library, by its key, but for what cannot be equal: times at which
something was done, and the engine that did it. A faster refresh with other rows is no faster refresh.

Values must be the same to the last digit, with one exception. Two engines may stand on two versions of FFmpeg, which
differ in the length of MP4 (that of its clock, in milliseconds, or of its longest track) and of MPEG streams (a picture
more), and in the mean rate that follows from it; tests/probe/test_parity.py lists what else they differ in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from tasks.core.errors import RefreshError
from tasks.core.units import printable
from tasks.schema import warehouse_tables
from tasks.schema.probes import HOW_MEASURED, Probes, VideoStreams
from tasks.schema.runs import FileEvents, Runs
from tasks.schema.table import Column, Table
from tasks.schema.titles import Responses

SHOWN = 20
"""Rows that are named of a table; all are counted."""
ABOUT_RUNS: tuple[type[Table], ...] = (Runs, FileEvents, Responses)
"""Tables that say what was done, not what is there; so do the parts of ``runs``."""
HOW: Mapping[str, Collection[str]] = {Probes.table_name(): HOW_MEASURED}
"""Table -> columns that say what measured a row."""
LENGTH, MEAN_RATE = "duration_s", "bitrate_bps"
WITH_LENGTH = (Probes.table_name(), VideoStreams.table_name())
"""Tables whose ``LENGTH`` may differ by as much as ``LENGTH_TOLERANCE_S``."""
LENGTH_TOLERANCE_S = 0.1
RATE_TOLERANCE_RATIO = 1e-4
"""By how much the bits of a file may differ that its length and its mean rate make: rates are whole numbers."""


class TablesDiffer(RefreshError):
    """Two profiles gave other rows: whatever they took, they cannot be compared.

    Attributes:
        sides: their names.
        found: what differs.
        kept_in: folder in which the warehouses of both lie.
    """

    def __init__(self, *, sides: tuple[str, str], found: Collection[Difference], kept_in: Path) -> None:
        lines = "\n".join(f"  {one}" for one in found)
        super().__init__(
            f"{sides[0]} and {sides[1]} do not give the same tables:\n{lines}\n"
            f"the warehouses of both are kept in {printable(str(kept_in))}"
        )
        self.sides = sides
        self.found = tuple(found)
        self.kept_in = kept_in


@dataclass(frozen=True)
class Difference:
    """One row that is not the same on both sides."""

    table: str
    key: str
    what: str
    """The columns that differ, or on which side alone the row is."""

    def __str__(self) -> str:
        return f"{self.table} [{self.key}]: {self.what}"


def differences(first: Path, second: Path) -> list[Difference]:
    """What is not the same in two warehouses, at most ``SHOWN`` rows a table; empty if nothing is.

    Raises:
        duckdb.Error: one of them cannot be read, or lacks a table.
    """
    with duckdb.connect() as connection:
        for name, path in (("a", first), ("b", second)):
            quoted = str(path).replace("'", "''")
            connection.execute(f"ATTACH '{quoted}' AS {name} (READ_ONLY)")
        return [found for table in compared_tables() for found in _of_table(connection, table)]


def compared_tables() -> list[type[Table]]:
    """The tables about the library."""
    apart = {table.table_name() for table in ABOUT_RUNS}
    return [t for t in warehouse_tables() if t.table_name() not in apart and t.part_of() not in apart]


def compared_columns(table: type[Table]) -> list[Column]:
    """The columns of ``table`` that must be equal, without those of its key."""
    how = HOW.get(table.table_name(), ())
    return [c for c in table.columns() if not (c.key or c.name in how or isinstance(c.dtype, pl.Datetime))]


def _is_same(table: type[Table], column: str) -> str:
    """The condition, in SQL, under which ``column`` is the same in the rows ``x`` and ``y``; null where it is not."""
    one, other = (f'{row}."{column}"' for row in "xy")
    same = f"{one} IS NOT DISTINCT FROM {other}"
    if column == LENGTH and table.table_name() in WITH_LENGTH:
        return f"{same} OR round(abs({one} - {other}), 6) <= {LENGTH_TOLERANCE_S}"
    if column == MEAN_RATE and table is Probes:
        bits, other_bits = (f'{row}."{MEAN_RATE}" * {row}."{LENGTH}"' for row in "xy")
        follows = f"abs({bits} - {other_bits}) <= {RATE_TOLERANCE_RATIO} * {bits}"
        return f'{same} OR x."{LENGTH}" <> y."{LENGTH}" AND {follows}'
    return same


def _of_table(connection: duckdb.DuckDBPyConnection, table: type[Table]) -> list[Difference]:
    name, keys = table.table_name(), table.key()
    differing = ", ".join(
        f"CASE WHEN ({_is_same(table, c.name)}) IS NOT TRUE THEN '{c.name}' END" for c in compared_columns(table)
    )
    shown_key = ", ".join(f'CAST(coalesce(x."{key}", y."{key}") AS VARCHAR)' for key in keys)
    same_key = " AND ".join(f'x."{key}" = y."{key}"' for key in keys)
    alone = [
        f"WHEN {alias}.\"{keys[0]}\" IS NULL THEN 'only in the {other}'"
        for alias, other in (("y", "first"), ("x", "second"))
    ]
    rows = connection.execute(
        f"SELECT * FROM (SELECT concat_ws(', ', {shown_key}) AS shown_key, "
        f"CASE {' '.join(alone)} ELSE concat_ws(', ', NULL, {differing or 'NULL'}) END AS what "
        f"FROM a.{name} x FULL JOIN b.{name} y ON {same_key}) WHERE what <> '' ORDER BY ALL LIMIT {SHOWN}"
    ).fetchall()
    found = [Difference(name, key, what) for key, what in rows]
    counts = [connection.execute(f"SELECT count(*) FROM {side}.{name}").fetchall()[0][0] for side in "ab"]
    if counts[0] != counts[1]:
        found.append(Difference(name, "all rows", f"{counts[0]:,} in the first, {counts[1]:,} in the second"))
    return found
