"""The roots that the warehouse knows: what a folder that a person names may be, or be part of."""

from __future__ import annotations

from pathlib import Path

from tasks.schema.files import Roots
from tasks.warehouse.connect import opened_read_only
from tasks.warehouse.migrate import current_layout, found_layout, present_columns


def known_roots(warehouse: Path) -> list[bytes]:
    """Paths of the roots of earlier runs; none where there is no warehouse, or it is older than the table.

    Raises:
        WarehouseDamaged: the file is no DuckDB database.
        WarehouseTooNew: it was written by a newer version of this program.
    """
    if not warehouse.exists():
        return []
    with opened_read_only(warehouse) as connection:
        found_layout(connection, current_layout())
        if not present_columns(connection, Roots):
            return []
        paths = connection.execute(f'SELECT path_bytes FROM "{Roots.table_name()}"').fetchall()
        return [bytes(path) for (path,) in paths]
