"""Several processes keep one rate together: real processes, a real server that notes when requests come."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from tasks.core.errors import StorageNotWritable
from tasks.http import shared_pacer
from tasks.http.pacer import FIRST_PAUSE_S
from tasks.http.shared_pacer import LONGEST_LEASE_S, LOOK_EVERY_S, SharedPacer
from tests.http.loopback import Heard, Loopback, Say
from tests.http.virtual_clock import Clock, most_within

PROJECT = Path(__file__).parents[2]
RATE_HZ = 50.0
ASKING_S = 3.0
CLOCK_STEP_S = 0.01
"""The storage's clock may be so much behind ours: the kernel moves it with its ticks (utimensat(2), HZ=100)."""

ASKER = """
import asyncio, sys, time
from pathlib import Path
from tasks.http import client, loop
from tasks.http.client import Policy, Usage

url, folder, rate_hz, asking_s = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
policy = Policy("tmdb", 8, 5.0, 1, 0.0, rate_hz=rate_hz, pace_folder=folder)

async def ask():
    while time.monotonic() < until_s:
        await client.get(f"{url}/{sys.argv[5]}", policy=policy, usage=Usage())

async def all_of_them():
    await asyncio.gather(*(ask() for _ in range(8)))

print("ready", flush=True)
sys.stdin.read(1)
until_s = time.monotonic() + asking_s
loop.run(all_of_them())
loop.close()
"""


def askers(
    url: str, folder: Path, count: int, *, asking_s: float = ASKING_S
) -> tuple[list[subprocess.Popen[bytes]], float]:
    """Processes that ask as fast as they are let for some seconds; and the moment when all were ready."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", ASKER, url, str(folder), str(RATE_HZ), str(asking_s), str(number)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number in range(count)
    ]
    for process in started:
        assert process.stdout
        assert b"ready\n" == process.stdout.readline()
    began_s = time.monotonic()
    for process in started:
        assert process.stdin
        process.stdin.write(b"x")
        process.stdin.flush()
    return started, began_s


def ended(processes: Sequence[subprocess.Popen[bytes]]) -> list[int]:
    return [(process.communicate(timeout=60), process.returncode)[1] for process in processes]


def too_early(heard: Sequence[Heard], began_s: float) -> list[int]:
    """Which requests came before their turn, that of number ``n`` being ``n`` gaps after all began.

    However late a busy machine brings some of them, it brings none too early.
    """
    moments = sorted(h.at_s for h in heard)
    return [n for n, at_s in enumerate(moments) if at_s < began_s + n / RATE_HZ - CLOCK_STEP_S]


def test_three_processes_keep_one_rate_together(tmp_path):
    """
    Whatever moment one looks at: no more requests than the rate allows until then, from three processes of which each
    alone would use it up.
    """
    with Loopback(lambda *_: Say(after_s=0.03)) as server:
        processes, began_s = askers(server.url, tmp_path, 3)
        statuses = ended(processes)

    assert [0, 0, 0] == statuses
    assert [] == too_early(server.heard, began_s)
    assert {"/0", "/1", "/2"} == {h.path for h in server.heard}


@pytest.fixture
def clock(monkeypatch):
    """A clock of all pacers and of their storage."""
    clock = Clock()
    touch = os.utime
    monkeypatch.setattr(shared_pacer, "time", clock)
    monkeypatch.setattr(shared_pacer, "asyncio", clock)
    monkeypatch.setattr(os, "utime", lambda descriptor: touch(descriptor, (clock.now_s, clock.now_s)))
    return clock


@pytest.mark.parametrize("late_s", [0.0, 0.05, 0.5])
def test_no_second_holds_more_than_the_rate(tmp_path, clock, late_s):
    """
    Three times eight askers, each with an answer after 30 ms, on machines where somebody wakes up to so much too late:
    whatever second one looks at, it holds the rate, and what was late. All slots are used where nobody is.
    """
    lateness, sent_s = random.Random(7), []
    clock.late_s = lambda: lateness.uniform(0, late_s)

    async def ask(pacer):
        while clock.now_s < 1000 + ASKING_S:
            await pacer.turn()
            sent_s.append(clock.now_s)
            await clock.sleep(0.03)

    pacers = [SharedPacer(RATE_HZ, tmp_path / "host.pace") for _ in range(3)]
    clock.run(*(ask(pacer) for pacer in pacers for _ in range(8)))

    assert RATE_HZ * (1 + late_s) >= most_within(sent_s, 1.0)
    if not late_s:
        assert RATE_HZ * ASKING_S == sum(moment < 1000 + ASKING_S - 1e-6 for moment in sent_s)


def test_who_is_gone_takes_a_lease_along_and_nothing_else(tmp_path, clock):
    """
    Of two processes one is gone after half a second; the other goes on, is not kept waiting for longer than a lease,
    and has the whole rate from then on.
    """
    gone_s, end_s, sent_s = 1000.5, 1000 + ASKING_S, []

    async def ask(pacer, until_s, noted):
        while clock.now_s < until_s:
            await pacer.turn()
            noted.append(clock.now_s)
            await clock.sleep(0.03)

    gone, other = (SharedPacer(RATE_HZ, tmp_path / "host.pace") for _ in range(2))
    clock.run(*(ask(gone, gone_s, []) for _ in range(8)), *(ask(other, end_s, sent_s) for _ in range(8)))

    after = [moment for moment in sent_s if moment > gone_s]
    assert LONGEST_LEASE_S >= max(late - early for early, late in pairwise(after))
    assert RATE_HZ == sum(end_s - 1 <= moment + 1e-6 < end_s for moment in sent_s)


def test_a_process_that_is_killed_holds_nobody_up(tmp_path):
    """
    Of two processes one is killed while it asks; the other goes on.
    """
    with Loopback(lambda *_: Say(after_s=0.03)) as server:
        (killed, other), began_s = askers(server.url, tmp_path, 2)
        while not any(h.path == "/0" for h in list(server.heard)):
            time.sleep(0.01)
        time.sleep(0.5)
        killed.send_signal(signal.SIGKILL)
        killed_at_s = time.monotonic()
        statuses = ended([killed, other])

    assert [-signal.SIGKILL, 0] == statuses
    assert 0.5 * RATE_HZ <= sum(h.path == "/1" and h.at_s > killed_at_s for h in server.heard)
    assert [] == too_early(server.heard, began_s)


def test_a_429_of_one_process_pauses_the_other(tmp_path):
    """
    One is told to wait three seconds; from half a second later nobody asks until they are over.
    """
    pause_s = 3.0
    refused_at_s: list[float] = []

    def script(request: Heard, number: int) -> Say:
        if request.path == "/0" and not refused_at_s and number > 20:
            refused_at_s.append(request.at_s)
            return Say(429, b'{"status_code": 25}', {"Retry-After": f"{pause_s:.0f}"})
        return Say(after_s=0.03)

    with Loopback(script) as server:
        statuses = ended(askers(server.url, tmp_path, 2, asking_s=pause_s + 1.5)[0])

    (began_s,) = refused_at_s
    quiet = [h for h in server.heard if began_s + LOOK_EVERY_S + 1.0 < h.at_s < began_s + pause_s - 0.05]
    later = {h.path for h in server.heard if h.at_s >= began_s + pause_s}
    assert [0, 0] == statuses
    assert [] == quiet
    assert {"/0", "/1"} == later


def test_refusals_in_a_row_pause_for_longer_whoever_gets_them(tmp_path):
    """
    Where the host names no time: one second, then two for another process, and one again after a good answer.
    """
    one, other = (SharedPacer(RATE_HZ, tmp_path / "host.pace") for _ in range(2))

    pauses_s = [pacer.pause(None, sent_at_s=time.monotonic()) for pacer in (one, other)]
    other.accepted()
    os.truncate(tmp_path / "host.pace", 0)  # the pauses themselves need not be waited for here

    assert [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S] == [pytest.approx(s, abs=0.2) for s in pauses_s]
    assert FIRST_PAUSE_S == pytest.approx(one.pause(None, sent_at_s=time.monotonic()), abs=0.2)


def test_the_file_is_opened_by_the_lease_not_by_the_request(tmp_path, monkeypatch):
    """
    A hundred requests of eight askers cost at most a quarter as many leases.
    """
    pacer = SharedPacer(400.0, tmp_path / "host.pace")
    leases = 0
    exchange = pacer._exchange

    def counted(decide):
        nonlocal leases
        leases += 1
        return exchange(decide)

    monkeypatch.setattr(pacer, "_exchange", counted)

    async def ask() -> None:
        for _ in range(25):
            await pacer.turn()

    async def all_of_them() -> None:
        await asyncio.gather(*(ask() for _ in range(8)))

    asyncio.run(all_of_them())

    assert leases <= 200 / 4


def test_the_clock_is_that_of_the_storage(tmp_path, monkeypatch):
    """
    A machine whose clock is an hour ahead neither sends too early nor makes the others wait an hour.
    """
    ahead, right = (SharedPacer(RATE_HZ, tmp_path / "host.pace") for _ in range(2))
    hour_s = 3600.0
    now_s = time.time
    monkeypatch.setattr(time, "time", lambda: now_s() + hour_s)
    began_s = time.monotonic()

    async def in_turn() -> None:
        for _ in range(10):
            await ahead.turn()
            await right.turn()

    asyncio.run(in_turn())

    assert 19 / RATE_HZ <= time.monotonic() - began_s + 1 / RATE_HZ
    assert time.monotonic() - began_s < 10


def test_slots_of_a_clock_that_was_set_back_are_forgotten(tmp_path):
    """
    The storage's clock was an hour ahead and was put right: nobody waits for that hour.
    """
    path = tmp_path / "host.pace"
    SharedPacer(RATE_HZ, path)._change(lambda storage_s, pace: type(pace)(next_s=storage_s + 3600))
    began_s = time.monotonic()

    asyncio.run(SharedPacer(RATE_HZ, path).turn())

    assert time.monotonic() - began_s < 5


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    """
    The error says which file, and which setting to look at.
    """
    (tmp_path / "no-folder").write_bytes(b"")

    with pytest.raises(StorageNotWritable, match=r"host\.pace cannot be .*scrape\.pace_folder"):
        asyncio.run(SharedPacer(RATE_HZ, tmp_path / "no-folder" / "host.pace").turn())
