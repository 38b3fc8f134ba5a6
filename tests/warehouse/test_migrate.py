"""An older warehouse becomes a current one, with all its rows, or stays as it was.

There is no second version yet, and no history is invented: the machinery is shown with layouts and steps made here. The
old layout is a filled database that this program's first version would have left had its classes been these.
"""

from __future__ import annotations

import types

import duckdb
import polars as pl
import pytest

from tasks import schema
from tasks.core.errors import WarehouseTooNew
from tasks.schema.table import Table, column
from tasks.schema.views import View
from tasks.warehouse.migrate import MIGRATIONS, Layout, Migration, current_layout, migrate


def a_table(name: str, **columns: tuple[type, object]) -> type[Table]:
    """A table class that is none of the house: staged only, so that the real layout does not have it."""
    annotations = {column_name: dtype for column_name, (dtype, _) in columns.items()}
    fields = {column_name: field for column_name, (_, field) in columns.items()}
    body = {"__annotations__": annotations, "__doc__": f"{name} of a test.", **fields}
    return types.new_class(name, (Table,), {"staged_only": True}, lambda namespace: namespace.update(body))


def key():
    return str, column("Key.", key=True)


def old_layout() -> Layout:
    reels = a_table(
        "Reels",
        reel_id=key(),
        bit_rate=(pl.Int64, column("Rate in kbit/s.", nullable=True)),
        note=(str, column("A note that has to be there.")),
    )
    return Layout((reels,), (View("long_reels", "All.", "SELECT reel_id, bit_rate FROM reels"),), ())


def new_layout(*statements: str) -> Layout:
    """bit_rate has become bitrate_bps, in bit/s; note may be null; colour and the table boxes are new."""
    reels = a_table(
        "Reels",
        reel_id=key(),
        bitrate_bps=(pl.Int64, column("Rate.", unit="bit/s", nullable=True)),
        note=(str, column("A note.", nullable=True)),
        colour=(str, column("Colour of the leader.", nullable=True)),
    )
    boxes = a_table("Boxes", box_id=key())
    step = Migration(2, "Rates are in bit/s like all others.", statements)
    return Layout((reels, boxes), (View("long_reels", "All.", "SELECT reel_id, bitrate_bps FROM reels"),), (step,))


RENAME = (
    "ALTER TABLE reels RENAME COLUMN bit_rate TO bitrate_bps",
    "UPDATE reels SET bitrate_bps = bitrate_bps * 1000",
)


@pytest.fixture
def old(tmp_path):
    """A filled warehouse of version 1, with a table and a view that its owner has added."""
    connection = duckdb.connect(str(tmp_path / "old.duckdb"))
    migrate(connection, old_layout())
    connection.execute(
        "INSERT INTO reels SELECT 'r' || i, CASE WHEN i % 10 > 0 THEN i END, 'n' || i FROM range(5000) AS r(i)"
    ).fetchall()
    connection.execute("CREATE TABLE mine AS SELECT 42 AS answer").fetchall()
    connection.execute("CREATE VIEW my_view AS SELECT count(*) AS n FROM reels").fetchall()
    connection.execute("CHECKPOINT").fetchall()
    return connection


def in_transaction(connection, layout):
    connection.begin()
    try:
        migrate(connection, layout)
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def test_a_rename_keeps_every_row(old):
    """
    Row i had a rate of i kbit/s, none where i is a multiple of ten: now i * 1000 bit/s, none in the same 500 rows.
    """
    in_transaction(old, new_layout(*RENAME))

    rates = dict(old.execute("SELECT reel_id, bitrate_bps FROM reels").fetchall())
    assert {f"r{i}": i * 1000 if i % 10 else None for i in range(5000)} == rates


def test_tables_columns_views_and_comments_follow_the_classes(old):
    """
    What needs no knowledge needs no step: new table, new column, null allowed, view and words replaced.
    """
    in_transaction(old, new_layout(*RENAME))

    columns = old.execute(
        "SELECT column_name, is_nullable, comment FROM duckdb_columns() "
        "WHERE table_name = 'reels' ORDER BY column_index"
    ).fetchall()
    assert [
        ("reel_id", False, "Key."),
        ("bitrate_bps", True, "Rate. Unit: bit/s."),
        ("note", True, "A note."),
        ("colour", True, "Colour of the leader."),
    ] == columns
    assert [] == old.execute("FROM boxes").fetchall()
    assert [("r7", 7000)] == old.execute("FROM long_reels WHERE reel_id = 'r7'").fetchall()
    assert [(2,)] == old.execute("SELECT schema_version FROM meta").fetchall()


def test_what_its_owner_added_stays(old):
    """
    Tables and views of a person are no business of ours.
    """
    in_transaction(old, new_layout(*RENAME))

    assert [(42,)] == old.execute("FROM mine").fetchall()
    assert [(5000,)] == old.execute("FROM my_view").fetchall()


def test_a_failure_in_the_middle_leaves_the_old_version(old):
    """
    The rename and the update have worked when the third statement fails: none of it has happened.
    """
    before = old.execute("FROM reels ORDER BY ALL").fetchall()

    with pytest.raises(duckdb.CatalogException):
        in_transaction(old, new_layout(*RENAME, "DROP TABLE no_such_table"))

    assert before == old.execute("FROM reels ORDER BY ALL").fetchall()
    assert [(1,)] == old.execute("SELECT schema_version FROM meta").fetchall()
    assert [("r7", 7)] == old.execute("FROM long_reels WHERE reel_id = 'r7'").fetchall()


def test_a_step_runs_once(old):
    """
    The second migration finds version 2 and multiplies nothing.
    """
    in_transaction(old, new_layout(*RENAME))
    in_transaction(old, new_layout(*RENAME))

    assert [(7000,)] == old.execute("SELECT bitrate_bps FROM reels WHERE reel_id = 'r7'").fetchall()


def test_a_new_database_needs_no_steps():
    """
    Steps start from an older layout; a new file is made from the classes.
    """
    connection = duckdb.connect()

    in_transaction(connection, new_layout("SELECT * FROM table_of_version_1_only"))

    assert [(2,)] == connection.execute("SELECT schema_version FROM meta").fetchall()


def test_a_newer_warehouse_is_refused(old):
    """
    A program of yesterday does not touch what one of tomorrow wrote.
    """
    in_transaction(old, new_layout(*RENAME))

    with pytest.raises(WarehouseTooNew, match="schema version 2"):
        in_transaction(old, old_layout())


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"bit_rate": (str, column("Rate.", nullable=True))}, "was BIGINT and is VARCHAR"),
        ({"bit_rate": (pl.Int64, column("Rate."))}, "may not be null any more"),
        ({"bit_rate": (pl.Int64, column("Rate.", nullable=True)), "size": (pl.Int64, column("S."))}, "size is new"),
        ({}, r"has lost \['bit_rate'\]"),
    ],
    ids=["type", "not null", "new and not null", "dropped"],
)
def test_a_change_that_needs_knowledge_needs_a_step(old, columns, words):
    """
    Whoever changes a class so that old rows do not fit is told by the tests, not by somebody's warehouse.
    """
    reels = a_table("Reels", reel_id=key(), note=(str, column("A note.")), **columns)

    with pytest.raises(ValueError, match=words):
        in_transaction(old, Layout((reels,), (), ()))


def test_the_layout_of_this_program_is_complete():
    """
    All tables and views of the house in a new warehouse; a second look changes nothing.
    """
    connection = duckdb.connect()
    in_transaction(connection, current_layout())

    names = {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert {"meta", *(t.table_name() for t in schema.warehouse_tables())} == names
    in_transaction(connection, current_layout())
    assert list(range(2, 2 + len(MIGRATIONS))) == [migration.to for migration in MIGRATIONS]
