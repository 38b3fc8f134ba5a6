"""The disk with the data folder is full in the middle of a refresh."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.core.atomic import TEMPORARY_PREFIX
from tasks.standin.library import SHOW, toy_facts
from tests.flows.house import TOKEN, Done, House, a_house, about_the_library, processes_of

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


ROOMS_BYTES = tuple(kib * 1024 for kib in (0, 64, 112, 160, 300, 500, 3 * 1024))
"""Room on the disk, try by try: each gets further than the one before."""
PLACES = {
    "warehouse.lock.json", "known", "discover", "plan", "probe", "identify", "match", "collected", "responses.sqlite",
    "scrape", "artwork", "warehouse.duckdb",
}  # fmt: skip
"""What there may be no room for; two stages work at the same time, so it is not always the same one that ends a try."""


@dataclass(frozen=True)
class Cramped:
    """A first refresh that was tried with more and more room, refreshes and retries in turn."""

    house: House
    tries: list[Done]
    alive: dict[int, str]
    half_written: list[Path]
    """What the last try has left beside what is whole."""
    done: Done
    """A refresh with room."""


@pytest.fixture(scope="module")
def cramped(tmp_path_factory, prefect, toy_library, standin, forker) -> Iterator[Cramped]:
    folder = tmp_path_factory.mktemp("cramped")
    disk = folder / "disk"
    with a_small_disk(disk) as limit:
        if limit is not None:
            pytest.skip("no disk can be mounted here")
        house = a_house(disk, prefect, standin, forker, HOME=str(folder))
        filler = disk / "filler"
        tries: list[Done] = []
        for number, room_bytes in enumerate(ROOMS_BYTES):
            with filler.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - room_bytes)
            command = ["retry"] if number % 2 == 0 and any(house.data.runs.glob("*.json")) else ["refresh", toy_library]
            tries.append(house.run(*command, "--json", token=TOKEN))
            filler.unlink()
        half_written = list(house.data.path.rglob(f"{TEMPORARY_PREFIX}*"))
        yield Cramped(house, tries, processes_of(house.data.path), half_written, house.refresh(toy_library))


def test_in_every_stage_it_stops_with_a_clear_line(cramped):
    """
    Exit status 3, and one line that names the file there is no room for; neither a process nor half a file is left.
    """
    lines = [done.stderr.rstrip("\n") for done in cramped.tries]
    told = " ".join(line.removeprefix(f"reelhouse: no space left for {cramped.house.data.path}") for line in lines)
    places = {place for place in PLACES if f"/{place}" in told}

    assert [] == [(done.status, done.stderr) for done in cramped.tries if done.status != 3]
    for line in lines:
        assert "\n" not in line
        assert str(cramped.house.data.path) in line
        assert line.endswith("; free some and run again")
    assert {"warehouse.lock.json", "warehouse.duckdb"} <= places
    assert 5 <= len(places), places
    assert ({}, []) == (cramped.alive, cramped.half_written)


def test_with_room_at_last_the_tables_are_those_of_an_undisturbed_run(cramped, refreshed, toy_library):
    """
    It completes, takes over what could be saved of measurements, and each table is equal.
    """
    facts = toy_facts(toy_library)

    assert (0, "") == (cramped.done.status, cramped.done.stderr)
    assert facts.file_count - facts.unreadable_count == cramped.done.record["counters"]["resumed_measurements"]
    assert about_the_library(refreshed.house) == about_the_library(cramped.house)
