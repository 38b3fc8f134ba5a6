"""Several processes keep one rate together: real processes, a real server that notes when requests come."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from tasks.core.errors import StorageNotWritable
from tasks.http.pacer import FIRST_PAUSE_S
from tasks.http.shared_pacer import LATE_S, LONGEST_LEASE_S, LOOK_EVERY_S, SharedPacer
from tests.http.loopback import Heard, Loopback, Say

PROJECT = Path(__file__).parents[2]
RATE_HZ = 50.0
ASKING_S = 3.0
SLACK = 5
"""Requests that a loaded machine may bring later than they were sent, into a window that was full."""

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


def askers(url: str, folder: Path, count: int, *, asking_s: float = ASKING_S) -> list[subprocess.Popen[bytes]]:
    """Processes that ask as fast as they are let for some seconds; all begin when all are ready."""
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
    for process in started:
        assert process.stdin
        process.stdin.write(b"x")
        process.stdin.flush()
    return started


def ended(processes: Sequence[subprocess.Popen[bytes]]) -> list[int]:
    return [(process.communicate(timeout=60), process.returncode)[1] for process in processes]


def most_within(heard: Sequence[Heard], length_s: float) -> int:
    """Most requests that came within any time of this length."""
    moments = sorted(h.at_s for h in heard)
    return max(sum(start <= m < start + length_s for m in moments[at:]) for at, start in enumerate(moments))


def test_three_processes_keep_one_rate_together(tmp_path):
    """
    Whatever second one looks at: no more requests than the rate, from three processes of which each alone would use it
    up; and together they do use it.
    """
    with Loopback(lambda *_: Say(after_s=0.03)) as server:
        processes = askers(server.url, tmp_path, 3)
        statuses = ended(processes)

    assert [0, 0, 0] == statuses
    assert RATE_HZ * (1 + LATE_S) + SLACK >= most_within(server.heard, 1.0)
    lasted_s = server.heard[-1].at_s - server.heard[0].at_s
    assert len(server.heard) <= RATE_HZ * (lasted_s + LONGEST_LEASE_S) + SLACK
    assert len(server.heard) >= 0.4 * RATE_HZ * lasted_s  # all but all of it, where the machine has nothing else to do
    assert {"/0", "/1", "/2"} == {h.path for h in server.heard}


def test_a_process_that_is_killed_holds_nobody_up(tmp_path):
    """
    Of two processes one is killed; the other goes on, and is not kept waiting for longer than a lease.
    """
    with Loopback(lambda *_: Say(after_s=0.03)) as server:
        killed, other = askers(server.url, tmp_path, 2)
        while not any(h.path == "/0" for h in list(server.heard)):
            time.sleep(0.01)
        time.sleep(0.5)
        killed.send_signal(signal.SIGKILL)
        killed_at_s = time.monotonic()
        statuses = ended([killed, other])

    assert [-signal.SIGKILL, 0] == statuses
    after = [h for h in server.heard if h.path == "/1" and h.at_s > killed_at_s]
    gaps_s = [late.at_s - early.at_s for early, late in pairwise(after)]
    assert len(after) >= 0.5 * RATE_HZ
    assert max(gaps_s) <= 2 * LONGEST_LEASE_S
    assert RATE_HZ * (1 + LATE_S) + SLACK >= most_within(server.heard, 1.0)


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
        statuses = ended(askers(server.url, tmp_path, 2, asking_s=pause_s + 1.5))

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
