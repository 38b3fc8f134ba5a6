"""The roots that the warehouse knows: what a folder that a person names may be, or be part of."""

from __future__ import annotations

from pathlib import Path

from tasks.schema.files import Roots
from tasks.warehouse.connect import opened_read_only
from tasks.warehouse.migrate import current_layout, found_layout


def known_roots(warehouse: Path) -> list[bytes]:
    """Paths of the roots of earlier runs; none where there is no warehouse, or it is older than the table.

    Raises:
        WarehouseDamaged: the file is no DuckDB database.
        WarehouseTooNew: it was written by a newer version of this program.
    """
    if not warehouse.exists():
        return []
    table = Roots.table_name()
    with opened_read_only(warehouse) as connection:
        found_layout(connection, current_layout())
        there = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [table]).fetchone()
        if there is None:
            return []
        return [bytes(path) for (path,) in connection.execute(f'SELECT path_bytes FROM "{table}"').fetchall()]
