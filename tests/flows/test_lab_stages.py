"""The table of stages says what was stored, and what is stored is what the timings say."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import polars as pl

from flows.lab_stages import stages_of, stages_table
from tasks.core.stopwatch import record_value, span
from tasks.lab.store import Benchmark
from tasks.schema.lab import LabStages
from tasks.timings import read_timings, recording
from tests.lab.test_compare import a_run, runs_of, scopes_of
from tests.lab.test_store import a_manifest

MIB = 1024**2


def a_stage(run_id: str, stage: str, busy_s: float | None, cpu_s: float | None, mib: int | None) -> dict[str, object]:
    peak_bytes = None if mib is None else mib * MIB
    return {
        "run_id": run_id, "stage": stage, "step_count": 1, "busy_s": busy_s, "cpu_s": cpu_s, "peak_bytes": peak_bytes
    }  # fmt: skip


def a_benchmark(*stages: dict[str, object]) -> Benchmark:
    """Three rounds of two profiles, cold; one warm run."""
    runs = [a_run(profile, 9.0, number=number) for number in (1, 2, 3) for profile in ("baseline", "optimized")]
    warm = a_run("baseline", 1.0) | {"run_id": "warm", "is_warm": True}
    return Benchmark(Path(), a_manifest(), runs_of(*runs, warm), scopes_of(), LabStages.frame(stages))


def cells(text: str) -> dict[str, list[str]]:
    """First cell of each row -> the others."""
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    return {first: others for first, *others in lines}


def test_medians_of_both_profiles_stand_side_by_side():
    """
    Of 1, 2 and 9 s it is 2 s. A stage that one profile does not have leaves its cells empty, as does what was not
    recorded. The unchanged refresh does not count, and what belongs to no stage is last.
    """
    found = cells(
        stages_table(
            a_benchmark(
                *(a_stage(f"baseline-{n}", "probe", s, s / 2, 100) for n, s in enumerate((1.0, 9.0, 2.0), start=1)),
                a_stage("baseline-1", "(rest)", 3.0, 1.5, None),
                a_stage("baseline-1", "hash", 1.0, 0.5, 90),
                a_stage("optimized-1", "probe", 0.5, 0.25, 50),
                a_stage("optimized-1", "(network)", None, 0.1, None),
                a_stage("warm", "load", 99.0, 99.0, 999),
            )
        )
    )

    assert ["baseline: at work", "CPU", "most memory", "optimized: at work", "CPU", "most memory"] == found[
        "stage of a first refresh"
    ]
    assert ["2.00 s", "1.00 s", "100.0 MiB", "0.50 s", "0.25 s", "50.0 MiB"] == found["probe"]
    assert ["1.00 s", "0.50 s", "90.0 MiB", "", "", ""] == found["hash"]
    assert ["", "", "", "", "0.10 s", ""] == found["(network)"]
    assert {"(rest)", "(network)"} == set(list(found)[-2:])
    assert "load" not in found


def test_storage_is_told_where_it_was_recorded():
    """
    Read and written beside the others, medians like them: of 1, 2 and 9 MiB it is 2 MiB. What one profile did not
    record leaves its cells empty. Where no round recorded any (above) there is neither a column nor a word of it.
    """
    rounds = [
        a_stage(f"baseline-{n}", "probe", 1.0, 1.0, 100) | {"read_bytes": mib * MIB, "written_bytes": 0}
        for n, mib in enumerate((1, 9, 2), start=1)
    ]
    text = stages_table(a_benchmark(*rounds, a_stage("optimized-1", "probe", 0.5, 0.25, 50)))

    found = cells(text)

    heads = ["at work", "CPU", "most memory", "read", "written"]
    assert [f"baseline: {heads[0]}", *heads[1:], f"optimized: {heads[0]}", *heads[1:]] == found[
        "stage of a first refresh"
    ]
    assert ["2.0 MiB", "0 B", "0.50 s"] == found["probe"][3:6]
    assert ["50.0 MiB", "", ""] == found["probe"][-3:]
    assert "not what the page cache answered" in text
    assert "page cache" not in stages_table(a_benchmark(a_stage("optimized-1", "probe", 1.0, 1.0, 1)))


def test_the_share_of_prefect_is_told():
    """
    The median of the rounds that tell it; older benchmarks do not, and then nothing is said.
    """
    found = a_benchmark(a_stage("optimized-1", "probe", 1.0, 1.0, 1))
    shares = pl.when(pl.col("profile") == "optimized").then(pl.col("round") / 100)
    telling = replace(found, runs=found.runs.with_columns(shares.alias("prefect_ratio")))

    assert stages_table(telling).endswith("Of the time inside the flow Prefect alone was at work in 2.0% (optimized).")
    assert "Prefect alone" not in stages_table(found)


def test_stages_that_take_nothing_are_left_out():
    """
    Two dozen plans of some milliseconds would hide the rest; one that takes CPU time alone is there.
    """
    stages = [("probe", 10.0, 5.0), ("plan files", 0.01, 0.01), ("identify", 0.01, 2.0)]

    found = cells(stages_table(a_benchmark(*(a_stage("optimized-1", *stage, 1) for stage in stages))))

    assert {"stage of a first refresh", "---", "probe", "identify"} == found.keys()


def test_a_benchmark_without_stages_has_no_table():
    """
    As those of before there were any.
    """
    assert "" == stages_table(a_benchmark())


def test_the_stages_of_a_run_come_from_its_timings(tmp_path):
    """
    A step, and what the machine said meanwhile.
    """
    with recording(tmp_path, "baseline-1", 3600.0), span("refresh.run"):
        record_value("resources.memory", 7 * MIB, unit="byte", whose="run")
        record_value("resources.read", 100, unit="byte", whose="run")
        record_value("resources.written", 0, unit="byte", whose="run")
        with span("probe.step") as step:
            time.sleep(0.001)
            step.note(cpu_s=0.25)
        record_value("resources.read", 400, at_ns=time.time_ns(), unit="byte", whose="run")

    found = stages_of(read_timings(tmp_path, "baseline-1"), "baseline-1")

    assert {"baseline-1"} == set(found["run_id"])
    assert [("probe", 1, 0.25, 7 * MIB, 300, 0)] == found.filter(pl.col("step_count") > 0).select(
        "stage", "step_count", "cpu_s", "peak_bytes", "read_bytes", "written_bytes"
    ).rows()
