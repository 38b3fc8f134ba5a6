"""Worker processes: what a crash, a hang, a hunger for memory and the death of the parent cost."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tasks.core import stopwatch
from tasks.core.errors import ProbeEngineBroken
from tasks.probe.pool import Pool, close_pool, peak_worker_memory_bytes, shared_pool

PROJECT = Path(__file__).parents[2]
ENGINE = "tests.probe.faulty_engine"
MIB = 1024**2


@pytest.fixture
def a_pool() -> Iterator[Callable[..., Pool]]:
    pools = []

    def make(workers: int = 1, engine: str = ENGINE, **options: int) -> Pool:
        pools.append(Pool(workers, engine, **options))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def facts_of(pool: Pool, names: list[str], *, deadline_s: Any = 20, chunk_size: int = 8, **options: Any) -> list[Any]:
    """The facts of each name, in order."""
    found = dict(
        pool.measure(
            [os.fsencode(name) for name in names],
            deadline_s=deadline_s,
            chunk_size=chunk_size,
            **{"read_first_frame": False, **options},
        )
    )
    return [found[i] for i in range(len(names))]


def measured(pool: Pool, names: list[str], **options: Any) -> list[Any]:
    """For each name ``None``, or the cause of its failure."""
    return [facts["failure"] and facts["failure"]["cause"] for facts in facts_of(pool, names, **options)]


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


def test_a_worker_may_be_killed_in_the_middle_of_a_file(a_pool, tmp_path):
    """
    The file it was at is measured by the next one, and so are those that were still to come.
    """
    pool = a_pool()
    waits = tmp_path / "wait"
    found: list[Any] = []
    measuring = threading.Thread(target=lambda: found.extend(measured(pool, ["a", str(waits), "b"])))
    measuring.start()
    assert wait_until(waits.exists)

    os.kill(pool.pids()[0], signal.SIGKILL)
    measuring.join(20)

    assert [None, None, None] == found


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


def test_every_file_has_its_own_deadline(a_pool):
    """
    Of two files in a chunk that take two seconds each, the one that may take longer is answered.
    """
    assert ["timed_out", None, None] == measured(a_pool(), ["slow1", "slow2", "a"], deadline_s=[1, 20, 20])


def test_a_long_file_that_gets_on_is_not_stopped(a_pool, tmp_path):
    """
    Two seconds are no reason to stop a file at a deadline of one, as long as it tells that it gets on; standing still
    is.
    """
    names = [str(tmp_path / name) for name in ("steady", "steady-hang", "a")]

    assert [None, "timed_out", None] == measured(a_pool(), names, deadline_s=1)


def test_a_run_that_was_stopped_and_goes_on_loses_no_file(tmp_path):
    """
    After Ctrl-Z and ``fg`` answers lie there that came in time; the deadline that passed meanwhile does not count.
    """
    path = tmp_path / "steady"
    code = (
        "import sys; from tasks.probe.pool import shared_pool; pool = shared_pool(1, 'tests.probe.faulty_engine');"
        "[(_, facts)] = pool.measure([sys.argv[1].encode()], deadline_s=1, chunk_size=1, read_first_frame=False);"
        "print(facts['failure'])"
    )
    argv = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as run:
        assert wait_until(path.exists)

        run.send_signal(signal.SIGSTOP)
        time.sleep(2.5)
        run.send_signal(signal.SIGCONT)

        assert "None\n" == run.communicate(timeout=20)[0]


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


def test_a_batch_may_ask_for_one_file_at_a_time(a_pool, tmp_path):
    """
    With ``most_at_once=1`` no two of its files are open together, however many workers there are.
    """
    names = [str(tmp_path / "alone")] * 30

    assert [None] * 30 == measured(a_pool(4), names, chunk_size=1, most_at_once=1)


def test_a_worker_that_has_grown_is_replaced(a_pool):
    """
    After a file that took 300 MiB the next one has a new worker, also in the same chunk; after 50 MiB it has not.
    """
    names = ["a", "take50", "b", "take300", "c", "d"]

    pids = [facts["pid"] for facts in facts_of(a_pool(), names)]

    assert [pids[0]] * 4 + [pids[4]] * 2 == pids
    assert pids[0] != pids[4]


def test_a_file_that_asks_for_more_memory_than_allowed_does_not_get_it(a_pool):
    """
    2 GiB do not fit into an address space of 1 GiB: the file is refused, and the worker goes on.
    """
    found = facts_of(a_pool(memory_bytes=1024 * MIB), ["a", "take2048", "b"])

    assert [None, "unreadable", None] == [facts["failure"] and facts["failure"]["cause"] for facts in found]
    assert 1 == len({facts["pid"] for facts in found})


def test_the_memory_of_the_workers_is_known():
    """
    The largest is that of the worker that took 200 MiB beside the few tens that Python takes; it counts until the pools
    are closed, and what the parent has taken does not count.
    """
    close_pool()
    ballast = bytearray(b"x") * (500 * MIB)
    before = peak_worker_memory_bytes()

    facts = facts_of(shared_pool(1, ENGINE), ["a", "take200", "b"])
    peak_bytes = peak_worker_memory_bytes()
    close_pool()

    assert len(ballast) == 500 * MIB
    assert facts[0]["peak_memory_bytes"] < 100 * MIB
    assert 200 * MIB <= facts[1]["peak_memory_bytes"] < 300 * MIB
    assert (None, facts[2]["peak_memory_bytes"], None) == (before, peak_bytes, peak_worker_memory_bytes())


def test_the_cpu_time_of_the_workers_is_recorded(a_pool, records):
    """
    Once for all files of a call, below the scope of the caller: at least the 0.3 s that a file takes, and for the first
    call the start of the worker besides. A call without files has none.
    """
    pool = a_pool()
    with stopwatch.span("probe.step") as step:
        for names in (["spin0.3", "a"], ["spin0.3"], []):
            facts = facts_of(pool, names)

    first, second = [r for r in records if r.name == "resources.cpu"]
    assert [("value", {"unit": "s", "whose": "workers"}, step.span_id)] * 2 == [
        (r.kind, r.attributes, r.parent_id) for r in (first, second)
    ]
    assert 0.3 <= second.value < first.value
    assert [] == facts


def test_cpu_time_of_programs_counts(a_pool, records):
    """
    A worker that lets a program do the work has taken what the program took.
    """
    pool = a_pool()
    facts_of(pool, ["a"])
    records.clear()
    facts_of(pool, ["burn0.3"])

    assert 0.3 <= next(r.value for r in records if r.name == "resources.cpu")


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


@pytest.mark.parametrize("kills, is_started", [(1, True), (2, True), (3, False)])
def test_a_worker_that_is_killed_while_it_starts_is_started_again(a_pool, tmp_path, monkeypatch, kills, is_started):
    """
    The system may kill it for want of memory, which passes; three times in a row is no chance any more.
    """
    lives = tmp_path / "kills"
    lives.write_text("kill\n" * kills, encoding="utf-8")
    monkeypatch.setenv("FRAGILE_ENGINE_KILLS", str(lives))
    pool = a_pool(engine="tests.probe.fragile_engine")

    if is_started:
        assert [None] == measured(pool, ["a"])
    else:
        with pytest.raises(ProbeEngineBroken, match="ended by signal 9"):
            measured(pool, ["a"])


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


def program_of(path: Path) -> int:
    """Process id of the program that the engine has started for ``path``."""
    assert wait_until(path.exists)
    return int(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name, cause", [("program", "timed_out"), ("program-crash", "crashed")])
def test_what_a_worker_has_started_ends_with_it(a_pool, tmp_path, name, cause):
    """
    A program that the engine runs does not outlive a worker that is stopped at a deadline, or crashes.
    """
    assert [cause] == measured(a_pool(), [str(tmp_path / name)], deadline_s=1)

    assert wait_until(lambda: _is_gone(program_of(tmp_path / name)))


def test_a_killed_worker_takes_its_program_along(a_pool, tmp_path):
    """
    Also where somebody else kills the worker, with no chance to clean up.
    """
    pool = a_pool()

    def measure() -> None:
        with contextlib.suppress(ProbeEngineBroken):  # the pool is closed in the end
            measured(pool, [str(tmp_path / "program")], deadline_s=600)

    measuring = threading.Thread(target=measure)
    measuring.start()
    program = program_of(tmp_path / "program")
    (tmp_path / "program").unlink()

    os.kill(pool.pids()[0], signal.SIGKILL)

    assert wait_until(lambda: _is_gone(program))
    second = program_of(tmp_path / "program")
    pool.close()
    measuring.join(20)
    assert wait_until(lambda: _is_gone(second))


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda end: end.name)
def test_nothing_is_left_of_a_run_that_is_ended(tmp_path, end):
    """
    However the parent ends, its workers and the programs they run end too.
    """
    path = tmp_path / "program"
    code = (
        "import sys; from tasks.probe.pool import shared_pool; pool = shared_pool(1, 'tests.probe.faulty_engine');"
        "list(pool.measure([sys.argv[1].encode()], deadline_s=600, chunk_size=1, read_first_frame=False))"
    )
    argv = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(argv, cwd=PROJECT, stderr=subprocess.DEVNULL) as parent:
        program = program_of(path)
        [worker] = [child.pid for child in psutil.Process(parent.pid).children()]

        parent.send_signal(end)

    assert wait_until(lambda: _is_gone(worker) and _is_gone(program))


def test_a_keyboard_interrupt_does_not_reach_the_workers(a_pool):
    """
    Ctrl-C goes to the group of the terminal; a worker is in another one, with nobody else.
    """
    pool = a_pool()
    measured(pool, ["a"])
    [pid] = pool.pids()

    assert pid == os.getpgid(pid)
    assert os.getpgrp() != pid


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
