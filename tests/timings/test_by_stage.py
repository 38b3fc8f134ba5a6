"""What stages took is what arithmetic by hand says."""

from __future__ import annotations

import json

import polars as pl
import pytest

from tasks.schema.timings import Timings
from tasks.timings import as_text, stages
from tests.timings.test_summary import a_record

KIB = 1024


def a_step(
    stage: str, at_s: float, value: float, span_id: int, cpu_s: float = 0.0, **facts: object
) -> dict[str, object]:
    return a_record(f"{stage}.step", at_s, value, span_id=span_id, attributes=json.dumps({"cpu_s": cpu_s}), **facts)


def a_value(name: str, at_s: float, value: float, whose: str, **facts: object) -> dict[str, object]:
    unit = "byte" if name == "memory" else "s"
    known = {"kind": "value", "unit": unit, "span_id": 99, "attributes": json.dumps({"whose": whose})}
    return a_record(f"resources.{name}", at_s, value, **{**known, **facts})


def rows(timings: pl.DataFrame) -> dict[str, tuple[object, ...]]:
    """Stage -> its other columns."""
    return {row[0]: row[1:] for row in stages(timings).rows()}


def test_time_and_cpu_time_of_stages():
    """
    A run of 10 s. Two steps of probe are at work from 1 to 3 and from 2 to 4, so 3 s; their threads took 0.5 s and
    0.25 s, workers 1.5 s for the first. A load is at work from 6 to 7, with 0.1 s. The process took 4 s, of these the
    network 1 s: 4 - 0.85 - 1 = 2.15 s belong to nobody, as do 10 - 3 - 1 = 6 s without a step.
    """
    timings = Timings.frame(
        [
            a_record("refresh.run", 0, 10.0),
            a_step("load", 6, 1.0, 3, cpu_s=0.1),
            a_step("probe", 1, 2.0, 1, cpu_s=0.5),
            a_step("probe", 2, 2.0, 2, cpu_s=0.25),
            a_value("cpu", 3, 1.5, "workers", parent_id=1),
            a_value("cpu", 9, 1.0, "network"),
            a_value("cpu", 10, 4.0, "run"),
        ]
    )

    found = rows(timings)

    assert ["probe", "load", "(network)", "(rest)"] == list(found)
    assert [2, 1, 0, 0] == [row[0] for row in found.values()]
    assert [3.0, 1.0, None, 6.0] == pytest.approx([row[1] for row in found.values()])
    assert [2.25, 0.1, 1.0, 2.15] == pytest.approx([row[2] for row in found.values()])
    assert 4.0 + 1.5 == pytest.approx(sum(row[2] for row in found.values()))


def test_memory_of_stages():
    """
    Samples at 0, 2, 4 and 6 s: run and workers of one moment are added up. Probe, at work from 1 to 5, has the largest
    of what was there at 0 (the last one before it began), 2 and 4; a plan between two samples has the one before it.
    """
    samples = [(0, 100, 0), (2, 200, 500), (4, 300, 100), (6, 900, 0)]
    timings = Timings.frame(
        [
            a_step("probe", 1, 4.0, 1),
            a_step("plan", 5.0, 0.5, 2),
            a_step("load", 6.5, 0.5, 3),
            *(a_value("memory", at_s, run * KIB, "run") for at_s, run, _ in samples),
            *(a_value("memory", at_s, workers * KIB, "workers") for at_s, _, workers in samples),
        ]
    )

    found = rows(timings)

    assert {"probe": 700 * KIB, "plan": 400 * KIB, "load": 900 * KIB, "(network)": None, "(rest)": None} == {
        stage: row[3] for stage, row in found.items()
    }


def test_a_step_before_the_first_sample_has_that():
    """
    The thread that samples may begin a moment later than the run.
    """
    timings = Timings.frame([a_step("snapshot", 0, 0.1, 1), a_value("memory", 1, 100, "run")])

    assert 100 == rows(timings)["snapshot"][3]


def test_steps_on_other_machines_took_nothing_of_the_run():
    """
    They ran in another process: its CPU time is not part of what the run's process took.
    """
    timings = Timings.frame([a_step("probe", 1, 2.0, 1, cpu_s=3.0, pid=2), a_value("cpu", 10, 4.0, "run")])

    found = rows(timings)

    assert (3.0, 4.0) == (found["probe"][2], found["(rest)"][2])


def test_runs_that_recorded_none_of_it_have_times_only():
    """
    As those of older versions: null is not 0. Without timings there are no rows, and the same columns.
    """
    old = Timings.frame([a_record("refresh.run", 0, 10.0), a_record("probe.step", 1, 2.0)])

    assert {"probe": (1, 2.0, None, None), "(network)": (0, None, None, None), "(rest)": (0, 8.0, None, None)} == rows(
        old
    )
    assert 0 == stages(Timings.frame()).height
    assert stages(old).schema == stages(Timings.frame()).schema


def test_people_see_the_stages():
    """
    `reelhouse timings` shows them beside scopes and values.
    """
    timings = Timings.frame([a_step("probe", 1, 2.0, 1, cpu_s=0.5), a_value("memory", 0, 64 * KIB, "run")])

    line = next(line for line in as_text(timings).splitlines() if line.startswith("probe "))

    assert ["probe", "1", "2.0", "s", "500", "ms", "64.0", "KiB"] == line.split()
