"""SQL of a person: answers, or DuckDB's own words about the mistake."""

from __future__ import annotations

import duckdb
import polars as pl
import pytest

from tasks.core.errors import QueryRefused
from tasks.warehouse.query import query


@pytest.fixture
def warehouse(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE reels AS SELECT i AS n, 'ünïcode\n[red]' AS t FROM range(3) AS r(i)"
        ).fetchall()
    return path


def test_an_answer_is_a_frame(warehouse):
    """
    0 + 1 + 2 is 3.
    """
    assert [(3,)] == query(warehouse, "SELECT sum(n)::BIGINT AS total FROM reels").rows()


@pytest.mark.parametrize("sql", ["DESCRIBE reels", "SHOW TABLES", "SUMMARIZE reels", "SELECT 1; SELECT 2"])
def test_more_than_select(warehouse, sql):
    """
    What one types to look around works, too.
    """
    assert query(warehouse, sql).height


def test_a_mistake_is_shown_where_it_is(warehouse):
    """
    DuckDB points at the wrong word.
    """
    with pytest.raises(QueryRefused, match=r"(?s)LINE 1: SELEC \* FROM reels.*\^"):
        query(warehouse, "SELEC * FROM reels")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT nope FROM reels",
        "SELECT 'x'::INTEGER",
        "SELECT * FROM no_table",
        "",
        "-- nothing",
        "ATTACH 'not_there.db'",
        "LOAD not_there",
    ],
)
def test_what_cannot_run_is_refused(warehouse, sql):
    """
    Every mistake is a message, never a traceback.
    """
    with pytest.raises(QueryRefused):
        query(warehouse, sql)


@pytest.mark.parametrize(
    "sql", ["DELETE FROM reels", "DROP TABLE reels", "CREATE TABLE t (i INTEGER)", "UPDATE reels SET n = 7"]
)
def test_nothing_can_be_written(warehouse, sql):
    """
    The file is the same, byte for byte, and the message says that it is read-only.
    """
    before = warehouse.read_bytes()

    with pytest.raises(QueryRefused, match="read-only here"):
        query(warehouse, sql)

    assert before == warehouse.read_bytes()


def test_results_can_be_taken_elsewhere(warehouse, tmp_path):
    """
    COPY ... TO writes a file with the rights of whoever runs it.
    """
    query(warehouse, f"COPY reels TO '{tmp_path / 'reels.parquet'}'")

    assert 3 == pl.read_parquet(tmp_path / "reels.parquet").height


def test_a_type_that_polars_does_not_know(warehouse):
    """
    The message says how to see the column anyway.
    """
    with pytest.raises(QueryRefused, match="CAST it to VARCHAR"):
        query(warehouse, "SELECT INTERVAL 1 DAY AS d")


def test_a_reader_beside_it_does_not_matter(warehouse):
    """
    A notebook in the same process has the warehouse open; the query works.
    """
    with duckdb.connect(str(warehouse), read_only=True):
        assert 3 == query(warehouse, "FROM reels").height
