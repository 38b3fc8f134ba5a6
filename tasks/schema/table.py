"""What a table is here: one class that pandera checks, DuckDB stores and people read."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

import pandera.polars as pa
import polars as pl


def column(
    words: str,
    *,
    unit: str | None = None,
    key: bool = False,
    nullable: bool = False,
    **checks: Any,
) -> Any:
    """Define one column: its words, unit and checks, once for all uses.

    Args:
        words: what the column holds, one sentence; say what null means if it is not "unknown".
        unit: unit of the number, as shown in the documentation.
        key: part of the table's key.
        checks: pandera's built-in checks (``ge``, ``gt``, ``le``, ``isin``, ``str_matches``).
    """
    return pa.Field(description=words, metadata={"unit": unit, "key": key}, nullable=nullable, **checks)


@dataclass(frozen=True)
class Column:
    """One column as documentation and DuckDB see it."""

    name: str
    duckdb_type: str
    dtype: pl.DataType
    nullable: bool
    key: bool
    unit: str | None
    words: str


class _Traits(NamedTuple):
    part_of: str | None
    staged_only: bool


_traits: dict[type, _Traits] = {}  # kept outside the classes: pandera takes every class attribute for a column


class Table(pa.DataFrameModel):
    """Base of every table.

    Class arguments:
        part_of: table whose key these rows belong to. When a row of that table is loaded, all rows here that share its
            key are replaced, so that a file probed again does not keep the streams it no longer has.
        staged_only: the table travels between steps and has no place in the warehouse.
    """

    class Config:
        """Exactly these columns, in any order."""

        strict = True

    def __init_subclass__(cls, *, part_of: str | None = None, staged_only: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)  # type: ignore[no-untyped-call]
        _traits[cls] = _Traits(part_of, staged_only)

    @classmethod
    def part_of(cls) -> str | None:
        """Name of the table whose rows own these rows."""
        return _traits[cls].part_of

    @classmethod
    def is_staged_only(cls) -> bool:
        """Whether the table has no place in the warehouse."""
        return _traits[cls].staged_only

    @classmethod
    def table_name(cls) -> str:
        """``VideoStreams`` -> ``video_streams``."""
        name = cls.__name__
        return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))

    @classmethod
    def columns(cls) -> list[Column]:
        """The columns in the order of their definition."""
        return list(_columns(cls))

    @classmethod
    def key(cls) -> list[str]:
        """Names of the key columns."""
        return [c.name for c in cls.columns() if c.key]

    @classmethod
    def dtypes(cls) -> dict[str, pl.DataType]:
        """Column name -> Polars type."""
        return {c.name: c.dtype for c in cls.columns()}

    @classmethod
    def frame(cls, rows: Iterable[Mapping[str, Any]] = ()) -> pl.DataFrame:
        """A frame of this table from ``rows``; columns that a row does not name are null.

        Raises:
            KeyError: a row names a column that the table does not have.
            TypeError: a value does not fit its column's type.
        """
        dtypes = cls.dtypes()
        rows = list(rows)
        gaps: dict[str, None] = {}
        for row in rows:
            if row.keys() != dtypes.keys():
                if not row.keys() <= dtypes.keys():
                    raise KeyError(f"{cls.table_name()} has no column {sorted(row.keys() - dtypes.keys())}")
                gaps = dict.fromkeys(dtypes)
        if gaps:
            rows = [{**gaps, **row} for row in rows]
        return pl.DataFrame({n: list(map(itemgetter(n), rows)) for n in dtypes}, schema=dtypes, strict=True)

    @classmethod
    def fitted(cls, frame: pl.DataFrame) -> pl.DataFrame:
        """``frame`` with exactly the columns of this table, in their order; those that it does not have are null.

        Raises:
            ValueError: it lacks a column that may not be null.
            polars.exceptions.PolarsError: the values of a column are of another kind.
        """
        lacking = [c for c in cls.columns() if c.name not in frame.columns]
        if any(not c.nullable for c in lacking):
            raise ValueError(f"{cls.table_name()} lacks {[c.name for c in lacking]}")
        dtypes = cls.dtypes()
        complete = frame.with_columns(pl.lit(None, dtype=c.dtype).alias(c.name) for c in lacking)
        return complete.select(list(dtypes)).cast(pl.Schema(dtypes))


@functools.cache
def _columns(table: type[Table]) -> tuple[Column, ...]:
    """Kept: a table never changes, and frames of it are made for every few hundred files."""
    found = []
    for name, spec in table.to_schema().columns.items():
        metadata = spec.metadata or {}
        dtype = spec.dtype.type
        found.append(
            Column(
                name=name,
                duckdb_type=duckdb_type(dtype),
                dtype=dtype,
                nullable=bool(spec.nullable),
                key=bool(metadata.get("key")),
                unit=metadata.get("unit"),
                words=spec.description or "",
            )
        )
    return tuple(found)


def duckdb_type(dtype: Any) -> str:
    """The DuckDB type that holds a Polars type without loss.

    Source: https://duckdb.org/docs/stable/sql/data_types/overview (Polars hands its columns over as Arrow).
    """
    if isinstance(dtype, pl.List):
        return f"{duckdb_type(dtype.inner)}[]"
    if isinstance(dtype, pl.Datetime):
        return "TIMESTAMP WITH TIME ZONE"
    return _DUCKDB_TYPES[dtype.base_type()]


_DUCKDB_TYPES: Mapping[Any, str] = {
    pl.String: "VARCHAR",
    pl.Int64: "BIGINT",
    pl.UInt64: "UBIGINT",
    pl.Float64: "DOUBLE",
    pl.Boolean: "BOOLEAN",
    pl.Date: "DATE",
    pl.Binary: "BLOB",
}


def subclasses(base: type[Table]) -> Iterator[type[Table]]:
    """Every table defined below ``base``."""
    for cls in base.__subclasses__():
        yield cls
        yield from subclasses(cls)
