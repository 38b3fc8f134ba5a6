"""Bring a warehouse of any age to the layout of this program, inside the transaction of whoever calls.

What can be seen from the classes is done from them: missing tables, missing columns that may be null, columns that may
be null now, views, comments. What needs knowledge (rename, drop, change of type, backfill) is a numbered migration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version

import duckdb

from tasks.core.errors import WarehouseTooNew
from tasks.core.ids import digest
from tasks.schema import warehouse_tables
from tasks.schema.table import Table
from tasks.schema.views import View, views
from tasks.warehouse import ddl


@dataclass(frozen=True)
class Migration:
    """One numbered step; all its statements run, or none."""

    to: int
    """Schema version it leads to, one more than the one it starts from."""
    words: str
    """What it changes and why."""
    statements: tuple[str, ...]


MIGRATIONS: tuple[Migration, ...] = ()
"""All steps since version 1, the layout of the first release. Steps are never changed and never taken out."""


@dataclass(frozen=True)
class Layout:
    """What a warehouse of this program looks like."""

    tables: tuple[type[Table], ...]
    views: tuple[View, ...]
    migrations: tuple[Migration, ...] = MIGRATIONS

    @property
    def version(self) -> int:
        """Schema version it has."""
        return max((migration.to for migration in self.migrations), default=1)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of every statement that makes it; another one means that a warehouse must be brought up to date."""
        return digest(str(self.version), ddl.as_sql(self.tables, self.views))


def current_layout() -> Layout:
    """The layout of this program."""
    return Layout(tuple(warehouse_tables()), tuple(views()))


def found_layout(connection: duckdb.DuckDBPyConnection, known: Layout) -> tuple[int, str] | None:
    """Schema version and fingerprint of a warehouse; ``None`` for a database in which we have not been.

    Raises:
        WarehouseTooNew: its version is above the ``known`` one: a newer version of this program has written it.
    """
    if not connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'meta'").fetchall():
        return None
    [(found, fingerprint, written_by)] = connection.execute(
        "SELECT schema_version, fingerprint, written_by FROM meta"
    ).fetchall()
    if found > known.version:
        raise WarehouseTooNew(
            f"the warehouse has schema version {found}, written by reelhouse {written_by}; this is reelhouse "
            f"{version('reelhouse')}, which knows versions up to {known.version}: update it"
        )
    return found, fingerprint


def present_columns(connection: duckdb.DuckDBPyConnection, table: type[Table]) -> dict[str, tuple[str, bool]]:
    """The columns that ``table`` has in the warehouse: type, and whether it may be null; none if it is not there."""
    found = connection.execute(
        "SELECT column_name, data_type, is_nullable FROM duckdb_columns() "
        "WHERE table_name = ? AND schema_name = 'main' AND database_name = current_database()",
        [table.table_name()],
    )
    return {name: (data_type, is_nullable) for name, data_type, is_nullable in found.fetchall()}


def migrate(connection: duckdb.DuckDBPyConnection, layout: Layout | None = None) -> None:
    """Bring the warehouse behind ``connection`` to ``layout``; nothing is done where it has it already.

    Raises:
        WarehouseTooNew: a newer version of this program has written it.
        ValueError: the classes have changed in a way that needs a numbered migration, and there is none; our bug.
    """
    layout = layout or current_layout()
    now = found_layout(connection, layout)
    if now == (layout.version, layout.fingerprint):
        return
    if now is None:
        connection.execute(
            "CREATE TABLE meta (schema_version BIGINT NOT NULL, fingerprint VARCHAR NOT NULL, "
            "written_by VARCHAR NOT NULL)"
        ).fetchall()
        connection.execute(
            "COMMENT ON TABLE meta IS 'Layout of this warehouse, and the version of reelhouse that made it; one row.'"
        ).fetchall()
    else:
        for migration in sorted(layout.migrations, key=lambda m: m.to):
            if migration.to > now[0]:
                _run(connection, migration.statements)
    for table in layout.tables:
        _complete(connection, table)
        _run(connection, ddl.comment_table(table))
    for view in layout.views:
        _run(connection, ddl.create_view(view))
    connection.execute("DELETE FROM meta").fetchall()
    connection.execute(
        "INSERT INTO meta VALUES (?, ?, ?)", [layout.version, layout.fingerprint, version("reelhouse")]
    ).fetchall()


def _complete(connection: duckdb.DuckDBPyConnection, table: type[Table]) -> None:
    """Make ``table``, or add to it what it lacks."""
    name = table.table_name()
    present = present_columns(connection, table)
    if not present:
        _run(connection, [ddl.create_table(table)])
        return
    for column in table.columns():
        altered = f"ALTER TABLE {ddl.quoted(name)} "
        if column.name not in present:
            if not column.nullable:
                raise ValueError(f"{name}.{column.name} is new and may not be null: that needs a numbered migration")
            _run(connection, [f"{altered} ADD COLUMN {ddl.column_definition(column)}"])
            continue
        data_type, is_nullable = present.pop(column.name)
        if data_type != column.duckdb_type:
            raise ValueError(
                f"{name}.{column.name} was {data_type} and is {column.duckdb_type}: that needs a numbered migration"
            )
        if column.nullable and not is_nullable:
            _run(connection, [f"{altered} ALTER COLUMN {ddl.quoted(column.name)} DROP NOT NULL"])
        elif is_nullable and not column.nullable:
            raise ValueError(f"{name}.{column.name} may not be null any more: that needs a numbered migration")
    if present:
        raise ValueError(f"{name} has lost {sorted(present)}: dropping or renaming needs a numbered migration")


def _run(connection: duckdb.DuckDBPyConnection, statements: Sequence[str]) -> None:
    for statement in statements:
        connection.execute(statement).fetchall()
