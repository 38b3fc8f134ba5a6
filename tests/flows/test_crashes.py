"""What a refresh stands on fails in mid-run: its measuring processes, its Prefect server, the power, the disk."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.core.layout import DataFolder
from tasks.standin.library import toy_facts
from tasks.standin.running import StandIn
from tasks.standin.server import StandInOptions
from tests.flows.house import Done, House, a_house, about_the_library, copy_records, done_of, processes_of, until

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc here"),
    pytest.mark.timeout(1_500),
]

SLOW_S = 0.4
WORKER = "tasks.probe.worker"
SERVER = "prefect server start"
RUN_S = 400.0


@dataclass(frozen=True)
class Survived:
    """A refresh of which something was killed, or copied, in mid-run."""

    house: House
    done: Done
    killed: dict[int, str]
    addresses: list[str]
    """What was asked from the beginning to the end."""
    left: dict[int, str]


def survived(house: House, library: Path, service: StandIn, victims: str) -> Survived:
    """Refresh, and kill all processes whose command holds ``victims`` as soon as the service has been asked."""
    process = house.start("refresh", library, "--json")
    try:
        assert until(lambda: service.requests().entries or process.poll() is not None, within_s=RUN_S)
        killed = {pid: command for pid, command in processes_of(house.data.path).items() if victims in command}
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        stdout, stderr = process.communicate(timeout=RUN_S)
    finally:
        process.kill()
        process.communicate()
    until(lambda: not processes_of(house.data.path), within_s=20)
    done = Done(process.returncode, stdout.encode(), stderr)
    return Survived(house, done, killed, service.requests().addresses, processes_of(house.data.path))


@pytest.fixture(scope="module")
def without_workers(tmp_path_factory, prefect, toy_library, forker) -> Survived:
    """The processes that measure are killed while they start or measure."""
    folder = tmp_path_factory.mktemp("workers")
    with StandIn() as service:
        house = a_house(folder, prefect, service, forker)
        process = house.fork("refresh", toy_library, "--json")
        killed: dict[int, str] = {}

        def kill() -> bool:
            alive = {pid: command for pid, command in processes_of(house.data.path).items() if WORKER in command}
            for pid in alive:
                os.kill(pid, signal.SIGKILL)
            killed.update(alive)
            return bool(alive) or process.poll() is not None

        until(kill, within_s=RUN_S)
        done = done_of(process, within_s=RUN_S)
        return Survived(house, done, killed, service.requests().addresses, processes_of(house.data.path))


def test_killed_workers_cost_no_file(without_workers, toy_library, refreshed):
    """
    The run completes, all files are measured, and the tables are those of an undisturbed run.
    """
    facts = toy_facts(toy_library)

    assert without_workers.killed
    assert (0, "") == (without_workers.done.status, without_workers.done.stderr)
    assert {"total": facts.file_count, "done": facts.file_count - facts.unreadable_count, "quarantined": 2} == (
        without_workers.done.stage("probe")
    )
    assert about_the_library(refreshed.house) == about_the_library(without_workers.house)


@pytest.fixture(scope="module")
def without_server(tmp_path_factory, first_start, toy_library) -> Survived:
    """The Prefect server that a refresh has started is killed, and so is the one that takes its place."""
    folder = tmp_path_factory.mktemp("server")
    with StandIn(StandInOptions(latency_s=SLOW_S)) as service:
        house = a_house(folder, None, service, REELHOUSE_SCRAPE__CONNECTIONS="2", REELHOUSE_ARTWORK__CONNECTIONS="2")
        copy_records(first_start, house.data.prefect)
        return survived(house, toy_library, service, SERVER)


def test_a_killed_server_is_started_again(without_server, refreshed):
    """
    The run waits for it and completes; nothing was asked twice, no process is left, and the tables are those of an
    undisturbed run.
    """
    asked = Counter(without_server.addresses)

    assert without_server.killed
    assert 0 == without_server.done.status, without_server.done.stderr
    assert "Traceback" not in without_server.done.stderr
    assert {} == {address: count for address, count in asked.items() if count > 1}
    assert {} == without_server.left
    assert about_the_library(refreshed.house) == about_the_library(without_server.house)


@dataclass(frozen=True)
class PowerLoss:
    """What a loss of power leaves, taken from a data folder while a run was at work in it."""

    done: Done
    copied: Done
    copy: House
    before: set[str]
    """Addresses that had been answered more than a second before the copy was made."""
    after: list[str]
    """What the refresh in the copy asked."""
    original: House


@pytest.fixture(scope="module")
def power_loss(tmp_path_factory, prefect, toy_library, forker) -> PowerLoss:
    folder = tmp_path_factory.mktemp("power")
    with StandIn(StandInOptions(latency_s=SLOW_S)) as service:
        connections = {"REELHOUSE_SCRAPE__CONNECTIONS": "2", "REELHOUSE_ARTWORK__CONNECTIONS": "2"}
        house = a_house(folder, prefect, service, forker, **connections)
        process = house.fork("refresh", toy_library, "--json")
        assert until(lambda: service.requests().count("movie") > 1, within_s=RUN_S)
        before = set(service.requests().addresses)
        until(lambda: False, within_s=2.5)
        (folder / "other").mkdir()
        # The tree changes while it is copied, and cp complains of what has gone meanwhile.
        subprocess.run(
            ["cp", "-a", str(house.data.path), str(folder / "other" / "data")], check=False, capture_output=True
        )
        done = done_of(process, within_s=RUN_S)
        service.clear()
        copy = House(DataFolder(folder / "other" / "data"), house.variables, forker)
        copied = copy.refresh(toy_library)
        return PowerLoss(done, copied, copy, before, service.requests().addresses, house)


def test_after_a_loss_of_power_the_next_refresh_completes(power_loss, refreshed):
    """
    In the copy, under another path; its tables are those of an undisturbed run, and so are those of the original.
    """
    assert (0, "") == (power_loss.copied.status, power_loss.copied.stderr)
    assert (0, "") == (power_loss.done.status, power_loss.done.stderr)
    expected = about_the_library(refreshed.house)
    assert expected == about_the_library(power_loss.copy)
    assert expected == about_the_library(power_loss.original)


def test_after_a_loss_of_power_answers_are_not_asked_for_again(power_loss, toy_library):
    """
    All that was answered a second before is known, and every readable file is measured.
    """
    facts = toy_facts(toy_library)

    assert power_loss.before
    assert set() == power_loss.before & set(power_loss.after)
    assert facts.file_count - facts.unreadable_count == power_loss.copied.record["counters"]["resumed_measurements"]
