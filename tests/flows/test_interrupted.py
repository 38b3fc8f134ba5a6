"""A refresh is ended from outside in mid-work: Ctrl-C, SIGTERM, ``kill -9``; and a second one is tried beside it."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tasks.standin.faults import RequestLog
from tasks.standin.library import toy_facts
from tasks.standin.running import StandIn
from tasks.standin.server import StandInOptions
from tests.flows.house import TOKEN, Done, House, a_house, about_the_library, copy_records, processes_of, until

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc here")

SLOW_S = 5.0
"""Latency where Ctrl-C comes after the first answer of six: waiting for the others would take 25 s."""
STEADY_S = 0.5
SEARCHES = 6
"""Four films, of which the unknown one is searched twice, and a show."""
DETAILS = 4


@dataclass(frozen=True)
class Ended:
    """A refresh that was ended."""

    house: House
    status: int
    stderr: str
    took_s: float
    alive: dict[int, str]
    """Its processes while it worked."""
    left: dict[int, str]
    """Its processes some time after its end."""


@dataclass(frozen=True)
class Killed:
    """The refresh that was killed, and what else was done with its house."""

    ended: Ended
    pid: int
    second: Done
    """A refresh that was tried while the first one worked."""
    requests: RequestLog
    """Until it was killed."""
    next: Done
    next_requests: RequestLog


@dataclass(frozen=True)
class Endings:
    by_signal: dict[signal.Signals, Ended]
    killed: Killed


@pytest.fixture(scope="module")
def endings(tmp_path_factory, first_start, toy_library, forker) -> Endings:
    """Three refreshes at once, each with a server of its own and a slow service, each ended in its own way."""
    with ExitStack() as stack:

        def started(name: str, latency_s: float) -> tuple[House, StandIn, subprocess.Popen[str]]:
            service = stack.enter_context(StandIn(StandInOptions(latency_s=latency_s)))
            house = a_house(tmp_path_factory.mktemp(name), None, service, REELHOUSE_SCRAPE__CONNECTIONS="1")
            copy_records(first_start, house.data.prefect)
            process = house.start("refresh", toy_library)
            stack.callback(process.kill)
            return house, service, process

        killed_house, killed_service, killed_process = started("killed", STEADY_S)
        slow = {number: started(number.name, SLOW_S) for number in (signal.SIGINT, signal.SIGTERM)}
        assert until(lambda: killed_service.requests().entries, within_s=240)
        second = killed_house.refresh(toy_library, token=TOKEN)
        assert until(lambda: killed_service.requests().count("movie"), within_s=180)
        ended = ended_by(signal.SIGKILL, killed_house, killed_process)
        requests = killed_service.requests()
        by_signal = {}
        for number, (house, service, process) in slow.items():
            assert until(lambda service=service: service.requests().entries, within_s=240)
            by_signal[number] = ended_by(number, house, process)
        killed_service.clear()
        following = replace(killed_house, forker=forker).refresh(toy_library)
        next_requests = killed_service.requests()
    killed = Killed(ended, killed_process.pid, second, requests, following, next_requests)
    return Endings({**by_signal, signal.SIGKILL: ended}, killed)


def ended_by(number: signal.Signals, house: House, process: subprocess.Popen[str]) -> Ended:
    """Send a signal as it comes: Ctrl-C to all processes of the terminal's foreground, others to the one."""
    folder = house.data.path
    alive = processes_of(folder)
    began_s = time.monotonic()
    (os.killpg if number is signal.SIGINT else os.kill)(process.pid, number)
    _, stderr = process.communicate(timeout=60)
    took_s = time.monotonic() - began_s
    until(lambda: not processes_of(folder), within_s=25)
    return Ended(house, process.returncode, stderr, took_s, alive, processes_of(folder))


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)],
    ids=["Ctrl-C", "SIGTERM", "kill -9"],
)
def test_nothing_is_left_running(endings, number, status):
    """
    The command, its guard, the Prefect server and the workers that measure were there; after the end none is.
    """
    ended = endings.by_signal[number]

    commands = "\n".join(ended.alive.values())
    assert status == ended.status
    for part in ("flows.cli refresh", "flows.server", "prefect server start", "tasks.probe.worker"):
        assert part in commands
    assert {} == ended.left


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_run_ends_soon(endings, number):
    """
    It does not wait for the titles that are still to be asked for.
    """
    assert 15 > endings.by_signal[number].took_s


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_run_says_what_becomes_of_its_work(endings, number):
    """
    One line, last on stderr, no traceback.
    """
    ended = endings.by_signal[number]

    *_, last = ended.stderr.splitlines()
    assert f"interrupted by {number.name}" in last
    assert "the next refresh goes on" in last
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_run_is_not_running_in_the_ui(endings, number):
    """
    The server has taken down that the flow run has crashed, before it was ended.
    """
    database = endings.by_signal[number].house.data.prefect / "prefect.db"

    with closing(sqlite3.connect(database)) as records:
        states = records.execute("SELECT state_type FROM flow_run").fetchall()

    assert [("CRASHED",)] == states


def test_a_second_refresh_is_refused_while_the_first_one_works(endings):
    """
    Exit status 2, and one line that names the process that holds the warehouse.
    """
    second = endings.killed.second

    (line,) = second.stderr.splitlines()
    assert (2, b"") == (second.status, second.stdout)
    assert f"process {endings.killed.pid} " in line
    assert str(endings.killed.ended.house.data.warehouse) in line


def test_after_a_kill_the_next_refresh_completes(endings):
    """
    Neither the lock of the killed one nor what it left half done stands in its way.
    """
    assert (0, "") == (endings.killed.next.status, endings.killed.next.stderr)


def test_after_a_kill_finished_calls_are_not_repeated(endings):
    """
    The searches were done, so the next refresh makes none of them again. Of the details it may repeat those that were
    answered in the second before the kill, one after the other.
    """
    before, after = endings.killed.requests, endings.killed.next_requests

    assert SEARCHES == before.count("search_movie") + before.count("search_tv")
    assert 0 == after.count("search_movie") + after.count("search_tv")
    details = [log.count("movie") + log.count("tv") for log in (before, after)]
    assert DETAILS <= sum(details) <= DETAILS + math.ceil(1 / STEADY_S)


def test_after_a_kill_what_was_measured_is_taken_over(endings, toy_library):
    """
    All files were measured when the kill came. Only those that could not be read are tried again.
    """
    facts, record = toy_facts(toy_library), endings.killed.next.record

    assert facts.unreadable_count == record["probe_count"]
    assert facts.file_count - facts.unreadable_count == record["counters"]["resumed_measurements"]


def test_after_a_kill_the_tables_are_those_of_an_undisturbed_run(endings, refreshed):
    """
    All tables about the library are equal, the times of the runs aside.
    """
    expected, found = about_the_library(refreshed.house), about_the_library(endings.killed.ended.house)

    assert set(expected) == set(found)
    for name, rows in expected.items():
        assert rows == found[name], name
