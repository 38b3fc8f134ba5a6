"""Shares of a run's stages and its picture on a time axis agree with arithmetic by hand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tasks.schema.timings import Timings
from tasks.timings.waterfall import stage_shares, waterfall

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
RUN = 1


def a_span(span_id: int, name: str, at_s: float, value: float, **facts: object) -> dict[str, object]:
    defaults = {
        "run_id": "run",
        "parent_id": RUN,
        "kind": "duration",
        "unit": "s",
        "ok": True,
        "thread_id": 1,
        "pid": 1,
    }
    at = BEGAN + timedelta(seconds=at_s)
    return {**defaults, "span_id": span_id, "name": name, "started_at": at, "value": value, **facts}


def a_run(wall_s: float) -> dict[str, object]:
    return a_span(RUN, "refresh.run", 0, wall_s, parent_id=None)


def shares_s(*records: Mapping[str, object]) -> dict[str | None, float]:
    shares = stage_shares(Timings.frame(records))
    return {stage: round(share_s, 6) for stage, share_s in shares.select("stage", "share_s").iter_rows()}


def test_stages_side_by_side_get_half_of_a_moment_each():
    """
    Probe 0 to 6 s, match 4 to 8 s, run 10 s: 4 + 1 and 1 + 2 s, and 2 s in which nothing was at work.
    """
    run = [a_run(10), a_span(2, "probe.step", 0, 6), a_span(3, "match.step", 4, 4)]

    rows = stage_shares(Timings.frame(run)).rows(named=True)

    assert [("probe", 5.0, 6.0), ("match", 3.0, 4.0), (None, 2.0, 2.0)] == [
        (row["stage"], row["share_s"], row["busy_s"]) for row in rows
    ]
    assert pytest.approx([0.5, 0.3, 0.2]) == [row["share_ratio"] for row in rows]
    assert (0.4, 4.0, 8.0) == (rows[1]["busy_ratio"], rows[1]["begin_s"], rows[1]["end_s"])


def test_steps_of_a_stage_count_once():
    """
    Two steps of a stage at the same time, 0 to 3 and 1 to 4 s, are 4 s of it and not 6.
    """
    assert {"probe": 4.0, None: 1.0} == shares_s(a_run(5), a_span(2, "probe.step", 0, 3), a_span(3, "probe.step", 1, 3))


def test_a_scope_inside_a_step_is_the_step():
    """
    A request of 3 s within a step of 4 s has no share of its own.
    """
    run = [a_run(4), a_span(2, "match.step", 0, 4), a_span(3, "http.request", 0, 3, parent_id=2)]

    assert {"match": 4.0, None: 0.0} == shares_s(*run)


def test_what_lies_in_no_step_counts_where_no_step_works():
    """
    Work 0 to 10 s holds a start of 2 s and a step 2 to 7 s: the start is told by its own name, and 3 s are left to it.
    """
    run = [
        a_run(10),
        a_span(2, "refresh.work", 0, 10),
        a_span(3, "refresh.start", 0, 2, parent_id=2),
        a_span(4, "probe.step", 2, 5, parent_id=2),
    ]

    assert {"refresh.work": 3.0, "refresh.start": 2.0, "probe": 5.0, None: 0.0} == shares_s(*run)


@pytest.mark.parametrize("seed", range(5))
def test_shares_add_up_to_the_run(seed):
    """
    However steps overlap, the shares sum up to the whole run.
    """
    begins = [(7 * (number + seed)) % 23 / 2 for number in range(20)]
    spans = [a_span(2 + n, f"stage {n % 6}.step", at_s, 0.3 + n % 4) for n, at_s in enumerate(begins)]

    shares = stage_shares(Timings.frame([a_run(20), *spans]))

    assert pytest.approx(20.0) == shares["share_s"].sum()
    assert pytest.approx(1.0) == shares["share_ratio"].sum()


def test_a_run_that_was_cut_off_shows_what_it_has_left():
    """
    The run and the step that were open have not been recorded: their children stand for themselves.
    """
    run = [a_span(5, "probe.step", 0, 2), *(a_span(6 + n, "http.request", 2 + n, 1, parent_id=3) for n in range(3))]

    assert {"probe": 2.0, "http.request": 3.0, None: 0.0} == shares_s(*run)
    assert [("probe.step", 1), ("http.request", 3)] == waterfall(Timings.frame(run)).select(
        "name", "scope_count"
    ).rows()


def test_no_records_give_no_rows():
    """
    An empty frame is no error, nor is one record of no length.
    """
    nothing = Timings.frame()

    assert (0, 0) == (stage_shares(nothing).height, waterfall(nothing).height)
    assert 0 == stage_shares(Timings.frame([a_run(0)])).height


def test_what_is_inside_the_longest_step_stands_below_it():
    """
    Of six requests of 1 to 6 s the two longest are shown, the four others summed: 1 + 2 + 3 + 4 s.
    """
    inside = [a_span(10 + n, "http.request", n / 10, n, parent_id=3, item=f"/{n}") for n in range(1, 7)]
    run = [a_run(20), a_span(2, "probe.step", 10, 2), a_span(3, "match.step", 0, 8), *inside]

    rows = waterfall(Timings.frame(run), longest=1, most_children=2)

    assert [
        (0, 0, "match.step", None, 1, 8.0),
        (1, 1, "http.request", None, 4, 10.0),
        (2, 1, "http.request", "/5", 1, 5.0),
        (3, 1, "http.request", "/6", 1, 6.0),
        (4, 0, "probe.step", None, 1, 2.0),
    ] == rows.select("row", "depth", "name", "item", "scope_count", "total_s").rows()
    assert ["match", "match", "match", "match", "probe"] == rows["stage"].to_list()
    assert pytest.approx((0.1, 4.4)) == rows.filter(pl.col("row") == 1).select("begin_s", "end_s").row(0)


def test_steps_beyond_the_longest_are_one_row_a_stage():
    """
    Of 1,000 steps two are drawn by themselves; the rest are a row with a bar for each stretch in which one was open.
    """
    steps = [a_span(2 + n, "probe.step", n, 0.5 + (n in (3, 500))) for n in range(1000)]

    rows = waterfall(Timings.frame([a_run(1000), *steps]), most_steps=2, longest=0)

    assert 3 == rows["row"].n_unique()
    assert {1, 998} == set(rows["scope_count"])
    assert 998 * 0.5 == rows.filter(pl.col("scope_count") == 998)["total_s"][0]


@pytest.mark.parametrize(("apart_s", "bars"), [(1.0, 1), (5.0, 2)])
def test_bars_that_the_eye_cannot_part_are_one(apart_s, bars):
    """
    In a run of 1,000 s a gap of 1 s is a thousandth of the picture and closed, one of 5 s is drawn.
    """
    steps = [a_span(2, "probe.step", 10, 10), a_span(3, "probe.step", 20 + apart_s, 10)]

    rows = waterfall(Timings.frame([a_run(1000), *steps]), most_steps=0)

    assert bars == rows.height
    assert {0} == set(rows["row"])


def test_a_row_says_whether_one_of_it_failed():
    """
    A sum is not well when one of its scopes was left by an exception.
    """
    steps = [a_span(2 + n, "probe.step", n, 1, ok=n != 3) for n in range(5)]

    assert [False] == waterfall(Timings.frame([a_run(5), *steps]), most_steps=0)["ok"].to_list()


def test_what_lies_in_no_step_is_drawn_where_no_step_works():
    """
    A call of 0 to 10 s around a step of 2 to 7 s has two bars, 0 to 2 and 7 to 10 s, which are 5 s.
    """
    run = [a_run(10), a_span(2, "prefect.call", 0, 10), a_span(3, "probe.step", 2, 5, parent_id=2)]

    rows = waterfall(Timings.frame(run))

    assert [("prefect.call", 0.0, 2.0, 5.0), ("prefect.call", 7.0, 10.0, 5.0), ("probe.step", 2.0, 7.0, 5.0)] == (
        rows.select("name", "begin_s", "end_s", "total_s").rows()
    )


def test_what_is_short_and_in_no_step_is_one_row():
    """
    Of scopes of 3, 0.4 and 0.5 s in a run of 100 s the two below 1 s are one row without a name, of 0.9 s.
    """
    beside = [("publish.report", 0, 3), ("record.write", 10, 0.4), ("stage.begin", 20, 0.5)]
    spans = [a_span(2 + n, name, at_s, value) for n, (name, at_s, value) in enumerate(beside)]

    rows = waterfall(Timings.frame([a_run(100), *spans])).unique("row", maintain_order=True)

    assert [("publish.report", 1, 3.0), (None, 2, 0.9)] == (
        rows.with_columns(pl.col("total_s").round(6)).select("name", "scope_count", "total_s").rows()
    )
