"""Both ways to insert make the same tables; they differ in statements and transactions, which are counted."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from tasks import schema
from tasks.core import stopwatch
from tasks.core.settings import WarehouseSettings
from tasks.schema.table import Table
from tasks.warehouse.insert import insert_of
from tasks.warehouse.load import load, load_collected
from tasks.warehouse.migrate import migrate
from tasks.warehouse.runs import write_run_record
from tests.schema.builders import a_collected, a_file, a_probe, a_record, a_row, a_title, a_video_stream, an_episode

TABLES = WarehouseSettings(threads=2)
ROWS = WarehouseSettings(threads=2, insert="rows")
LOOKING_UP = WarehouseSettings(threads=2, insert="rows", look_up_people=True)

EXTREMES: dict[Any, list[Any]] = {
    pl.String: ["", "a\x00b", "it's; DROP TABLE files; --", "\N{FILM FRAMES} é" * 999],
    pl.Boolean: [True, False],
    pl.Int64: [-(2**63), 2**63 - 1, 0],
    pl.UInt64: [2**64 - 1, 2**63, 0],
    pl.Float64: [1e-308, -0.1, float("inf"), float("nan")],
    pl.Binary: [b"\x00\xff", b"", b"caf\xe9"],
    pl.Date: [date(1, 1, 1), date(9999, 12, 31)],
    pl.Datetime: [datetime(1895, 12, 28, 20, 30, 0, 1, UTC), datetime(2999, 7, 1, 23, 59, 59, 999_999, UTC)],
}
"""The ends of what each type holds."""


def odd_rows(table: type[Table]) -> list[dict[str, Any]]:
    """Rows of which each column goes through the ends of its type, null among them; their keys differ."""
    return [
        {c.name: _odd(c.dtype, number, is_key=c.key, may_be_null=c.nullable) for c in table.columns()}
        for number in range(5)
    ]


def _odd(dtype: Any, number: int, *, is_key: bool, may_be_null: bool) -> Any:
    if may_be_null and number == 4:
        return None
    if isinstance(dtype, pl.List):
        ends = EXTREMES[dtype.inner.base_type()]
        return [[], ends, ends[:1]][number % 3]
    if is_key and dtype == pl.Int64:
        return number
    if is_key:
        return f"key {number}".encode() if dtype == pl.Binary else f"key {number}"
    ends = EXTREMES[dtype.base_type()]
    return ends[number % len(ends)]


class Place:
    """A data folder whose warehouse is written in one way."""

    def __init__(self, folder: Path, settings: WarehouseSettings) -> None:
        self.folder = folder
        self.warehouse = folder / "warehouse.duckdb"
        self.settings = settings

    def load(self, run_id: str = "run-1", **tables: Any) -> Any:
        collected = a_collected(self.folder / "staging" / run_id / "collected", run_id, **tables)
        return load(collected, self.warehouse, data_dir=self.folder, settings=self.settings)

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all tables, as DuckDB writes them."""
        with duckdb.connect(str(self.warehouse), read_only=True) as connection:
            return {
                t.table_name(): connection.execute(
                    f"SELECT COLUMNS(*)::VARCHAR FROM {t.table_name()} ORDER BY ALL"
                ).fetchall()
                for t in schema.warehouse_tables()
            }


def recorded(records: list[stopwatch.Record], name: str) -> dict[str | None, float]:
    """Sums of a value by item."""
    sums: dict[str | None, float] = {}
    for record in records:
        if record.name == name:
            sums[record.item] = sums.get(record.item, 0) + record.value
    return sums


def test_every_value_comes_through_both_ways(tmp_path):
    """
    Five rows of every table, with the ends of every type: lists, whole numbers of 64 bits with and without a sign,
    times to the microsecond, bytes, texts with NUL. They are the same in both warehouses, and five in each table.
    """
    rows = {t.table_name(): odd_rows(t) for t in schema.warehouse_tables()}
    one, other = Place(tmp_path / "tables", TABLES), Place(tmp_path / "rows", LOOKING_UP)

    results = [place.load("key 0", **rows) for place in (one, other)]

    tables = other.tables()
    assert one.tables() == tables
    assert dict.fromkeys(rows, 5) == {name: len(found) for name, found in tables.items()}
    assert results[0].rows == results[1].rows == dict.fromkeys(rows, 5)


def test_what_is_replaced_and_what_stays_is_the_same(tmp_path):
    """
    A story of four loads: rows that are replaced, parts that are fewer or none, parts without their owner, failures
    that a retry has mended, a record that cannot be read, and a file that is purged.
    """
    failures = schema.table("failures")
    stories = []
    for settings in (TABLES, LOOKING_UP):
        place = Place(tmp_path / "place", settings)
        place.load(
            files=[a_file(name) for name in "abc"],
            probes=[a_probe(name) for name in "abc"],
            video_streams=[a_video_stream(name, index) for name in "abc" for index in range(3)],
            titles=[a_title("show:tmdb:1"), a_title("show:tmdb:2")],
            episodes=[an_episode(f"show:tmdb:{show}", 1, number) for show in (1, 2) for number in (1, 2)],
            people=[a_row(schema.table("people"), person_id=f"person:tmdb:{n}", name="Ada") for n in range(3)],
            failures=[a_row(failures, run_id="run-1", item_id=name) for name in "xy"],
        )
        place.load(
            "run-2",
            probes=[a_probe("a", size_bytes=9), a_probe("b", size_bytes=9)],
            video_streams=[a_video_stream("a", 1, codec="hevc")],
            episodes=[an_episode("show:tmdb:1", 1, 3)],
            people=[a_row(schema.table("people"), person_id="person:tmdb:1", name="ADA")],
        )
        (place.folder / "runs").mkdir()
        (place.folder / "runs" / "torn.json").write_text("{", encoding="utf-8")
        place.load("run-1", files=[a_file("d")])
        place.load("run-3", purges=[{"file_id": "c"}])
        stories.append(place.tables())
        shutil.rmtree(place.folder)  # the path of a record that cannot be read stands in the warehouse

    assert stories[0] == stories[1]
    counts = {name: len(rows) for name, rows in stories[1].items() if rows}
    assert {
        "files": 3, "probes": 2, "video_streams": 1, "titles": 2, "episodes": 3, "people": 3, "quarantine": 2,
    } == counts  # fmt: skip


def test_the_counts_are_those_of_the_database(tmp_path, records):
    """
    DuckDB's own log of queries, of a second load: row by row, seven rows are seven INSERTs in seven transactions; the
    rows of files and people have a DELETE each, the streams of two files one a file, and everybody is looked up. The
    first load, into empty tables, deletes nothing.
    """
    collected = a_collected(
        tmp_path / "collected",
        files=[a_file("a"), a_file("b")],
        video_streams=[a_video_stream("a", 0), a_video_stream("a", 1), a_video_stream("b", 0)],
        people=[a_row(schema.table("people"), person_id=f"person:tmdb:{n}") for n in range(2)],
    )
    connection = duckdb.connect()
    migrate(connection)
    of_the_run = dict.fromkeys(("failures", "quarantine", "file_events"), 0)
    connection.begin()
    load_collected(connection, collected, insert_of(LOOKING_UP))
    connection.commit()
    assert {"files": 2, "video_streams": 3, "people": 4, **of_the_run} == recorded(records, "load.statements")
    records.clear()
    connection.execute("CALL enable_logging('QueryLog')").fetchall()
    connection.begin()

    rows = load_collected(connection, collected, insert_of(LOOKING_UP))

    connection.commit()
    connection.execute("CALL disable_logging()").fetchall()
    said = [q for (q,) in connection.execute("SELECT message FROM duckdb_logs WHERE type = 'QueryLog'").fetchall()]
    asked = {
        word: {table: sum(q.startswith(f'{word} "{table}"') for q in said) for table in rows}
        for word in ("DELETE FROM", "INSERT INTO", "SELECT person_id FROM")
    }
    assert {"files": 2, "video_streams": 3, "people": 2} == rows == asked["INSERT INTO"]
    assert {"files": 2, "video_streams": 2, "people": 2} == asked["DELETE FROM"]
    assert {"files": 0, "video_streams": 0, "people": 2} == asked["SELECT person_id FROM"]
    assert {"files": 4, "video_streams": 5, "people": 6, **of_the_run} == recorded(records, "load.statements")
    transactions = {"files": 2, "video_streams": 5, "people": 2, **of_the_run, None: 1}
    assert transactions == recorded(records, "load.transactions")
    assert sum(transactions.values()) + 1 == sum("COMMIT" in q.upper() for q in said)  # ours at the end
    assert dict.fromkeys(rows, 1) == recorded(records, "load.rows_per_statement")


def test_the_counts_of_whole_tables(tmp_path, records):
    """
    Two statements for a table with rows, one for a table without, one transaction in all.
    """
    Place(tmp_path, TABLES).load(files=[a_file(str(n)) for n in range(3)])

    of_the_run = dict.fromkeys(("failures", "quarantine", "file_events"), 1)
    assert {"files": 2, **of_the_run} == recorded(records, "load.statements")
    assert {None: 1} == recorded(records, "load.transactions")
    assert {"files": 3} == recorded(records, "load.rows_per_statement")


def test_people_are_looked_up_only_row_by_row(tmp_path, records):
    """
    The setting belongs to the other one: whole tables ask for nobody.
    """
    people = [a_row(schema.table("people"), person_id=f"person:tmdb:{n}") for n in range(3)]

    Place(tmp_path, WarehouseSettings(threads=2, look_up_people=True)).load(people=people)

    assert 2 == recorded(records, "load.statements")["people"]


def test_a_row_that_cannot_be_written_leaves_the_old_warehouse(tmp_path):
    """
    The transactions before it are in a copy that nobody has seen: the file is as it was, and nothing lies beside it.
    """
    place = Place(tmp_path, ROWS)
    place.load(files=[a_file("a")])
    before = place.warehouse.read_bytes()
    refused = (
        schema.table("files").frame([a_file("b"), a_file("c")]).with_columns(path=pl.Series(["/videos/b.mkv", None]))
    )

    with pytest.raises(duckdb.ConstraintException):
        place.load("run-2", files=refused)

    assert before == place.warehouse.read_bytes()
    assert {"warehouse.duckdb", "staging"} == {path.name for path in tmp_path.iterdir()}


def test_records_of_runs_come_row_by_row_too(tmp_path, records):
    """
    The run, its stage and nothing else, each in a transaction. When the run has gone on, the next load writes them
    again, not twice: its row takes the place of the old one, its stages go together before.
    """
    place = Place(tmp_path, ROWS)
    stage = a_row(schema.table("run_stages"))
    del stage["run_id"]
    write_run_record(place.folder, a_record("run-1", run_stages=[stage]))

    place.load(files=[a_file("a")])

    assert (1, 1) == tuple(len(place.tables()[name]) for name in ("runs", "run_stages"))
    assert (1, 1) == tuple(recorded(records, "load.statements")[name] for name in ("runs", "run_stages"))
    records.clear()
    write_run_record(place.folder, a_record("run-1", run_stages=[stage], file_count=2))
    place.load("run-2", files=[a_file("b")])
    assert (1, 1) == tuple(len(place.tables()[name]) for name in ("runs", "run_stages"))
    assert (2, 2) == tuple(recorded(records, "load.statements")[name] for name in ("runs", "run_stages"))
    assert (1, 2) == tuple(recorded(records, "load.transactions")[name] for name in ("runs", "run_stages"))
