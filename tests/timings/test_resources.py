"""What a run takes of the machine is recorded while it works."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from tasks.core import stopwatch
from tasks.core.memory import peak_memory_bytes
from tasks.core.stopwatch import Record
from tasks.core.storage import transferred
from tasks.timings import values
from tasks.timings.resources import sampling
from tasks.timings.store import read_timings, recording

MIB = 1024**2


def whose(records: list[Record], name: str) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in records:
        if record.name == name:
            found.setdefault(str(record.attributes["whose"]), []).append(record)
    return found


def samples(records: list[Record]) -> int:
    """How many have been taken, of all that were begun."""
    return len(whose(records, "resources.memory").get("workers", []))


def wait_for(condition, timeout_s=30.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_memory_is_sampled_over_time(records):
    """
    This process has at least the 256 MiB that it writes to in a later sample and not in the first one; a worker has
    more than a Python without anything. Both of a sample are of the same moment.
    """
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as worker:
        with sampling(lambda: [worker.pid]):
            wait_for(lambda: samples(records) >= 1)
            block = bytearray(b"x") * (256 * MIB)
            seen = samples(records)
            wait_for(lambda: samples(records) >= seen + 2)
            del block
        worker.communicate()

    run, workers = (whose(records, "resources.memory")[name] for name in ("run", "workers"))
    assert [r.started_ns for r in run] == [r.started_ns for r in workers]
    assert {("value", "byte")} == {(r.kind, r.attributes["unit"]) for r in (*run, *workers)}
    assert max(r.value for r in run) - run[0].value >= 200 * MIB
    assert max(r.value for r in run) <= peak_memory_bytes() + 8 * MIB
    assert max(r.value for r in workers) > MIB


def test_without_workers_they_have_none(records):
    """
    A chart over time needs a value there, and 0 is the right one.
    """
    with sampling(list):
        wait_for(lambda: len(records) >= 2)

    assert {0} == {r.value for r in whose(records, "resources.memory")["workers"]}


def test_the_cpu_time_of_the_run_is_recorded_at_its_end(records):
    """
    All threads count: this one works until it has taken 0.1 s, another one as much; waiting does not count.
    """

    def work() -> None:
        until_s = time.thread_time() + 0.1
        while time.thread_time() < until_s:
            pass

    began_s = time.process_time()
    with pytest.raises(KeyError), sampling(list):  # also where the run ends by an error
        other = threading.Thread(target=work)
        other.start()
        work()
        other.join()
        raise KeyError

    ((found,),) = whose(records, "resources.cpu").values()
    assert ("run", "s", "value") == (found.attributes["whose"], found.attributes["unit"], found.kind)
    assert 0.2 <= found.value <= time.process_time() - began_s
    assert records[-1] is found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it")
def test_what_storage_was_asked_for_is_recorded_with_the_workers(records, tmp_path):
    """
    A worker writes 8 MiB and ends; whatever the kernel says of it (in blocks of 512 byte, by another call), the sum of
    run and workers has grown by as much, while it works and when it has ended. The last sample is that of the end.
    """
    code = f"""
import os, resource
with open({str(tmp_path / "file")!r}, "wb") as file:
    file.write(bytes(8 * 2**20))
    os.fsync(file.fileno())
print(resource.getrusage(resource.RUSAGE_SELF).ru_oublock, flush=True)
input()
"""
    before = transferred(os.getpid())
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        with sampling(lambda: [worker.pid] if worker.poll() is None else []):
            blocks = int(worker.stdout.readline())
            seen = samples(records)
            wait_for(lambda: samples(records) >= seen + 3)
            worker.communicate()
        after = transferred(os.getpid())

    written = whose(records, "resources.written")
    assert blocks == max(one.value for one in written["workers"]) // 512
    assert 0 == written["workers"][-1].value
    assert blocks <= (written["run"][-1].value - before.written_bytes) // 512
    assert written["run"][-1].value <= after.written_bytes
    assert max(one.value for one in written["run"]) == written["run"][-1].value
    assert {("value", "byte")} == {(r.kind, r.attributes["unit"]) for r in (*written["run"], *written["workers"])}
    assert len(written["run"]) == len(whose(records, "resources.read")["workers"])


def test_no_sample_comes_after_the_end(records):
    """
    The thread has ended, also where the block was left at once.
    """
    for _ in range(20):
        with sampling(list):
            pass

    assert [] == [thread.name for thread in threading.enumerate() if thread.name == "resources"]
    assert 20 == len(whose(records, "resources.cpu")["run"])


def test_a_worker_that_ends_meanwhile_costs_nothing(records):
    """
    Its process id is asked for before the samples are taken: a process that is not there has no memory.
    """
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass

    with sampling(lambda: [ended.pid]):
        wait_for(lambda: len(records) >= 2)

    assert {0} == {r.value for r in whose(records, "resources.memory")["workers"]}


def test_samples_lie_in_the_timings_and_not_among_the_values(tmp_path):
    """
    As rows of the run, readable by anybody; the table of values, where each name has one row, does without them.
    """
    with recording(tmp_path, "run", 3600.0), sampling(lambda: [os.getpid()]):
        stopwatch.record_value("images", 6)

    timings = read_timings(tmp_path)
    told = {"resources.read", "resources.written"} if sys.platform == "linux" else set()
    assert {"images", "resources.memory", "resources.cpu", *told} == set(timings["name"])
    assert ["images"] == values(timings)["name"].to_list()
