"""A run's records as one file: other programs read from it what was recorded."""

from __future__ import annotations

import resource
import signal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.core.errors import Refused, StorageFull, StorageNotWritable
from tasks.core.stopwatch import record_value, span
from tasks.schema.timings import Timings
from tasks.timings import export_csv, export_parquet, read_timings, recording
from tasks.timings.export import check_targets

NEVER_S = 3600.0


@pytest.fixture
def folder(tmp_path):
    """Timings of a run with all that is hard to write: quotes, newlines, commas, nulls, empty texts, odd bytes."""
    with recording(tmp_path / "timings", "run", NEVER_S):
        with span("a", item='two\nlines, "quoted"', note='{"x": 1}', bytes=2**62), span("b", host="", status=200):
            pass
        with span("a", item="caf\udce9"):
            pass
        record_value("c", 0.1 + 0.2)
        record_value("c", float("nan"), unit="byte")
    return tmp_path / "timings"


def read_csv(path):
    """The CSV as somebody reads it who knows the columns of the table."""
    dtypes = Timings.dtypes() | {"started_at": pl.String}
    return pl.read_csv(path, schema=dtypes).with_columns(pl.col("started_at").str.to_datetime(time_zone="UTC"))


@pytest.mark.parametrize(
    ("export", "read"), [(export_csv, read_csv), (export_parquet, pl.read_parquet)], ids=["csv", "parquet"]
)
def test_a_round_trip_loses_nothing(folder, tmp_path, export, read):
    """
    Read again, both files hold equal rows, and the table's own checks find nothing to say about them.
    """
    frame = read_timings(folder)

    export(frame, tmp_path / "out" / "timings")

    again = read(tmp_path / "out" / "timings")
    assert 5 == again.height
    assert_frame_equal(frame, again, check_exact=True)
    Timings.validate(again)


def test_another_program_sums_up_the_same(folder, tmp_path):
    """
    DuckDB, told nothing of the columns, comes to the same from CSV, from Parquet and from the parts of the run itself.
    """
    frame = read_timings(folder)
    export_csv(frame, tmp_path / "t.csv")
    export_parquet(frame, tmp_path / "t.parquet")

    columns = "name, count(*), sum(value), sum(bytes), min(started_at)::VARCHAR, bool_and(ok), max(item)"
    found = [
        duckdb.sql(f"SELECT {columns} FROM '{source}' GROUP BY name ORDER BY name").fetchall()
        for source in (f"{folder}/*/*.parquet", tmp_path / "t.csv", tmp_path / "t.parquet")
    ]

    assert ["a", "b", "c"] == [row[0] for row in found[0]]
    assert found[0] == found[1] == found[2]


def test_a_folder_is_no_file(folder, tmp_path):
    """
    One line says what is wrong, before anything is written.
    """
    with pytest.raises(Refused, match=r"is a folder; name a file in it$"):
        export_csv(read_timings(folder), tmp_path)

    assert [folder] == list(tmp_path.iterdir())


def test_a_device_is_not_replaced(folder):
    """
    Whoever may write in /dev keeps it as it is.
    """
    with pytest.raises(Refused, match="is no file that can be written"):
        export_parquet(read_timings(folder), Path("/dev/null"))


def test_one_file_cannot_hold_both(tmp_path):
    """
    However it is written: the second would take the place of the first.
    """
    (tmp_path / "link").symlink_to(tmp_path)

    with pytest.raises(Refused, match="is named twice"):
        check_targets(tmp_path / "t", tmp_path / "link" / "t")

    check_targets(None, tmp_path / "t", None)


def test_a_place_that_cannot_be_written_is_said(folder, tmp_path):
    """
    The message is about the file that was named, and not about the data folder.
    """
    (tmp_path / "a file").write_bytes(b"")

    with pytest.raises(StorageNotWritable, match=r"a file/t\.csv cannot be written: .*; name a file in a folder"):
        export_csv(read_timings(folder), tmp_path / "a file" / "t.csv")


def test_what_was_there_stays_where_it_cannot_be_written(folder, tmp_path):
    """
    A write that fails half way (here: a file may have 64 bytes) leaves the file of before, and nothing besides.
    """
    target = tmp_path / "t.csv"
    target.write_bytes(b"of before")
    frame = read_timings(folder)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))
        with pytest.raises(StorageFull, match="no space left"):
            export_csv(frame, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)

    assert b"of before" == target.read_bytes()
    assert {folder, target} == set(tmp_path.iterdir())
