"""What past runs teach about the next one, by arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tasks.schema.timings import Timings
from tasks.timings.costs import PastRun, expected_s, learnt, lesson, predictions

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def a_run(stage_s: dict[str, tuple[float, float]], done: dict[str, int], *, wall_s: float, **record) -> PastRun:
    """A run: stage -> start and length of its step, stage -> items done."""
    fixed = {"run_id": "run", "kind": "duration", "unit": "s", "ok": True, "thread_id": 1, "pid": 1}
    spans = [("refresh.run", 0.0, wall_s), *((f"{stage}.step", at, length) for stage, (at, length) in stage_s.items())]
    rows = [
        fixed | {"span_id": number, "name": name, "started_at": BEGAN + timedelta(seconds=at), "value": length}
        for number, (name, at, length) in enumerate(spans)
    ]
    stages = [
        {"stage": stage, "done_count": count, "quarantined_count": 0, "failed_count": 0}
        for stage, count in done.items()
    ]
    return PastRun({"run_stages": stages, "file_count": 0, "call_count": 0, **record}, Timings.frame(rows))


def test_the_time_of_an_item_is_the_median_over_runs():
    """
    100 files in 10, 20 and 60 s: 0.1, 0.2 and 0.6 s a file; the median is 0.2 s.
    """
    past = [a_run({"probe": (0, length)}, {"probe": 100}, wall_s=length) for length in (10.0, 20.0, 60.0)]

    assert pytest.approx(0.2) == learnt(map(lesson, past)).item_s["probe"]


def test_a_run_of_a_few_files_says_nothing_about_a_file():
    """
    Three files in 2 s are mostly the start of the workers.
    """
    assert {} == dict(learnt([lesson(a_run({"probe": (0, 2.0)}, {"probe": 3}, wall_s=2.0))]).item_s)


def test_disk_and_network_work_at_the_same_time():
    """
    Listing 1 s, then 20 s of measuring beside 30 s of asking, and 4 s around: 1 + 30 + 4 = 35 s.
    """
    stages = {"discover": (0.0, 1.0), "probe": (1.0, 20.0), "scrape": (1.0, 30.0)}
    costs = learnt([lesson(a_run(stages, {"discover": 2, "probe": 100, "scrape": 50}, wall_s=35.0, file_count=100))])

    whole_s, unknown = expected_s(costs, {"discover": 100, "probe": 100, "scrape": 50})

    assert (pytest.approx(35.0), []) == (whole_s, unknown)
    assert pytest.approx(4.0) == costs.fixed_s


def test_twice_the_files_take_twice_the_time_beside_what_is_fixed():
    """
    100 files took 20 s and 4 s around: 200 files take 40 + 4 s.
    """
    costs = learnt([lesson(a_run({"probe": (0.0, 20.0)}, {"probe": 100}, wall_s=24.0))])

    assert pytest.approx(44.0) == expected_s(costs, {"probe": 200})[0]


def test_what_no_run_tells_is_named():
    """
    Without past runs there is no time at all; a stage that was never measured stands by itself.
    """
    costs = learnt([lesson(a_run({"probe": (0.0, 20.0)}, {"probe": 100}, wall_s=20.0))])

    assert (None, ["probe"]) == expected_s(learnt([]), {"probe": 5, "scrape": 0})
    assert (pytest.approx(0.0), ["scrape"]) == expected_s(costs, {"scrape": 5})


def test_ratios_of_titles():
    """
    100 titles asked for, 90 found, 45 collections, 270 pictures, 235 calls for 100 + 90 + 45 items.
    """
    done = {"match": 90, "scrape": 90, "collections": 45, "artwork": 270}
    run = a_run({}, done, wall_s=1.0, call_count=225)
    run.record["run_stages"][0]["quarantined_count"] = 10

    ratios = learnt([lesson(run)]).ratios

    assert {"matched": 0.9, "collections": 0.5, "pictures": 3.0, "calls": 225 / 235} == pytest.approx(dict(ratios))


def test_the_time_of_an_answer_is_that_of_nine_in_ten():
    """
    Eleven answers of 0.0, 0.1 ... 1.0 s: nine in ten come within 0.9 s. Three answers of another host say nothing.
    """
    run = a_run({}, {}, wall_s=1.0)
    fixed = {"run_id": "run", "kind": "duration", "unit": "s", "ok": True, "thread_id": 1, "pid": 1}
    answers = [("tmdb", tenth / 10) for tenth in range(11)] + [("image", 5.0)] * 3
    rows = [
        fixed | {"span_id": number, "name": "http.request", "started_at": BEGAN, "host": host, "value": answer_s}
        for number, (host, answer_s) in enumerate(answers)
    ]
    past = PastRun(run.record, pl.concat([run.timings, Timings.frame(rows)]))

    assert {"tmdb": pytest.approx(0.9)} == dict(learnt([lesson(past)]).call_s)


def test_a_run_is_judged_by_those_before_it():
    """
    Three runs of 100 files took 10 s each and 2 s around; the fourth measured 200 files in 25 s in all. By the three it
    would have been told 22 s: 12 % too little. The first three are judged by nobody.
    """
    alike = [a_run({"probe": (0.0, 10.0)}, {"probe": 100}, wall_s=12.0) for _ in range(3)]
    fourth = a_run({"probe": (0.0, 23.0)}, {"probe": 200}, wall_s=25.0, run_id="fourth")

    (found,) = predictions([lesson(run) for run in (*alike, fourth)])

    assert ("fourth", pytest.approx(22.0), 25.0) == (found.run_id, found.told_s, found.took_s)
    assert pytest.approx(-0.12) == found.error_ratio


def test_work_that_no_earlier_run_did_is_not_judged():
    """
    Three runs without titles tell nothing of one that asks for a hundred.
    """
    alike = [a_run({"probe": (0.0, 10.0)}, {"probe": 100}, wall_s=12.0) for _ in range(3)]
    other = a_run({"probe": (0.0, 10.0), "match": (0.0, 20.0)}, {"probe": 100, "match": 100}, wall_s=22.0)

    assert [] == predictions([lesson(run) for run in (*alike, other)])
