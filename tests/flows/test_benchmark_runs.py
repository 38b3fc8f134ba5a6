"""How rivals are run in turn, and what is said of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flows.benchmark_runs import (
    NotMeasured,
    Rival,
    Run,
    _finished,
    budget,
    interleaved,
    measured,
    program,
    ratios,
    table,
)
from tasks.core.errors import RefreshError
from tasks.lab.presets import preset
from tests.flows.house import until

PROJECT = Path(__file__).parents[2]


def a_run(wall_s: float = 1.0, cpu_s: float = 1.0, item_count: int = 10) -> Run:
    return Run(item_count, wall_s, cpu_s)


def test_rivals_take_turns():
    """
    A B A B: what disturbs the machine for a while disturbs both.
    """
    order = []

    def rival(name: str) -> Rival:
        def run() -> Run:
            order.append(name)
            return a_run()

        return Rival(name, run)

    interleaved([rival("A"), rival("B")], repeats=3, title="test")

    assert ["A", "B"] * 3 == order


def test_a_rival_that_is_not_there_stops_nobody():
    """
    It is asked once, its reason is kept, and the others go on.
    """
    asked = []

    def missing() -> Run:
        asked.append(1)
        raise NotMeasured("it is not installed")

    runs = interleaved([Rival("A", missing), Rival("B", a_run)], repeats=2, title="test")

    assert "it is not installed" == str(runs["A"])
    assert [a_run()] * 2 == runs["B"]
    assert [1] == asked


def test_ratios_are_taken_round_by_round():
    """
    Both took twice as long in the second round: the ratio is the same.
    """
    assert [0.5, 0.5] == ratios([a_run(1), a_run(2)], [a_run(2), a_run(4)], lambda run: run.wall_ms)


def test_runs_over_samples_of_other_sizes_are_compared_by_the_file():
    """
    100 ms of CPU for 10 files against 40 ms for 2: 10 ms and 20 ms a file.
    """
    assert [0.5] == ratios([a_run(cpu_s=0.1)], [a_run(cpu_s=0.04, item_count=2)], lambda run: run.cpu_ms)


@pytest.mark.parametrize(
    ("cpu_s", "said"),
    [(1.2, "1.20 (1.20-1.20), kept"), (1.25, "1.25 (1.25-1.25), kept"), (1.3, "1.30 (1.30-1.30), NOT KEPT")],
)
def test_a_budget_is_kept_or_not(cpu_s, said):
    """
    The median decides, the limit itself is within.
    """
    assert said == budget([a_run(cpu_s=cpu_s)] * 3, [a_run()] * 3, lambda run: run.cpu_ms, most=1.25)


def test_a_rate_has_to_be_high_enough():
    """
    Half of the bare loop's rate is less than 0.7 of it.
    """
    assert budget([a_run(2)], [a_run(1)], lambda run: run.rate_hz, least=0.7).endswith("NOT KEPT")


def test_a_budget_without_its_rival_is_not_measured():
    """
    Nobody claims what was not compared.
    """
    said = budget([a_run()], NotMeasured("cc is not installed"), lambda run: run.cpu_ms, most=1.25)

    assert "not measured (cc is not installed)" == said


def test_cpu_time_of_child_processes_counts():
    """
    A child that ends when it has had 0.2 s of CPU time has had at least that.
    """
    burn = "import time\nwhile time.process_time() < 0.2: pass"

    run = measured(lambda: subprocess.call([sys.executable, "-c", burn]) + 1)

    assert run.cpu_s >= 0.2


def test_a_program_that_fails_ends_the_benchmark(tmp_path):
    """
    A table without our own row would be worth nothing.
    """
    with pytest.raises(SystemExit, match="bare_scandir ended with 1"):
        program("bare_scandir", {"root": str(tmp_path / "missing")})


def test_a_program_that_is_stopped_for_a_known_reason_says_it_in_one_line(tmp_path, capfd):
    """
    A service that nobody runs: the reason is the error, and nothing else is printed.
    """
    way = preset("d3-calls").settings_of("optimized")
    request = {"service": "http://127.0.0.1:9", "show_ids": [], "way": way, "data_dir": str(tmp_path)}

    with pytest.raises(RefreshError, match=r"127\.0\.0\.1:9"):
        program("replay_calls", request, {"TMDB_TOKEN": "t"})

    assert ("", "") == capfd.readouterr()


def test_a_program_does_not_outlive_what_stops_it():
    """
    Ctrl-C while it works: it is asked to end, and has ended when the error comes through.
    """
    began = time.monotonic()
    threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        _finished([sys.executable, "-c", "import time; time.sleep(60)"], b"", dict(os.environ))

    assert time.monotonic() - began < 30


def test_a_program_ends_with_the_process_that_started_it(tmp_path):
    """
    Killed by SIGKILL, which it can tell nobody.
    """
    child = "import os, time; from flows.keeper import end_with_parent; end_with_parent(os.getppid())"
    child += f"; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"

    with subprocess.Popen([sys.executable, "-c", parent], cwd=PROJECT) as process:
        until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text(), within_s=30)
        process.kill()

    pid = int((tmp_path / "pid").read_text())
    until(lambda: not is_at_work(pid), within_s=30)


def is_at_work(pid: int) -> bool:
    """Whether there is such a process that has not ended; nobody may have asked yet how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_short_rows_are_filled_up():
    """
    A row that only says why there is nothing is a row of the table all the same.
    """
    assert "| a | b | c |\n| --- | --- | --- |\n| x | not measured |  |" == table("abc", [("x", "not measured")])
