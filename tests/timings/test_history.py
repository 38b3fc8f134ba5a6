"""What many runs tell together, by arithmetic."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from tasks.schema.timings import Timings
from tasks.timings.costs import PastRun
from tasks.timings.history import (
    Scaling,
    ToldRun,
    causes_table,
    drift,
    forecast,
    predictions_table,
    runs_table,
    scaling,
    scalings,
    stages_table,
    told,
)

FIRST = datetime(2026, 1, 1, 3, tzinfo=UTC)
COUNTS = ("total_count", "unchanged_count", "done_count", "quarantined_count", "failed_count", "deferred_count")


def a_stage(stage: str, **counts: int) -> dict:
    known = {f"{name}_count": count for name, count in counts.items()}
    return {"stage": stage} | dict.fromkeys(COUNTS, 0) | {"total_count": sum(counts.values())} | known


def a_past_run(night: int, *stages: dict, stage_s: dict[str, float] | None = None, **record) -> PastRun:
    """The run of a night; its steps lie one after the other from its begin."""
    began = FIRST + timedelta(days=night)
    fixed = {"run_id": str(night), "kind": "duration", "unit": "s", "ok": True, "thread_id": 1, "pid": 1}
    lengths = {"refresh.run": record.get("wall_s", 1.0)} | {f"{name}.step": s for name, s in (stage_s or {}).items()}
    rows = [
        fixed | {"span_id": number, "name": name, "started_at": began, "value": length}
        for number, (name, length) in enumerate(lengths.items())
    ]
    told_of = {"run_id": str(night), "name": f"night {night}", "started_at": began.isoformat(), "state": "completed"}
    defaults = {"wall_s": 1.0, "file_count": 0, "probe_count": 0, "call_count": 0, "image_count": 0, "counters": {}}
    return PastRun(told_of | defaults | record | {"run_stages": list(stages)}, Timings.frame(rows))


def a_run(night: int, *stages: dict, **record) -> ToldRun:
    return told(a_past_run(night, *stages, **record))


def measuring(night: int, count: int, busy_s: float, **record) -> ToldRun:
    """A run that measured ``count`` files in ``busy_s``."""
    facts = {"wall_s": busy_s, "probe_count": count, "file_count": count} | record
    return a_run(night, a_stage("probe", done=count), stage_s={"probe": busy_s}, **facts)


class TestRunsTable:
    def test_a_run_with_nothing_new_is_told_from_one_with_work(self):
        """
        Listing folders is no new work; measuring is.
        """
        quiet = a_run(0, a_stage("discover", done=3), a_stage("probe", unchanged=9))
        busy = a_run(1, a_stage("discover", done=3), a_stage("probe", unchanged=9, quarantined=1))

        assert ["nothing new", "new work"] == runs_table([quiet, busy])["work"].to_list()

    def test_the_share_of_answers_that_were_kept(self):
        """
        30 kept and 10 asked for: 75 %. Where none was needed there is no share.
        """
        runs = [a_run(0, call_count=10, counters={"cache_hits": 30}), a_run(1)]

        assert [0.75, None] == runs_table(runs)["cache_hit_ratio"].to_list()

    def test_a_run_that_was_cut_off_has_no_length(self):
        """
        The record of a crashed run has neither stages nor a length, and is a row all the same.
        """
        record = {"run_id": "x", "name": "x", "started_at": FIRST.isoformat(), "state": "crashed", "wall_s": None}

        table = runs_table([told(PastRun(record, Timings.frame()))])

        assert [("crashed", None)] == table.select("state", "wall_s").rows()

    def test_without_runs_there_are_no_rows(self):
        """
        Every table has its columns also when it is empty.
        """
        empty = [runs_table([]), stages_table([]), causes_table([]), drift(stages_table([])), predictions_table([])]

        assert [0] * 5 == [table.height for table in empty]
        assert all(table.width for table in empty)
        assert 0 == forecast([], [10]).height


class TestStagesTable:
    def test_time_and_share_of_a_stage(self):
        """
        40 of 50 files unchanged, 10 measured in 2 s: 80 % spared, 0.2 s a file.
        """
        run = a_run(0, a_stage("probe", unchanged=40, done=8, failed=2), stage_s={"probe": 2.0})

        (row,) = stages_table([run]).select("unchanged_ratio", "worked_count", "busy_s", "item_s").rows()

        assert (0.8, 10, 2.0, pytest.approx(0.2)) == row

    def test_deferred_items_are_no_work(self):
        """
        Titles that were not asked for, as there is no token, took no time; nine items are too few to tell.
        """
        run = a_run(0, a_stage("match", done=9, deferred=100), stage_s={"match": 1.0})

        assert [(9, None)] == stages_table([run]).select("worked_count", "item_s").rows()

    def test_listing_costs_by_the_file(self):
        """
        What listing does are folders; what it costs is told by the files found: 2 folders, 100 files, 1 s.
        """
        run = a_run(0, a_stage("discover", done=2), stage_s={"discover": 1.0}, file_count=100)

        assert [pytest.approx(0.01)] == stages_table([run])["item_s"].to_list()


def test_causes_are_counted_by_run():
    """
    Two timeouts and an unreadable file; where no error stands, the first words of the reason do.
    """
    failures = [{"stage": "scrape", "cause": "TimedOut"}] * 2
    refused = [
        {"refused_by": "probe", "cause": "UnreadableVideo", "reason": "no header"},
        {"refused_by": "match", "cause": None, "reason": "Unmatched: nothing fits 'Moles'"},
    ]

    table = causes_table([a_run(0, failures=failures, quarantine=refused), a_run(1)])

    assert [
        ("scrape", "TimedOut", "failed", 2),
        ("probe", "UnreadableVideo", "set aside", 1),
        ("match", "Unmatched", "set aside", 1),
    ] == table.select("stage", "cause", "outcome", "item_count").rows()


class TestDrift:
    @pytest.mark.parametrize(
        ("item_s", "verdict"),
        [
            ([1.0, 1.2, 0.8, 1.0, 2.0], "slower"),
            ([1.0, 1.2, 0.8, 1.0, 1.4], "as before"),
            ([1.0, 3.0, 0.8, 1.0, 2.0], "as before"),
            ([1.0, 1.2, 0.8, 1.0, 0.5], "faster"),
            ([1.0, 1.2, 0.8, 9.0], "too few runs"),
            ([1.0], "too few runs"),
        ],
    )
    def test_the_newest_run_beside_those_before(self, item_s, verdict):
        """
        Slower is beyond all before and half as long again as their median of 1.0; four runs tell nothing.
        """
        runs = [measuring(night, 100, 100 * each) for night, each in enumerate(item_s)]

        assert [("probe", len(item_s) - 1, verdict)] == (
            drift(stages_table(runs)).select("stage", "run_count", "verdict").rows()
        )

    def test_runs_of_another_size_are_no_measure(self):
        """
        Four runs of 1,000 files say nothing of a run of 100, in which each file bears more of the start.
        """
        runs = [measuring(night, 1_000, 100.0) for night in range(4)] + [measuring(4, 100, 50.0)]

        assert [(0, "too few runs")] == drift(stages_table(runs)).select("run_count", "verdict").rows()

    def test_numbers_beside_the_verdict(self):
        """
        Median 1.0, range 0.8 to 1.2, the newest 2.0: twice as long.
        """
        runs = [measuring(night, 100, 100 * each) for night, each in enumerate([1.0, 1.2, 0.8, 1.0, 2.0])]

        (row,) = drift(stages_table(runs)).select("earlier_s", "least_s", "most_s", "newest_s", "ratio").rows()

        assert (1.0, 0.8, 1.2, 2.0, 2.0) == pytest.approx(row)


class TestScaling:
    @pytest.mark.parametrize("exponent", [0.5, 1.0, 1.3])
    def test_the_exponent_of_a_power_law(self, exponent):
        """
        Times that follow 3 * n ** e give e, and every draw from them too.
        """
        found = scaling((n, 3 * n**exponent) for n in (10, 20, 50, 100, 400))

        assert (exponent, exponent, exponent) == pytest.approx((found.exponent, found.low, found.high))
        assert (5, None) == (found.run_count, found.why_not)

    def test_the_interval_holds_what_noise_hides(self):
        """
        Times that go up and down by a fifth around n: the exponent is near 1, and 1 lies in the interval.
        """
        noise = (1.2, 0.8, 1.2, 0.8, 1.2, 0.8)
        found = scaling((10 * 2**k, 10 * 2**k * factor) for k, factor in enumerate(noise))

        assert found.low < 1 < found.high
        assert found.low < found.exponent < found.high

    @pytest.mark.parametrize(
        ("points", "reason"),
        [
            ([], "0 runs with work; it takes 5"),
            ([(10, 1.0), (20, 2.0), (40, 4.0), (80, 8.0)], "4 runs with work; it takes 5"),
            ([(10, 1.0), (20, 2.0), (40, 4.0), (80, 8.0), (0, 1.0)], "4 runs with work; it takes 5"),
            ([(10 + n, 1.0) for n in range(5)], "the largest run is 1.4 times the smallest; it takes 4 times"),
        ],
    )
    def test_too_little_to_tell_is_said(self, points, reason):
        """
        Few runs, or runs of one size, give no exponent but the reason; a run without work counts for nothing.
        """
        found = scaling(points)

        assert (None, reason) == (found.exponent, found.why_not)

    @pytest.mark.parametrize(
        ("low", "high", "verdict"),
        [
            (0.9, 1.1, "in step with the work, as far as these runs can tell"),
            (0.96, 0.99, "in step with the work, as far as these runs can tell"),
            (1.05, 1.3, "more than in step with the work"),
            (0.2, 0.4, "less than in step with the work, as where a fixed part is shared"),
            (0.1, 3.0, "cannot be told: the runs differ too much"),
            (None, None, "cannot be told: no runs"),
        ],
    )
    def test_the_verdict_in_words(self, low, high, verdict):
        """
        It follows the interval; one that is wider than 1 tells nothing, and ten times the work in 9.1 to 9.8 times the
        time is in step.
        """
        assert verdict == Scaling(low, low, high, 5, None if low else "no runs").verdict

    def test_whole_runs_and_stages(self):
        """
        Five runs with 2 s fixed and 10 ms a file: the stage grows with 1, the whole run with less.
        """
        runs = [measuring(k, n, n / 100, wall_s=2 + n / 100) for k, n in enumerate((10, 50, 100, 500, 1000))]

        found = scalings(runs)

        assert ["run", "probe"] == list(found)
        assert pytest.approx(1.0) == found["probe"].exponent
        assert 0 < found["run"].exponent < 1


class TestPredictions:
    def test_a_run_is_predicted_from_those_before(self):
        """
        Three runs of 0.1 s a file: 200 files were to take 20 s and took 25 s: 20 % too little.
        """
        runs = [measuring(k, 100, 10.0, file_count=0) for k in range(3)] + [measuring(3, 200, 25.0, file_count=0)]

        rows = (
            predictions_table(runs).select("run_id", "measured_count", "predicted_s", "taken_s", "error_ratio").rows()
        )

        assert [("3", 200, pytest.approx(20.0), 25.0, pytest.approx(-0.2))] == rows

    def test_a_run_without_an_account_neither_teaches_nor_is_told(self):
        """
        What was cut off between the others changes nothing.
        """
        record = {"run_id": "x", "name": "x", "started_at": FIRST.isoformat(), "state": "crashed", "wall_s": None}
        runs = [measuring(k, 100, 10.0, file_count=0) for k in range(4)]

        assert 1 == predictions_table([told(PastRun(record, Timings.frame())), *runs]).height

    def test_new_files_bring_titles_as_before(self):
        """
        100 files in 10 s brought 50 titles in 20 s beside it: 1,000 files bring 500 titles, which take 200 s.
        """
        stages = (a_stage("probe", done=100), a_stage("match", done=50))
        run = a_run(0, *stages, stage_s={"probe": 10.0, "match": 20.0}, wall_s=20.0, probe_count=100)

        ((count, predicted_s, unknown),) = forecast([run], [1_000]).rows()

        assert (1_000, 200.0) == (count, pytest.approx(predicted_s))
        assert "discover" == unknown


def test_a_flat_line_has_the_exponent_zero():
    """
    Runs that all take as long, whatever they do: log of one is zero, so the slope is.
    """
    found = scaling((n, math.e) for n in (10, 20, 50, 100, 400))

    assert 0.0 == pytest.approx(found.exponent)
