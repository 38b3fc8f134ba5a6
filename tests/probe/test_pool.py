"""Worker processes: what a crash, a hang and the death of the parent cost."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tasks.core.errors import ProbeEngineBroken
from tasks.probe.pool import Pool

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def a_pool() -> Iterator[Callable[..., Pool]]:
    pools = []

    def make(workers: int = 1, engine: str = "tests.probe.faulty_engine") -> Pool:
        pools.append(Pool(workers, engine))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def measured(pool: Pool, names: list[str], *, deadline_s: float = 20, chunk_size: int = 8, **options: Any) -> list[Any]:
    """For each name ``None``, or the cause of its failure."""
    found = dict(
        pool.measure(
            [os.fsencode(name) for name in names],
            deadline_s=deadline_s,
            chunk_size=chunk_size,
            **{"read_first_frame": False, **options},
        )
    )
    return [found[i]["failure"] and found[i]["failure"]["cause"] for i in range(len(names))]


def wait_until(holds: Callable[[], bool], *, within_s: float = 20) -> bool:
    until = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def test_every_file_is_answered_once(a_pool):
    """
    Each path comes back with its own facts, whatever bytes it is made of, in chunks and over several workers.
    """
    paths = [f"/x/{i}".encode() for i in range(100)] + [b"/x/caf\xe9", "/x/🎬\n[red]".encode()]

    answers = list(a_pool(2).measure(paths, deadline_s=20, chunk_size=7, read_first_frame=True))

    assert list(range(102)) == sorted(index for index, _ in answers)
    assert paths == [os.fsencode(facts["path"]) for _, facts in sorted(answers, key=lambda a: a[0])]


def test_only_the_file_that_crashes_is_marked(a_pool):
    """
    Files before and behind it in its chunk are measured; it is tried once more, alone, before it is given up.
    """
    assert [None, "crashed", None, None, "crashed"] == measured(a_pool(), ["a", "crash1", "b", "c", "crash2"])


def test_the_reason_of_a_crash_names_the_signal(a_pool):
    """
    Signal 11 is the segmentation fault of POSIX.
    """
    [(_, facts)] = a_pool().measure([b"crash"], deadline_s=20, chunk_size=1, read_first_frame=False)

    assert "the engine died: it was ended by signal 11" == facts["failure"]["reason"]


def test_a_worker_killed_from_outside_costs_nothing(a_pool, tmp_path):
    """
    When the system kills a worker for want of memory, the file it was at is measured by the next one.
    """
    assert [None, None, None] == measured(a_pool(), ["a", str(tmp_path / "once"), "b"])


def test_an_idle_worker_may_die(a_pool):
    """
    Killing a worker that waits for work breaks nothing.
    """
    pool = a_pool(2)
    measured(pool, ["a", "b", "c", "d"], chunk_size=1)
    for pid in pool.pids():
        os.kill(pid, signal.SIGKILL)

    assert [None] * 4 == measured(pool, ["a", "b", "c", "d"], chunk_size=1)


def test_a_file_that_hangs_is_stopped_at_its_deadline(a_pool):
    """
    It alone is marked, after its deadline and not after that of its whole chunk.
    """
    began = time.monotonic()

    causes = measured(a_pool(), ["a", "hang", "b", "c"], deadline_s=1)

    assert [None, "timed_out", None, None] == causes
    assert time.monotonic() - began < 10


def test_a_stopped_worker_is_replaced(a_pool):
    """
    A process that no longer runs, and so cannot even notice its deadline, is killed.
    """
    pool = a_pool()
    measured(pool, ["a"])
    os.kill(pool.pids()[0], signal.SIGSTOP)

    assert ["timed_out", None] == measured(pool, ["a", "b"], deadline_s=1)


def test_batches_take_turns(a_pool):
    """
    A small batch that comes second does not wait for the end of a large one.
    """
    pool = a_pool()
    large = pool.measure([b"a"] * 500, deadline_s=20, chunk_size=1, read_first_frame=False)
    next(large)

    assert [None] == measured(pool, ["b"])
    assert 499 == sum(1 for _ in large)


def test_a_batch_that_is_left_does_not_block_the_next(a_pool):
    """
    Who stops asking in the middle (a full disk, an error) leaves the workers free.
    """
    pool = a_pool()
    answers = pool.measure([b"a"] * 100, deadline_s=20, chunk_size=4, read_first_frame=False)
    next(answers)
    answers.close()

    assert [None] == measured(pool, ["b"])


def test_an_engine_that_does_not_start_is_told(a_pool, capfd):
    """
    Without the library no file can be measured: the run is refused with the command that shows why.
    """
    with pytest.raises(ProbeEngineBroken, match="-c 'import no_such_engine'"):
        measured(a_pool(engine="no_such_engine"), ["a"])

    assert "No module named 'no_such_engine'" in capfd.readouterr().err


def test_closing_ends_the_workers_at_once(a_pool):
    """
    Nothing runs on after the pool is closed, also not a file that hangs, and who still waits is told.
    """
    pool = a_pool(2)
    answers = pool.measure([b"a", b"hang1", b"hang2"], deadline_s=600, chunk_size=1, read_first_frame=False)
    next(answers)
    wait_until(lambda: len(pool.pids()) == 2)
    pids = pool.pids()

    pool.close()

    assert wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids))
    with pytest.raises(ProbeEngineBroken):
        list(answers)


@pytest.mark.parametrize("name", ["a", "hang"], ids=["idle", "in the middle of a file"])
def test_workers_die_with_their_parent(name):
    """
    When the parent is killed with no chance to clean up, no process stays behind.
    """
    code = (
        "import sys, time; from tasks.probe.pool import Pool; pool = Pool(1, 'tests.probe.faulty_engine');"
        "answers = pool.measure([b'a', sys.argv[1].encode()], deadline_s=600, chunk_size=1, read_first_frame=False);"
        "next(answers); print(pool.pids()[0], flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, name], stdout=subprocess.PIPE, cwd=PROJECT) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        time.sleep(0.2)

        parent.kill()

    assert wait_until(lambda: _is_gone(worker))


def _is_gone(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


def test_a_worker_is_small():
    """
    What a worker imports is the engine and the standard library: no data library and nothing of the parent's program.
    """
    code = (
        "import sys, tasks.probe.worker, tasks.probe.pyav_engine;"
        "print(sorted({'polars', 'pandera', 'numpy', 'prefect', 'pydantic', 'duckdb'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)

    assert "[]" == done.stdout.strip()


def test_a_program_without_a_main_guard_can_probe(tmp_path):
    """
    A worker does not run the program that started it, as a spawned process of multiprocessing would.
    """
    script = tmp_path / "script.py"
    script.write_text(
        "from tasks.probe.pool import Pool\n"
        "pool = Pool(1, 'tests.probe.faulty_engine')\n"
        "print(len(list(pool.measure([b'a'], deadline_s=20, chunk_size=1, read_first_frame=False))))\n"
        "pool.close()\n",
        encoding="utf-8",
    )

    done = subprocess.run(
        [sys.executable, script],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )  # fmt: skip

    assert ("1\n", "") == (done.stdout, done.stderr)
