"""Check the rows of a table: the good ones, and the refused ones with the reason. Pure: frames in, frames out."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from pandera.errors import SchemaErrors

from tasks.schema.table import Table

REASON = "reason"
_VALUE_LENGTH = 80
"""Characters of a refused value that are shown; tags and plots can be as long as they like."""
_ROWS_A_CHECK = 100_000
"""Rows validated at once: pandera copies what it validates, and a million rows of ``probes`` are 250 MB."""
_FAULTS = {"index": pl.Int64, "text": pl.String}


@dataclass(frozen=True)
class Checked:
    """The rows of a table, parted."""

    good: pl.DataFrame
    refused: pl.DataFrame
    """The table's columns and ``reason``: every check that failed, as ``column=value fails check``."""


def aligned(table: type[Table], frame: pl.DataFrame) -> pl.DataFrame:
    """``frame`` with exactly the columns of ``table``, in its order.

    A column of nulls only has no type of its own and takes the table's. NaN, which says "no number", becomes null.

    Raises:
        KeyError: a column is missing or unknown: a bug of the step that wrote the rows, not a fault of the data.
        TypeError: a column has another type; also a bug.
    """
    dtypes = table.dtypes()
    if set(frame.columns) != set(dtypes):
        wrong = sorted(set(frame.columns) ^ set(dtypes))
        raise KeyError(f"rows of {table.table_name()} were staged with other columns than the table has: {wrong}")
    for name, dtype in dtypes.items():
        if frame.schema[name] not in (dtype, pl.Null):
            raise TypeError(f"{table.table_name()}.{name} was staged as {frame.schema[name]}, it is {dtype}")
    return frame.select(
        pl.col(name).cast(dtype).fill_nan(None) if dtype == pl.Float64 else pl.col(name).cast(dtype)
        for name, dtype in dtypes.items()
    )


def has_twins(frame: pl.DataFrame, key: list[str]) -> bool:
    """Whether two rows share a key.

    Counting the hashes of a million keys takes a tenth of the memory of comparing them; equal hashes are looked at.
    """
    return frame.select(pl.struct(key).hash().n_unique()).item() < frame.height and bool(
        frame.select(key).is_duplicated().any()
    )


def last_by_key(table: type[Table], frame: pl.DataFrame) -> pl.DataFrame:
    """``frame`` with one row a key, the last one; the order of the rows that stay is kept.

    Decided before the rows are checked, because a failed check for uniqueness would refuse both twins. Rows with a hole
    in their key are all kept: they are no twins, each is refused by its own check.
    """
    key = table.key()
    if not has_twins(frame, key):
        return frame
    has_hole = pl.any_horizontal(pl.col(c.name).is_null() for c in table.columns() if c.key and not c.nullable)
    return frame.filter(has_hole | pl.struct(key).is_last_distinct())


def checked(table: type[Table], frame: pl.DataFrame) -> Checked:
    """Part the rows of an aligned ``frame`` by the checks of ``table``.

    Infinite numbers are refused everywhere: they come from a division by zero, and no column means them.

    Raises:
        pandera.errors.SchemaErrors: something else than values is wrong, which :func:`aligned` should have seen.
    """
    faults = [
        found.with_columns(pl.col("index") + number * _ROWS_A_CHECK)
        for number, rows in enumerate(frame.iter_slices(_ROWS_A_CHECK))
        if (found := _faults(table, rows)).height
    ]
    if not faults:
        return Checked(frame, frame.clear().with_columns(pl.lit(None, dtype=pl.String).alias(REASON)))
    reasons = (
        pl.concat(faults)
        .sort("index", "text")
        .group_by("index", maintain_order=True)
        .agg(pl.col("text").str.join("; ").alias(REASON))
    )
    is_refused = pl.int_range(pl.len()).is_in(reasons["index"].implode())
    return Checked(
        good=frame.filter(~is_refused),
        refused=frame.filter(is_refused).with_columns(reasons[REASON]),
    )


def _faults(table: type[Table], rows: pl.DataFrame) -> pl.DataFrame:
    """One row a failed check: ``index`` of the row it failed for, and ``text``."""
    found = [
        rows.select(index=pl.arg_where(pl.col(name).is_infinite()), text=pl.lit(f"{name} is infinite"))
        for name, dtype in table.dtypes().items()
        if dtype == pl.Float64 and rows[name].is_infinite().any()
    ]
    try:
        table.validate(rows, lazy=True)
    except SchemaErrors as exc:
        cases: pl.DataFrame = exc.failure_cases
        if cases["index"].null_count():
            raise
        value = pl.col("failure_case").fill_null("null").str.slice(0, _VALUE_LENGTH)
        found.append(cases.select("index", text=pl.format("{}={} fails {}", "column", value, "check")))
    columns = [pl.col("index").cast(pl.Int64), "text"]
    return pl.concat([f.select(columns) for f in found]) if found else pl.DataFrame(schema=_FAULTS)


def without_owner(part: pl.DataFrame, refused_owners: pl.DataFrame, *, owner: type[Table]) -> Checked:
    """Part the rows of ``part`` by whether the row they belong to was refused; such a row takes its parts with it."""
    key = owner.key()
    reason = pl.format(f"part of a row of {owner.table_name()} that was refused: {{}}", REASON).alias(REASON)
    lost = part.join(
        refused_owners.select(*key, reason).unique(key, keep="first"), on=key, how="inner", maintain_order="left"
    )
    good = part.join(refused_owners.select(key), on=key, how="anti", maintain_order="left") if lost.height else part
    return Checked(good=good, refused=lost)
