"""Whatever is wrong with the file, a person is told what it is and what to do."""

from __future__ import annotations

import os
import struct
import subprocess
import sys

import duckdb
import pytest

from tasks.core.errors import WarehouseBusy, WarehouseDamaged, WarehouseMissing, WarehouseTooNew
from tasks.warehouse.connect import opened_read_only

WRITER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def warehouse(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT i, hash(i) AS h FROM range(200_000) AS r(i)").fetchall()
    return path


def use(path):
    with opened_read_only(path) as connection:
        return connection.execute("SELECT sum(h % 10) FROM t").fetchall()


def test_times_are_utc(warehouse):
    """
    A connection shows times in UTC, whatever the machine's zone is.
    """
    with opened_read_only(warehouse) as connection:
        assert [("UTC",)] == connection.execute("SELECT current_setting('TimeZone')").fetchall()


def test_there_is_no_warehouse_yet(tmp_path):
    """
    Before the first refresh the message says what makes one.
    """
    with pytest.raises(WarehouseMissing, match="reelhouse refresh makes it"):
        use(tmp_path / "warehouse.duckdb")


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda _: b"", id="zero bytes"),
        pytest.param(lambda _: b"Dear diary,\n" * 1000, id="a text"),
        pytest.param(lambda raw: raw[: len(raw) // 2], id="first half"),
        pytest.param(lambda raw: raw[:-1000], id="end cut off"),
        pytest.param(lambda raw: raw[:10], id="ten bytes"),
        pytest.param(lambda raw: raw[: len(raw) // 2] + b"rot" + raw[len(raw) // 2 + 3 :], id="three bytes rotten"),
    ],
)
def test_damage_is_told_with_its_remedy(warehouse, harm):
    """
    The message names the file and the command that moves it out of the way.
    """
    warehouse.write_bytes(harm(warehouse.read_bytes()))

    with pytest.raises(WarehouseDamaged) as caught:
        use(warehouse)

    assert f"mv '{warehouse}' '{warehouse}.damaged'" in str(caught.value)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "fifo"])
def test_what_is_no_file_is_not_waited_for(tmp_path, make):
    """
    A FIFO has no end and a folder no content: both are refused at once.
    """
    make(tmp_path / "warehouse.duckdb")

    with pytest.raises(WarehouseDamaged, match="no regular file"):
        use(tmp_path / "warehouse.duckdb")


def test_a_file_of_a_newer_duckdb_is_not_called_damaged(warehouse):
    """
    The storage version stands at byte 12 of the main header, whose checksum leads it (DuckDB, main_header.cpp).
    """
    raw = bytearray(warehouse.read_bytes())
    struct.pack_into("<Q", raw, 12, 9999)
    checksum = 5381
    for (word,) in struct.iter_unpack("<Q", raw[8:4096]):
        checksum ^= word * 0xBF58476D1CE4E5B9 % 2**64
    struct.pack_into("<Q", raw, 0, checksum)
    warehouse.write_bytes(raw)

    with pytest.raises(WarehouseTooNew, match="update reelhouse"):
        use(warehouse)


def test_a_program_that_writes_is_named(warehouse):
    """
    The DuckDB shell left open for writing blocks readers; the message says which process it is.
    """
    argv = [sys.executable, "-c", WRITER, str(warehouse)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout and "open\n" == writer.stdout.readline()

        with pytest.raises(WarehouseBusy, match=str(writer.pid)):
            use(warehouse)

        writer.communicate("")
