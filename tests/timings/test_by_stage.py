"""What stages took is what arithmetic by hand says."""

from __future__ import annotations

import itertools
import json
import random

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
    unit = "s" if name == "cpu" else "byte"
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


def transferred(at_s: float, read: int, written: int, whose: str = "run", **facts: object) -> list[dict[str, object]]:
    return [a_value("read", at_s, read, whose, **facts), a_value("written", at_s, written, whose, **facts)]


def storage(timings: pl.DataFrame) -> dict[str, tuple[object, object]]:
    """Stage -> bytes read and written."""
    return {stage: (row[4], row[5]) for stage, row in rows(timings).items()}


def test_storage_of_stages():
    """
    Samples at 0, 1, 2, 3 and 4 s. The process had read 1,000 before the run, which is not the run's. From 0 to 1 only
    the walk is at work: 100 read. From 1 to 2 two steps of load are, the whole second, and one of the walk for half a
    second: of 500 written load has 400, the walk 100. From 2 to 3 nothing is at work: 7 read belong to nobody. From 3
    to 4 load is for a tenth of the second, alone: all 40 written are its.
    """
    told = ((0, 1_000, 0), (1, 1_100, 0), (2, 1_100, 500), (3, 1_107, 500), (4, 1_107, 540))
    timings = Timings.frame(
        [
            a_step("walk", 0, 1.5, 1),
            a_step("load", 1, 1.0, 2),
            a_step("load", 1, 1.0, 3),
            a_step("load", 3.5, 0.1, 4),
            *(one for sample in told for one in transferred(*sample)),
        ]
    )

    found = storage(timings)

    assert {"walk": (100, 100), "load": (0, 440), "(network)": (None, None), "(rest)": (7, 0)} == found


def test_what_workers_transfer_is_that_of_the_stages_they_measure_for():
    """
    A probe and a scrape are at work from 0 to 3. Workers read 900 until 1, of which scrape has nothing; the run writes
    10, which both share. The worker ends until 2, and what it had is the run's from then on: nothing was transferred.
    Another one reads 50 until 3.
    """
    both = [((0, 0), (0, 0)), ((0, 10), (900, 0)), ((900, 10), (0, 0)), ((900, 10), (50, 0))]
    timings = Timings.frame(
        [
            a_step("probe", 0, 3.0, 1),
            a_step("scrape", 0, 3.0, 2),
            a_value("cpu", 3, 1.5, "workers", parent_id=1),
            *(one for at_s, (run, _) in enumerate(both) for one in transferred(at_s, *run)),
            *(one for at_s, (_, workers) in enumerate(both) for one in transferred(at_s, *workers, "workers")),
        ]
    )

    found = storage(timings)

    assert {"probe": (950, 5), "scrape": (0, 5), "(network)": (None, None), "(rest)": (0, 0)} == found


def test_a_worker_that_ends_while_a_sample_is_taken_is_counted_once():
    """
    It is missing from one sample: the sum shrinks by its 900 and comes back. The load that is at work meanwhile has the
    40 that are new, and not the 900.
    """
    told = ((0, 0, 0), (1, 0, 900), (2, 20, 0), (3, 940, 0))
    timings = Timings.frame(
        [
            a_step("probe", 0, 2.0, 1),
            a_step("load", 2, 1.0, 2),
            a_value("cpu", 3, 1.5, "workers", parent_id=1),
            *(one for at_s, run, _ in told for one in transferred(at_s, run, 0)),
            *(one for at_s, _, workers in told for one in transferred(at_s, workers, 0, "workers")),
        ]
    )

    found = storage(timings)

    assert ((900, 0), (40, 0)) == (found["probe"], found["load"])


def test_each_process_of_a_run_has_its_own_count():
    """
    A run taken up again works in another process, whose count begins anew; a step on another machine tells nothing.
    """
    timings = Timings.frame(
        [
            a_step("probe", 0, 1.0, 1, pid=1),
            a_step("probe", 10, 1.0, 2, pid=2),
            a_step("probe", 0, 9.0, 3, pid=3),
            a_step("hash", 0, 9.0, 4, pid=3),
            *(one for at_s, read in ((0, 500), (1, 600)) for one in transferred(at_s, read, 0, pid=1)),
            *(one for at_s, read in ((10, 0), (11, 30)) for one in transferred(at_s, read, 0, pid=2)),
        ]
    )

    found = storage(timings)

    assert ((130, 0), (None, None)) == (found["probe"], found["hash"])


def test_many_samples_and_stages_add_up():
    """
    A thousand samples with whatever growth, steps that begin and end between them: nothing is lost and nothing twice.
    """
    made = random.Random(7)
    read = list(itertools.accumulate((made.randrange(10**9) for _ in range(1_000)), initial=5))
    steps = [a_step(made.choice("abc"), made.uniform(0, 500), made.uniform(0, 20), n, pid=1) for n in range(60)]
    samples = [one for n, value in enumerate(read) for one in transferred(n / 2, value, 0)]

    found = storage(Timings.frame([*steps, *samples]))

    assert read[-1] - read[0] == pytest.approx(sum(bytes_ or 0 for bytes_, _ in found.values()), abs=4)
    assert all(found[stage][0] for stage in "abc")


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

    unknown = (None,) * 4
    assert {"probe": (1, 2.0, *unknown), "(network)": (0, None, *unknown), "(rest)": (0, 8.0, *unknown)} == rows(old)
    assert 0 == stages(Timings.frame()).height
    assert stages(old).schema == stages(Timings.frame()).schema


def test_people_see_the_stages():
    """
    `reelhouse timings` shows them beside scopes and values.
    """
    timings = Timings.frame([a_step("probe", 1, 2.0, 1, cpu_s=0.5), a_value("memory", 0, 64 * KIB, "run")])

    line = next(line for line in as_text(timings).splitlines() if line.startswith("probe "))

    assert ["probe", "1", "2.0", "s", "500", "ms", "64.0", "KiB"] == line.split()
    assert "written" not in as_text(timings)


def test_people_see_what_storage_was_asked_for():
    """
    Only of runs that recorded it.
    """
    samples = [one for at_s, read in ((0, 0), (2, 3 * KIB)) for one in transferred(at_s, read, 0)]

    lines = as_text(Timings.frame([a_step("probe", 0, 2.0, 1), *samples])).splitlines()

    head, probe = (next(line for line in lines if line.startswith(word)) for word in ("stage ", "probe "))
    assert ["read", "written"] == head.split()[-2:]
    assert ["3.0", "KiB", "0", "B"] == probe.split()[-4:]
