"""How rivals are run in turn, and what is said of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from flows.benchmark_runs import NotMeasured, Rival, Run, budget, interleaved, measured, program, ratios, table


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


def test_short_rows_are_filled_up():
    """
    A row that only says why there is nothing is a row of the table all the same.
    """
    assert "| a | b | c |\n| --- | --- | --- |\n| x | not measured |  |" == table("abc", [("x", "not measured")])
