"""One refresh of a warehouse at a time."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from tasks.core.errors import Refused, WarehouseBusy
from tasks.warehouse.lock import holding

HOLDER = """
import sys
from pathlib import Path
from tasks.warehouse.lock import holding
with holding(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    argv = [sys.executable, "-c", HOLDER, str(tmp_path / "warehouse.duckdb")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and "held\n" == process.stdout.readline()
        yield process
        if process.poll() is None:
            process.communicate("")


def test_the_second_is_refused_and_told_by_whom(tmp_path, holder):
    """
    Process, host and start of the holder stand in the message.
    """
    with pytest.raises(WarehouseBusy) as caught, holding(tmp_path / "warehouse.duckdb"):
        pass

    assert f"process {holder.pid} on {socket.gethostname()}, since 20" in str(caught.value)


def test_a_killed_holder_holds_nothing(tmp_path, holder):
    """
    After kill -9 the next refresh begins, although the files of the lock are still there.
    """
    holder.send_signal(signal.SIGKILL)
    holder.wait()

    with holding(tmp_path / "warehouse.duckdb"):
        assert str(os.getpid()) in (tmp_path / "warehouse.lock.json").read_text()


def test_what_a_killed_holder_has_left_half_written_is_removed(tmp_path, holder):
    """
    Files and folders at any depth; all that is whole stays, and what the Prefect server is writing.
    """
    folder = tmp_path / "staging" / "run"
    (folder / ".tmp-1").mkdir(parents=True)
    (tmp_path / "prefect").mkdir()
    whole = [folder / "rows.parquet", tmp_path / "prefect" / ".tmp-2"]
    for path in (*whole, folder / ".tmp-1" / "half.parquet", folder / ".tmp-3", tmp_path / ".tmp-4"):
        path.write_bytes(b"rows")
    holder.send_signal(signal.SIGKILL)
    holder.wait()

    with holding(tmp_path / "warehouse.duckdb"):
        left = [path for path in tmp_path.rglob("*") if path.is_file() and not path.name.startswith("warehouse.")]

    assert sorted(whole) == sorted(left)


def test_it_is_free_again_after_the_block(tmp_path):
    """
    Also when the block raised.
    """
    with pytest.raises(RuntimeError), holding(tmp_path / "warehouse.duckdb"):
        raise RuntimeError

    with holding(tmp_path / "warehouse.duckdb"):
        pass
    assert not (tmp_path / "warehouse.lock.json").exists()


def test_one_process_does_not_hold_twice(tmp_path):
    """
    Two flow runs in one process are two refreshes.
    """
    with (
        holding(tmp_path / "warehouse.duckdb"),
        pytest.raises(WarehouseBusy, match=str(os.getpid())),
        holding(tmp_path / "warehouse.duckdb"),
    ):
        pass


def test_other_warehouses_are_free(tmp_path, holder):
    """
    The lock is on a warehouse, not on the program.
    """
    with holding(tmp_path / "other" / "warehouse.duckdb"):
        assert holder.poll() is None


@pytest.mark.parametrize(("name", "words"), [("who?", "question mark"), ("caf\udce9", r"no UTF-8.*caf\\udce9")])
def test_a_path_that_duckdb_cannot_write_is_refused_first(tmp_path, name, words):
    """
    DuckDB takes a question mark for the start of an address's query and would write its log elsewhere; it takes no
    bytes that are no UTF-8.
    """
    with pytest.raises(Refused, match=words), holding(tmp_path / name / "warehouse.duckdb"):
        pass

    assert not (tmp_path / name).exists()


def test_a_data_folder_that_is_a_file_is_refused(tmp_path):
    """
    The message names the folder that cannot be used.
    """
    (tmp_path / "data").write_text("not a folder")

    with pytest.raises(Refused, match="cannot be written"), holding(tmp_path / "data" / "warehouse.duckdb"):
        pass
