"""The disk with the data folder is full in the middle of a refresh."""

from __future__ import annotations

import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.standin.library import SHOW, toy_facts
from tests.flows.house import Done, House, a_house

DISK_BYTES = 64 * 1024**2
ROOM_BYTES = 96 * 1024
"""Less than the staging files of a run, let alone a copy of the warehouse."""
LARGEST_FILE_BYTES = 1024**2
"""Where no disk can be mounted: less than the warehouse has."""


@dataclass(frozen=True)
class Full:
    """A refresh without room, and one with."""

    house: House
    before: bytes
    """The warehouse before them."""
    without_room: Done
    between: bytes
    left_between: list[str]
    with_room: Done


@contextmanager
def a_small_disk(folder: Path) -> Iterator[Callable[[], None] | None]:
    """Make ``folder`` a disk of its own; where that is not permitted, give what limits a process instead."""
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "reelhouse-test", str(folder)]
    if shutil.which("mount") is None or subprocess.run(argv, capture_output=True, check=False).returncode != 0:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE_BYTES, LARGEST_FILE_BYTES))
        return
    try:
        yield None
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="module")
def full(tmp_path_factory, prefect, refreshed) -> Iterator[Full]:
    """A refresh that finds one new file, on a copy of a data folder that is known to be good."""
    folder = tmp_path_factory.mktemp("full")
    more = folder / "more" / "Added Later (1999)"
    more.mkdir(parents=True)
    shutil.copyfile(refreshed.library / SHOW / "Featurettes" / "Building the Dome.mp4", more / "Added Later (1999).mp4")
    disk = folder / "disk"
    with a_small_disk(disk) as limit:
        house = a_house(disk, prefect, None, PREFECT_HOME=str(folder / "prefect-client"), HOME=str(folder))
        shutil.copytree(refreshed.house.data.path, house.data.path)
        before = house.data.warehouse.read_bytes()
        filler = disk / "filler"
        if limit is None:
            filler.write_bytes(bytes(shutil.disk_usage(disk).free - ROOM_BYTES))
        without_room = house.refresh(refreshed.library, more, token=None, preexec_fn=limit)
        between = house.data.warehouse.read_bytes()
        left = [path.name for path in house.data.path.iterdir() if path.name.startswith(".tmp-")]
        filler.unlink(missing_ok=True)
        yield Full(house, before, without_room, between, left, house.refresh(refreshed.library, more, token=None))


def test_it_stops_with_a_clear_line(full):
    """
    Exit status 3, no report, and the last line says that there is no space, where, and what to do.
    """
    *_, last = full.without_room.stderr.splitlines()

    assert 3 == full.without_room.status
    assert "Traceback" not in full.without_room.stderr
    assert "no space left" in last or "are free" in last
    assert str(full.house.data.path) in last
    assert "free some and run again" in last


def test_the_old_warehouse_is_whole(full):
    """
    Not a byte of it has changed, and no half of a new one lies beside it.
    """
    assert full.before == full.between
    assert [] == full.left_between


def test_with_room_the_next_refresh_completes(full, refreshed):
    """
    The new file is in the library beside those that were known; only it had to be measured.
    """
    assert (0, "") == (full.with_room.status, full.with_room.stderr)
    assert 1 == full.with_room.record["probe_count"]
    assert [(toy_facts(refreshed.library).file_count + 1,)] == full.house.rows("SELECT count(*) FROM library")
