"""Ways to put rows into the warehouse: all rows of a table by one statement, or each row in a transaction of its own.

``by_table`` is what we use. ``by_row`` is what older programs do and stays for comparisons: it ends the transaction it
is called in and begins another one, so it is for a copy of the warehouse that nobody reads (``publish``). Both make the
same tables. What they cost is recorded by table: ``load.rows_per_statement`` (rows of an INSERT), ``load.statements``
(DELETE, INSERT and SELECT) and ``load.transactions`` (those that ``by_row`` has ended, beside that of the publishing).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import duckdb

from tasks.core.progress import progress
from tasks.core.settings import WarehouseSettings
from tasks.core.stopwatch import record_value, span
from tasks.schema.table import Table
from tasks.schema.titles import People
from tasks.warehouse.ddl import quoted


@dataclass(frozen=True)
class Incoming:
    """Rows for one table, and what they replace."""

    table: type[Table]
    source: str | None
    """SQL that gives the rows; ``None`` where there are none and rows are only taken away."""
    key: Sequence[str]
    """Columns by which rows are replaced."""
    replaced: str
    """SQL that gives the values of ``key`` whose rows go."""


Insert: TypeAlias = Callable[[duckdb.DuckDBPyConnection, Sequence[Incoming]], dict[str, int]]
"""Deletes what the rows replace and inserts them; returns rows by table."""


def insert_of(settings: WarehouseSettings) -> Insert:
    """The way of ``settings``."""
    if settings.insert == "tables":
        return by_table
    return partial(by_row, looks_up_people=settings.look_up_people)


def by_table(connection: duckdb.DuckDBPyConnection, incoming: Sequence[Incoming]) -> dict[str, int]:
    """A DELETE and an INSERT for each table, in the transaction of ``connection``."""
    counts = {}
    for new in incoming:
        name = new.table.table_name()
        with span("load.delete", item=name):
            same = " AND ".join(f"{quoted(name)}.{quoted(column)} = replaced.{quoted(column)}" for column in new.key)
            connection.execute(f"DELETE FROM {quoted(name)} USING ({new.replaced}) AS replaced WHERE {same}").fetchall()
        record_value("load.statements", 1 if new.source is None else 2, item=name)
        if new.source is None:
            continue
        with span("load.insert", item=name) as timing:
            done = connection.execute(f"INSERT INTO {quoted(name)} BY NAME SELECT * FROM {new.source}").fetchall()
            counts[name] = int(done[0][0])
            timing.note(rows=counts[name])
        record_value("load.rows_per_statement", counts[name], item=name)
        progress.advance("load", counts[name])
    return counts


def by_row(
    connection: duckdb.DuckDBPyConnection, incoming: Sequence[Incoming], *, looks_up_people: bool
) -> dict[str, int]:
    """A transaction for each row: BEGIN, DELETE of the row it replaces, INSERT, COMMIT.

    Rows that are replaced as parts of something (the streams of a file, the failures of a run) are deleted before, in a
    transaction for each file or run. Of a table that is empty nothing is deleted.

    Args:
        looks_up_people: search everybody in ``people`` by name before the row is written, as programs do that give out
            ids of their own. Our ids come with the rows, so nothing follows from what is found.
    """
    connection.commit()
    record_value("load.transactions", 1)
    counts = {}
    for new in incoming:
        name = new.table.table_name()
        writing = _Rows(connection, new, looks_up=looks_up_people and new.table is People)
        with span("load.delete", item=name):
            writing.delete_apart()
        if new.source is not None:
            with span("load.insert", item=name) as timing:
                counts[name] = writing.insert()
                timing.note(rows=counts[name])
            record_value("load.rows_per_statement", 1, item=name)
        record_value("load.statements", writing.statements, item=name)
        record_value("load.transactions", writing.transactions, item=name)
    connection.begin()
    return counts


class _Rows:
    """The rows of one table, one after the other; counts what it does."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, new: Incoming, *, looks_up: bool) -> None:
        self.statements = self.transactions = 0
        self._connection = connection
        self._looks_up = looks_up
        self._table = quoted(new.table.table_name())
        self._key = new.key
        # All at once: a result ends when its connection is asked something else. The memory it takes is a part of what
        # this way costs.
        self._frame = new.table.frame() if new.source is None else connection.sql(f"SELECT * FROM {new.source}").pl()
        self._are_replaced_singly = list(new.key) == new.table.key()
        names = ", ".join(quoted(name) for name in new.key)
        self._is_empty = connection.sql(f"SELECT 1 FROM {self._table} LIMIT 1").pl().is_empty()
        self._replaced: list[tuple[Any, ...]] = (
            [] if self._is_empty else connection.sql(f"SELECT DISTINCT {names} FROM ({new.replaced})").pl().rows()
        )

    def delete_apart(self) -> None:
        """Delete what is not replaced row for row."""
        singly = set(self._frame.select(self._key).rows()) if self._are_replaced_singly else set()
        for key in self._replaced:
            if key not in singly:
                self._connection.begin()
                self._delete(key)
                self._commit()

    def insert(self) -> int:
        """Write the rows and return how many they are."""
        columns = self._frame.columns
        marks = ", ".join("?" for _ in columns)
        statement = f"INSERT INTO {self._table} ({', '.join(map(quoted, columns))}) VALUES ({marks})"
        places = [columns.index(name) for name in self._key]
        for row in self._frame.iter_rows():
            self._connection.begin()
            if self._looks_up:
                self._ask(
                    f"SELECT person_id FROM {self._table} WHERE lower(name) = lower(?)", [row[columns.index("name")]]
                )
            if self._are_replaced_singly and not self._is_empty:
                self._delete([row[place] for place in places])
            self._ask(statement, row)
            self._commit()
            progress.advance("load")
        return self._frame.height

    def _delete(self, key: Sequence[Any]) -> None:
        same = " AND ".join(f"{quoted(column)} = ?" for column in self._key)
        self._ask(f"DELETE FROM {self._table} WHERE {same}", key)

    def _ask(self, statement: str, values: Sequence[Any]) -> None:
        self._connection.execute(statement, values).fetchall()
        self.statements += 1

    def _commit(self) -> None:
        self._connection.commit()
        self.transactions += 1
