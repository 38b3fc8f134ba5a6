"""The warehouse is old or new, never in between: readers, crashes and full disks see to no third state."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time

import duckdb
import pytest

from tasks.core import atomic
from tasks.core.errors import StorageFull, WarehouseBusy, WarehouseDamaged
from tasks.core.settings import WarehouseSettings
from tasks.warehouse.publish import publishing

SETTINGS = WarehouseSettings(threads=2)
ROWS = 150_000

READER = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=True)
count = lambda: connection.sql("SELECT count(*), sum(generation), max(length(filler)) FROM t").fetchall()
print(count(), flush=True)
sys.stdin.readline()
print(count(), flush=True)
connection.close()
connection = duckdb.connect(sys.argv[1], read_only=True)
print(count(), flush=True)
"""

PUBLISHER = """
import sys
from pathlib import Path
from tests.warehouse.test_publish import publish_generation
print("begins", flush=True)
publish_generation(Path(sys.argv[1]), int(sys.argv[2]))
print("done", flush=True)
"""

FILLER = """
import resource, sys
from pathlib import Path
limit = int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from tasks.core.errors import StorageFull
from tests.warehouse.test_publish import publish_generation
try:
    publish_generation(Path(sys.argv[1]), 2)
except StorageFull as exc:
    print("StorageFull", exc)
"""


def publish_generation(warehouse, generation, rows=ROWS):
    """Replace all rows of t by rows of this generation, in a few steps."""
    with publishing(warehouse, settings=SETTINGS) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS t (generation BIGINT, filler VARCHAR)").fetchall()
        connection.execute("DELETE FROM t").fetchall()
        for part in range(3):
            connection.execute(
                "INSERT INTO t SELECT ?, md5((i + ?)::VARCHAR) FROM range(?) AS r(i)", [generation, part, rows // 3]
            ).fetchall()


def state(warehouse):
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute("SELECT DISTINCT generation, count(*) OVER () FROM t").fetchall()


def run(program, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )


def names(folder):
    return {path.name for path in folder.iterdir()}


def a_small_disk(folder, size):
    """A file system of its own in memory."""
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(argv, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not permitted here")
    return folder


@pytest.fixture
def warehouse(tmp_path):
    path = tmp_path / "warehouse.duckdb"
    publish_generation(path, 1)
    return path


def test_nothing_lies_beside_it(warehouse):
    """
    No log, no copy, no folder for what did not fit into memory.
    """
    publish_generation(warehouse, 2)

    assert [(2, ROWS)] == state(warehouse)
    assert {"warehouse.duckdb"} == names(warehouse.parent)


def test_a_reader_in_another_process_is_neither_blocked_nor_broken(warehouse):
    """
    It sees the old rows as long as it keeps its connection, and the new ones when it opens the file again.
    """
    with run(READER, warehouse) as reader:
        assert reader.stdout and reader.stdin
        first = reader.stdout.readline()

        publish_generation(warehouse, 2)

        reader.stdin.write("go on\n")
        reader.stdin.flush()
        second, third = reader.stdout.readline(), reader.stdout.readline()
    assert f"[({ROWS}, {ROWS}, 32)]\n" == first == second
    assert f"[({ROWS}, {2 * ROWS}, 32)]\n" == third


def test_an_error_inside_leaves_the_old_one(warehouse):
    """
    Whatever is raised while rows are loaded: the file is the same, byte for byte.
    """
    before = warehouse.read_bytes()

    with pytest.raises(KeyError), publishing(warehouse, settings=SETTINGS) as connection:
        connection.execute("DELETE FROM t").fetchall()
        raise KeyError

    assert before == warehouse.read_bytes()
    assert {"warehouse.duckdb"} == names(warehouse.parent)


def test_kill_9_at_any_moment_leaves_old_or_new(warehouse):
    """
    Five publishers are killed at moments spread over their work; the file is whole each time, and what they leave
    is gone after the next publish.
    """
    moments = random.Random(20)
    began = time.perf_counter()
    publish_generation(warehouse, 1)
    length_s = time.perf_counter() - began
    for number in range(5):
        generation = number + 2
        with run(PUBLISHER, warehouse, generation) as publisher:
            assert publisher.stdout and "begins\n" == publisher.stdout.readline()
            time.sleep(moments.uniform(number, number + 1) / 5 * 3 * length_s)  # its first connection is slower
            publisher.send_signal(signal.SIGKILL)
        [(found, count)] = state(warehouse)
        assert ROWS == count
        assert found <= generation

    publish_generation(warehouse, 99)

    assert [(99, ROWS)] == state(warehouse)
    assert {"warehouse.duckdb"} == names(warehouse.parent)


def test_a_full_disk_leaves_the_old_one(tmp_path):
    """
    On a file system of 24 MiB, most of it taken, the check before the copy says what is needed and what is there.
    """
    disk = a_small_disk(tmp_path / "disk", "24m")
    try:
        warehouse = disk / "warehouse.duckdb"
        publish_generation(warehouse, 1, rows=3000)
        (disk / "ballast").write_bytes(bytes(17 * 1024**2))

        with pytest.raises(StorageFull, match=r"needs about .* are free"):
            publish_generation(warehouse, 2, rows=3000)

        assert [(1, 3000)] == state(warehouse)
        assert {"warehouse.duckdb", "ballast"} == names(disk)
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_disk_that_fills_up_meanwhile_leaves_the_old_one(tmp_path):
    """
    There is room for the copy when it begins, and none for the rows: ENOSPC while DuckDB writes.
    """
    disk = a_small_disk(tmp_path / "disk", "14m")
    try:
        warehouse = disk / "warehouse.duckdb"
        publish_generation(warehouse, 1, rows=3000)

        with pytest.raises(StorageFull, match="which is as it was; free some"):
            publish_generation(warehouse, 2, rows=1_500_000)

        assert [(1, 3000)] == state(warehouse)
        assert {"warehouse.duckdb"} == names(disk)
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("share", [0.5, 1.2], ids=["copying", "loading"])
def test_a_file_that_may_not_grow_is_a_full_disk_too(warehouse, share):
    """
    EFBIG, which is no ENOSPC: a largest file of half the warehouse stops the copy, a bit more than it the load.
    """
    before = warehouse.read_bytes()

    with run(FILLER, warehouse, int(share * warehouse.stat().st_size)) as publisher:
        assert publisher.stdout
        said = publisher.stdout.read()

    assert said.startswith("StorageFull"), said
    assert before == warehouse.read_bytes()
    assert {"warehouse.duckdb"} == names(warehouse.parent)


def test_leftovers_of_a_crash_are_cleared_away_and_other_files_are_not(warehouse):
    """
    Only folders that a publish of this warehouse made are ours to remove.
    """
    ours = warehouse.parent / f"{atomic.TEMPORARY_PREFIX}publish-{warehouse.name}-0123456789ab"
    ours.mkdir()
    (ours / warehouse.name).write_bytes(b"half")
    other = warehouse.parent / f"{atomic.TEMPORARY_PREFIX}ab12"
    other.write_bytes(b"somebody is just writing this")

    publish_generation(warehouse, 2)

    assert {warehouse.name, other.name} == names(warehouse.parent)


def test_a_link_stays_a_link(warehouse, tmp_path):
    """
    Who keeps the warehouse on another disk and links to it finds it there afterwards.
    """
    link = tmp_path / "link.duckdb"
    link.symlink_to(warehouse)

    publish_generation(link, 2)

    assert link.is_symlink()
    assert [(2, ROWS)] == state(warehouse)


def test_rights_stay(warehouse):
    """
    A warehouse that only its owner may read does not become public by a refresh.
    """
    warehouse.chmod(0o600)

    publish_generation(warehouse, 2)

    assert 0o600 == warehouse.stat().st_mode & 0o777


def test_changes_left_in_a_log_are_not_lost(warehouse):
    """
    Somebody added a table with the DuckDB shell and it was killed: its change lies in the log beside the file.
    """
    program = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute(\"SET checkpoint_threshold = '1TB'\")"
        ".fetchall(); c.execute('CREATE TABLE mine AS SELECT 42 AS answer').fetchall(); os.kill(os.getpid(), 9)"
    )
    with run(program, warehouse) as killed:
        killed.wait()
    assert warehouse.with_name("warehouse.duckdb.wal").exists()

    publish_generation(warehouse, 2)

    with duckdb.connect(str(warehouse), read_only=True) as connection:
        assert [(42,)] == connection.execute("FROM mine").fetchall()
    assert {"warehouse.duckdb"} == names(warehouse.parent)


def test_somebody_who_writes_is_not_overrun(warehouse):
    """
    With the log of a living program beside it the warehouse is not replaced: its changes would be lost.
    """
    program = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); c.execute('CREATE TABLE mine AS SELECT 42').fetchall();"
        "print('open', flush=True); sys.stdin.read()"
    )
    with run(program, warehouse) as writer:
        assert writer.stdout and "open\n" == writer.stdout.readline()

        with pytest.raises(WarehouseBusy, match=str(writer.pid)):
            publish_generation(warehouse, 2)

        writer.communicate("")


def test_a_damaged_warehouse_is_not_replaced(warehouse):
    """
    What cannot be read is left for its owner to look at, with the remedy in the message.
    """
    warehouse.write_bytes(b"not a database" * 1000)

    with pytest.raises(WarehouseDamaged, match="Move it away"):
        publish_generation(warehouse, 2)

    assert b"not a database" * 1000 == warehouse.read_bytes()
    assert {"warehouse.duckdb"} == names(warehouse.parent)


def test_the_file_does_not_grow_without_end(tmp_path):
    """
    Every publish replaces all rows; after ten of them the file is at most three times what it was after one.
    """
    warehouse = tmp_path / "warehouse.duckdb"
    publish_generation(warehouse, 1, rows=60_000)
    size = warehouse.stat().st_size

    for generation in range(2, 12):
        publish_generation(warehouse, generation, rows=60_000)

    assert warehouse.stat().st_size <= 3 * size
