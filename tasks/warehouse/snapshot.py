"""What the warehouse knew when a run began, as Parquet in staging.

Plans compare with this copy, not with the warehouse, so a retry of the run decides as the first attempt did, even after
a load in between. It is read from the file as it is, also by a newer program: columns that an older layout lacks are
null.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import duckdb

from tasks.core import atomic
from tasks.schema.table import Table
from tasks.staging import known_path
from tasks.warehouse.connect import opened_read_only
from tasks.warehouse.migrate import current_layout, found_layout, present_columns


def write_snapshot(warehouse: Path, wanted: Iterable[type[Table]], *, staging: Path) -> None:
    """Write each of the ``wanted`` tables into ``staging``; empty where the warehouse has none.

    Raises:
        WarehouseDamaged: the file is no DuckDB database.
        WarehouseTooNew: it was written by a newer version of this program.
    """
    if not warehouse.exists():
        for table in wanted:
            with atomic.writing(known_path(table, staging=staging)) as temporary:
                table.frame().write_parquet(temporary)
        return
    with opened_read_only(warehouse) as connection:
        found_layout(connection, current_layout())
        for table in wanted:
            with atomic.writing(known_path(table, staging=staging)) as temporary:
                _copy(connection, table, temporary)


def _copy(connection: duckdb.DuckDBPyConnection, table: type[Table], target: Path) -> None:
    present = present_columns(connection, table)
    if not present:
        table.frame().write_parquet(target)
        return
    columns = ", ".join(
        f'"{c.name}"' if c.name in present else f'CAST(NULL AS {c.duckdb_type}) AS "{c.name}"' for c in table.columns()
    )
    # DuckDB hands its columns over as Arrow; Polars writes them with the types of the schema class.
    frame = connection.sql(f'SELECT {columns} FROM "{table.table_name()}"').pl()
    frame.cast(table.dtypes()).write_parquet(target)
