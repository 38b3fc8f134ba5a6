"""Ask a warehouse, ours or another one, for single rows; read only, and whatever its layout.

A plan decides by the snapshot of our warehouse. What it would be a waste to keep a copy of in every run is asked here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb
import polars as pl

from tasks.schema.table import Table

CANNOT_READ = (duckdb.Error, OSError, pl.exceptions.PolarsError, UnicodeError)
"""What opening and asking may raise: no database, a damaged or a newer one, no right to read it, other types."""


@contextmanager
def opened(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection, in UTC.

    Raises:
        OSError: there is no regular file; a FIFO would wait for a writer without end.
        duckdb.Error: it cannot be opened as a database.
        UnicodeError: its path is no UTF-8, which DuckDB cannot open.
    """
    str(warehouse).encode()
    if not warehouse.is_file():
        raise FileNotFoundError("there is no such file")
    with closing(duckdb.connect(str(warehouse), read_only=True)) as connection:
        connection.execute("SET TimeZone = 'UTC'").fetchall()
        yield connection


def columns_of(connection: duckdb.DuckDBPyConnection, table: type[Table]) -> dict[str, str]:
    """Names and types of the columns that ``table`` has there; none if it is not there."""
    found = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() "
        "WHERE table_name = ? AND schema_name = 'main' AND database_name = current_database()",
        [table.table_name()],
    )
    return dict(found.fetchall())


def rows_under_our_ids(connection: duckdb.DuckDBPyConnection, table: type[Table], chosen: pl.DataFrame) -> pl.DataFrame:
    """The rows of ``table`` for the files of ``chosen`` (``their_id``), under the id of ours (``file_id``).

    Columns that an older layout lacks are null.

    Raises:
        ValueError: it lacks a column that may not be null, or has one of another type.
    """
    present = columns_of(connection, table)
    if not present:
        return table.frame()
    columns = []
    for column in table.columns():
        if present.get(column.name) == column.duckdb_type:
            columns.append(f'theirs."{column.name}"')
        elif column.name not in present and column.nullable:
            columns.append(f'CAST(NULL AS {column.duckdb_type}) AS "{column.name}"')
        else:
            raise ValueError(
                f"its column {table.table_name()}.{column.name} is {present.get(column.name, 'not there')}"
            )
    connection.register("chosen_files", chosen)
    try:
        frame: pl.DataFrame = connection.sql(
            f"SELECT chosen_files.file_id AS our_id, {', '.join(columns)} "
            f'FROM "{table.table_name()}" AS theirs JOIN chosen_files ON theirs.file_id = chosen_files.their_id'
        ).pl()
    finally:
        connection.unregister("chosen_files")
    return (
        frame.drop("file_id").rename({"our_id": "file_id"}).select(list(table.dtypes())).cast(pl.Schema(table.dtypes()))
    )
