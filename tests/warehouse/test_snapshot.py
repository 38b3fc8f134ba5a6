"""What the warehouse knew when a run began lies in staging, whatever happens to the warehouse then."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from tasks import schema
from tasks.core.errors import WarehouseTooNew
from tasks.core.settings import WarehouseSettings
from tasks.schema.files import Files
from tasks.staging import read_known
from tasks.warehouse.load import load
from tasks.warehouse.snapshot import write_snapshot
from tasks.warehouse.task import snapshot
from tests.schema.builders import a_collected, a_file, a_row


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    """A warehouse with one row in every table."""
    folder = tmp_path_factory.mktemp("data")
    tables = {t.table_name(): [a_row(t)] for t in schema.warehouse_tables()}
    collected = a_collected(folder / "collected", "x", **tables)
    load(collected, folder / "warehouse.duckdb", data_dir=folder, settings=WarehouseSettings(threads=1))
    return folder / "warehouse.duckdb"


@pytest.mark.parametrize("table", schema.warehouse_tables(), ids=lambda t: t.table_name())
def test_every_table_comes_back_with_its_types(warehouse, tmp_path, table):
    """
    The row that was loaded is the row that plans compare with.
    """
    write_snapshot(warehouse, [table], staging=tmp_path / "s[1]")

    assert table.frame([a_row(table)]).equals(read_known(table, staging=tmp_path / "s[1]"))


def test_without_a_warehouse_nothing_is_known(tmp_path):
    """
    The first run plans with empty tables.
    """
    write_snapshot(tmp_path / "none.duckdb", [Files], staging=tmp_path / "s")

    assert Files.frame().equals(read_known(Files, staging=tmp_path / "s"))


def test_an_older_layout_lacks_columns_and_tables(tmp_path):
    """
    A column and a table that came later are null and empty.
    """
    old = tmp_path / "old.duckdb"
    with duckdb.connect(str(old)) as connection:
        connection.register("rows", Files.frame([a_file("a")]))
        connection.execute("CREATE TABLE files AS SELECT * EXCLUDE (missing_since_at) FROM rows").fetchall()

    write_snapshot(old, [Files, schema.table("artwork")], staging=tmp_path / "s")

    assert Files.frame([a_file("a")]).equals(read_known(Files, staging=tmp_path / "s"))
    assert 0 == read_known(schema.table("artwork"), staging=tmp_path / "s").height


def test_a_newer_layout_is_refused(warehouse, tmp_path):
    """
    A run does not start from a warehouse it does not understand.
    """
    newer = Path(shutil.copy(warehouse, tmp_path / "newer.duckdb"))
    with duckdb.connect(str(newer)) as connection:
        connection.execute("UPDATE meta SET schema_version = 1000").fetchall()

    with pytest.raises(WarehouseTooNew, match="schema version 1000"):
        write_snapshot(newer, [Files], staging=tmp_path / "s")


def test_the_door_says_what_time_it_is(warehouse, tmp_path):
    """
    One moment counts as now in all plans of a run; it carries its time zone.
    """
    now = snapshot.fn(str(warehouse), str(tmp_path / "s"))

    assert 0 == now.utcoffset().total_seconds()
