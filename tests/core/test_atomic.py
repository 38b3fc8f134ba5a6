"""Files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest

from tasks.core import atomic
from tasks.core.errors import StorageFull, StorageNotWritable

FULL_DEVICE = Path("/dev/full")
"""Linux: every write to it fails with ENOSPC (full(4))."""


def fill_with_polars() -> None:
    pl.DataFrame({"a": [1]}).write_parquet(FULL_DEVICE)


def fill_with_duckdb() -> None:
    duckdb.sql(f"COPY (SELECT 1) TO '{FULL_DEVICE}' (FORMAT csv, USE_TMP_FILE false)")


def fill_with_python() -> None:
    FULL_DEVICE.write_bytes(b"a")


@pytest.mark.skipif(not FULL_DEVICE.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("fill", [fill_with_polars, fill_with_duckdb, fill_with_python])
@pytest.mark.parametrize("writing", [atomic.writing, atomic.writing_folder])
def test_a_full_disk_is_known_whoever_meets_it(tmp_path, writing, fill):
    """
    Polars and DuckDB raise errors of their own for ENOSPC; all become StorageFull, and nothing is left behind.
    """
    with pytest.raises(StorageFull), writing(tmp_path / "target"):
        fill()

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("writing", [atomic.writing, atomic.writing_folder])
def test_a_place_where_nothing_can_be_written_is_named(tmp_path, writing):
    """
    A file stands where the folder should be: the message says what could not be written, and why.
    """
    (tmp_path / "folder").write_bytes(b"")

    with (
        pytest.raises(StorageNotWritable, match=r"folder/target cannot be written: .*exists"),
        writing(tmp_path / "folder" / "target"),
    ):
        pass


def test_a_fault_of_the_block_stays_what_it_is(tmp_path):
    """
    The block reads a file elsewhere that is not there: that says nothing about where we write.
    """
    with pytest.raises(FileNotFoundError), atomic.writing(tmp_path / "a" / "target"):
        (tmp_path / "b" / "not there").read_bytes()


def test_a_file_keeps_its_old_content_when_the_block_raises(tmp_path):
    """
    Half a new file never takes the place of a whole old one.
    """
    target = tmp_path / "target"
    target.write_bytes(b"old")

    with pytest.raises(ValueError, match="half"), atomic.writing(target) as temporary:
        temporary.write_bytes(b"ne")
        raise ValueError("half")

    assert [(target, b"old")] == [(path, path.read_bytes()) for path in tmp_path.iterdir()]


def test_bytes_take_the_place_of_older_ones(tmp_path):
    """
    Folders are made if need be and a second write replaces the first.
    """
    target = tmp_path / "folder" / "target"
    atomic.write_bytes(target, b"old")
    atomic.write_bytes(target, b"new")

    assert [b"new"] == [path.read_bytes() for path in target.parent.iterdir()]
