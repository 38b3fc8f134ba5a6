"""The database is what the classes say."""

from __future__ import annotations

import duckdb
import pytest

from tasks import schema
from tasks.warehouse.ddl import as_sql
from tests.schema.builders import a_row


@pytest.fixture(scope="module")
def connection():
    connection = duckdb.connect()
    connection.execute(as_sql()).fetchall()
    return connection


@pytest.mark.parametrize("table", schema.warehouse_tables(), ids=lambda t: t.table_name())
def test_columns_types_nulls_and_words(connection, table):
    """
    Each column has its name, type, NOT NULL and its words with the unit, in the order of the class.
    """
    found = connection.execute(
        "SELECT column_name, data_type, is_nullable, comment FROM duckdb_columns() WHERE table_name = ? "
        "ORDER BY column_index",
        [table.table_name()],
    ).fetchall()

    expected = [(c.name, c.duckdb_type, c.nullable, c.words) for c in table.columns()]
    assert [row[:3] for row in expected] == [row[:3] for row in found]
    assert all(comment.startswith(row[3]) for row, (*_, comment) in zip(expected, found, strict=True))
    assert [c.unit for c in table.columns() if c.unit] == [
        comment.rpartition("Unit: ")[2].rstrip(".")
        for c, (*_, comment) in zip(table.columns(), found, strict=True)
        if c.unit
    ]


@pytest.mark.parametrize("table", schema.warehouse_tables(), ids=lambda t: t.table_name())
def test_a_row_survives_the_way_into_the_database_and_back(connection, table):
    """
    Every type of Polars that a column has comes back as it went in: no value is lost or bent.
    """
    frame = table.frame([a_row(table)])
    connection.register("incoming", frame)
    connection.execute(f"INSERT INTO {table.table_name()} BY NAME SELECT * FROM incoming").fetchall()

    back = connection.sql(f"SELECT * FROM {table.table_name()}").pl()

    assert frame.equals(back.select(frame.columns).cast(dict(frame.schema)))


def test_a_hole_is_refused_by_the_database_too(connection):
    """
    NOT NULL is a promise of the file, not only of the program that wrote it.
    """
    with pytest.raises(duckdb.ConstraintException, match="NOT NULL"):
        connection.execute("INSERT INTO people VALUES (NULL, 'x', NULL, NULL)").fetchall()


def test_there_are_no_indexes(connection):
    """
    They would cost more than they give; see the module.
    """
    assert [] == connection.execute("FROM duckdb_indexes()").fetchall()
