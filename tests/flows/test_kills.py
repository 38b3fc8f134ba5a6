"""The whole session of a refresh is killed at random moments, again and again; then one runs to its end.

A life is one data folder: runs are killed in it, as by a power switch, until one comes to its end. Twenty kills are
dealt to two lanes of lives, which go on at the same time. A moment is a number of things done (files made, requests
answered) and a short time after it, so that moments lie in all stages however fast the machine is.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import polars as pl
import pytest
from filelock import FileLock

from flows.server import Server
from tasks.artwork.verify import verified
from tasks.core.atomic import TEMPORARY_PREFIX
from tasks.schema.probes import Probes
from tasks.schema.titles import Artwork
from tasks.standin.library import toy_facts
from tasks.standin.running import StandIn
from tasks.standin.server import StandInOptions
from tasks.warehouse.runs import run_records
from tests.flows.house import TOKEN, Done, House, a_house, about_the_library, ask_prefect, done_of, processes_of, until
from tests.flows.warm import Command, Forker

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc here"),
    pytest.mark.timeout(1_500),
]

SEEDS = (1, 2)
KILLS_A_LANE = 10
KILLS_A_LIFE = 4
MOST_DONE = 150
"""A first refresh of the toy library makes some 170 files and sends 37 requests."""
LATENCY_S = 0.1
LOOK_EVERY_S = 0.04
"""Looking more often would take the processor from those who are looked at."""
STAGES = ("known", "discover", "probe", "match", "scrape", "collections", "artwork", "plan_events", "collected")
"""Folders of a run's staging, in the order in which they appear."""
Question = tuple[Any, ...]
"""The path of an address and its parameters."""


@dataclass(frozen=True)
class Kill:
    """One kill, and what was there after it."""

    command: str
    after: int
    """Files made and requests answered before it came."""
    stage: str
    """The last stage that the run had begun."""
    kept: frozenset[Question]
    """What the data folder held the answers or pictures to."""
    answered: int
    """Requests of the life until then."""
    left: dict[int, str]
    """Processes of the house some time after it."""
    measured: dict[str, datetime]
    """Readable files whose measurement lay in staging, and when it was made."""


@dataclass
class Life:
    """One data folder from the first refresh to the one that ended by itself."""

    house: House
    kills: list[Kill] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    end: Done | None = None
    states: dict[str, str] = field(default_factory=dict)
    """Run id -> state in Prefect after the end."""

    @property
    def records(self) -> dict[str, dict[str, Any]]:
        return {record["run_id"]: record for record in run_records(self.house.data.path)}


def stage_of(house: House) -> str:
    """The last stage that the newest run has begun."""
    runs = sorted(house.data.path.glob("staging/*"), key=lambda folder: folder.stat().st_mtime_ns)
    begun = [stage for stage in STAGES if runs and (runs[-1] / stage).exists()]
    is_publishing = any(house.data.path.glob(f"{TEMPORARY_PREFIX}publish-*"))
    return "load" if is_publishing else begun[-1] if begun else "begin"


class Witness:
    """Counts what a house does."""

    def __init__(self, house: House, service: StandIn) -> None:
        self.house, self.service = house, service
        self._seen = set(self._files())
        self.requests_before = len(service.requests().entries)
        self._made = 0

    def _files(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self.house.data.path):
            yield from (f"{folder}/{name}" for name in (*folders, *files))

    def look(self) -> int:
        """Files made and requests answered so far."""
        now = set(self._files())
        self._made += len(now - self._seen)
        self._seen |= now
        answered = len(self.service.requests().entries)
        return self._made + answered - self.requests_before


def killed(house: House, service: StandIn, command: str, arguments: list[Any], chance: random.Random) -> Kill | Done:
    """Run a command and kill it, with all processes of its session, at a random moment; or see it end before."""
    moment, more_s = chance.randint(1, MOST_DONE), chance.uniform(0, 0.1)
    witness = Witness(house, service)
    process = house.fork(*arguments, "--json")
    while process.poll() is None and witness.look() < moment:
        time.sleep(LOOK_EVERY_S)
    time.sleep(more_s)
    ended = process.poll()
    stop(process, house)
    done = done_of(process, within_s=300)
    if ended is not None:
        return done
    left = until_gone(house)
    stage = stage_of(house)
    answered = len(service.requests().entries)
    return Kill(command, moment, stage, kept(house), answered, left, measured(house))


def stop(process: Command, house: House) -> None:
    """``kill -9`` to the command and all that it has started, at once."""
    for pid in (process.pid, *processes_of(house.data.path)):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def until_gone(house: House) -> dict[int, str]:
    until(lambda: not processes_of(house.data.path), within_s=20)
    return processes_of(house.data.path)


def question(address: str) -> Question:
    """What an address asks for, however it is written."""
    parts = urlsplit(address)
    return parts.path, *sorted(parse_qsl(parts.query))


def kept(house: House) -> frozenset[Question]:
    """The questions to which the data folder holds the answers, and the pictures whose rows lie in staging."""
    urls = []
    if house.data.responses.exists():
        with closing(sqlite3.connect(house.data.responses)) as responses, suppress(sqlite3.OperationalError):
            urls = [url for (url,) in responses.execute("SELECT url FROM responses")]  # no table: it was just made
    parts = house.data.path.glob(f"staging/*/artwork/*/[0-9]*/{Artwork.table_name()}.parquet")
    pictures = [path for part in parts for path in pl.read_parquet(part, glob=False)["source_path"]]
    return frozenset(question(url) for url in (*urls, *(f"/t/p/original{path}" for path in pictures)))


def measured(house: House) -> dict[str, datetime]:
    """Readable files whose measurement lies in the staging of any run, and when it was made."""
    parts = house.data.path.glob(f"staging/*/probe/*/[0-9]*/{Probes.table_name()}.parquet")
    rows = [row for part in parts for row in pl.read_parquet(part, glob=False).iter_rows(named=True)]
    return {row["file_id"]: row["probed_at"] for row in rows if row["status"] != "unreadable"}


def live(folder: Path, server: Server, library: Path, chance: random.Random, most_kills: int, forker: Forker) -> Life:
    """Refresh and retry in turn, each killed, until one ends by itself; after the last kill one is let go on."""
    folder.mkdir()
    with StandIn(StandInOptions(latency_s=LATENCY_S)) as service:
        connections = {"REELHOUSE_SCRAPE__CONNECTIONS": "2", "REELHOUSE_ARTWORK__CONNECTIONS": "2"}
        house = a_house(folder, server, service, forker, **connections)
        life = Life(house)
        while life.end is None:
            is_known = any(record["state"] == "running" for record in run_records(house.data.path))
            command = "retry" if is_known and len(life.kills) % 2 else "refresh"
            arguments = [command, *([library] if command == "refresh" else [])]
            life.commands.append(command)
            if len(life.kills) == most_kills:
                life.end = house.run(*arguments, "--json", token=TOKEN)
                break
            came = killed(house, service, command, arguments, chance)
            if isinstance(came, Kill):
                life.kills.append(came)
            else:
                life.end = came
        life.addresses = service.requests().addresses
        found = ask_prefect(server, "/flow_runs/filter", {"limit": 200, "sort": "START_TIME_DESC"})
        mine = [
            run for run in found if (run["parameters"].get("settings") or {}).get("data_dir") == str(house.data.path)
        ]
        life.states = {run["id"]: run["state_type"] for run in mine}
        return life


@pytest.fixture(scope="module")
def lives(tmp_path_factory, prefect, refreshed, toy_library, forker) -> list[Life]:  # noqa: ARG001
    """As many lives as twenty kills take, in two lanes; their deployment is there since ``refreshed``."""
    folder = tmp_path_factory.mktemp("kills")

    def lane(seed: int) -> list[Life]:
        chance = random.Random(seed)
        lives: list[Life] = []
        while left := KILLS_A_LANE - sum(len(life.kills) for life in lives):
            place = folder / f"lane {seed} life {len(lives)}"
            lives.append(live(place, prefect, toy_library, chance, min(left, KILLS_A_LIFE), forker))
        return lives

    with ThreadPoolExecutor(len(SEEDS)) as lanes:
        return [life for lives in lanes.map(lane, SEEDS) for life in lives]


def test_runs_were_killed_in_all_parts_of_their_work(lives):
    """
    Twenty kills, in five stages at least, of refreshes and of retries.
    """
    kills = [kill for life in lives for kill in life.kills]

    assert len(SEEDS) * KILLS_A_LANE == len(kills)
    assert 5 <= len({kill.stage for kill in kills}), Counter(kill.stage for kill in kills)
    assert {"refresh", "retry"} == {kill.command for kill in kills}


def test_what_comes_after_completes(lives):
    """
    Neither a lock nor a half of anything stands in its way.
    """
    assert [] == [(life.end.status, life.end.stderr) for life in lives if (life.end.status, life.end.stderr) != (0, "")]


def test_the_tables_are_those_of_an_undisturbed_run(lives, refreshed):
    """
    All tables about the library are equal, row by row, the times of the runs aside.
    """
    expected = about_the_library(refreshed.house)

    for life in lives:
        found = about_the_library(life.house)
        assert set(expected) == set(found)
        for name, rows in expected.items():
            assert rows == found[name], (name, life.house.data.path)


def test_no_process_is_left(lives):
    """
    Neither after a kill nor after the end.
    """
    assert [{}] * len(lives) == [processes_of(life.house.data.path) for life in lives]
    assert [{}] * 20 == [kill.left for life in lives for kill in life.kills]


def test_nothing_is_half_written(lives):
    """
    No temporary file is anywhere in the data folders, and every picture can be decoded.
    """
    temporary = [path for life in lives for path in life.house.data.path.rglob(f"{TEMPORARY_PREFIX}*")]
    pictures = [path for life in lives for path in life.house.data.artwork.rglob("*.*")]

    assert [] == temporary
    for path in pictures:
        verified(path.read_bytes(), item=path.name)
    assert 0 < len(pictures)


def test_no_lock_is_left(lives):
    """
    The right to write is free, and nobody is named as its holder.
    """
    for life in lives:
        with FileLock(life.house.data.warehouse.with_suffix(".lock"), timeout=0):
            assert not life.house.data.warehouse.with_suffix(".lock.json").exists()


def test_killed_runs_are_marked_as_crashed(lives):
    """
    All runs that did not come to their end are crashed, in their records and in the warehouse; no run is at work.
    """
    for life in lives:
        states = {run_id: record["state"] for run_id, record in life.records.items()}
        loaded = dict(life.house.rows("SELECT run_id, state FROM runs"))
        assert {"completed", "crashed"} >= set(states.values())
        assert life.end.record["run_id"] in states
        assert {} == {run_id: state for run_id, state in loaded.items() if states[run_id] != state}


def test_no_run_is_at_work_in_prefect(lives):
    """
    The server knows of the dead ones that they are.
    """
    for life in lives:
        assert len(life.records) <= len(life.states)
        assert {"COMPLETED", "CRASHED"} >= set(life.states.values()), life.states


def test_what_was_answered_is_not_asked_again(lives, refreshed):
    """
    Nothing that the data folder held after a kill is asked for again, neither texts nor pictures; in all lives together
    there was much of it.
    """
    undisturbed = {urlsplit(address).path for address in refreshed.first_requests.addresses}

    for life in lives:
        assert undisturbed == {urlsplit(address).path for address in life.addresses}
        for kill in life.kills:
            assert set() == kill.kept & {question(address) for address in life.addresses[kill.answered :]}
    assert len(undisturbed) < sum(len(kill.kept) for life in lives for kill in life.kills)


def test_what_was_measured_is_not_measured_again(lives, toy_library):
    """
    The measurements that lay in staging after a kill are those that were loaded in the end, as their times say; and
    what a run takes over and what it measures are together all files, each once.
    """
    for life in lives:
        loaded = dict(life.house.rows("SELECT file_id, probed_at FROM probes"))
        for kill in life.kills:
            assert kill.measured == {file_id: loaded[file_id] for file_id in kill.measured}
        last = life.end.record
        resumed_count = last["counters"].get("resumed_measurements", 0)
        assert toy_facts(toy_library).file_count == last["probe_count"] + resumed_count
    assert any(kill.measured for life in lives for kill in life.kills)
