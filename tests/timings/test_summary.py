"""Summaries agree with arithmetic by hand and with SQL."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tasks.core.stopwatch import record_duration, record_value, span
from tasks.schema.timings import Timings
from tasks.timings import as_text, durations, read_timings, recording, runs, scope, values, wall_s
from tasks.timings.store import scan_timings
from tasks.timings.summary import slowest, totals
from tasks.timings.text import as_lines

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def a_record(name: str, at_s: float, value: float, **facts: object) -> dict[str, object]:
    defaults = {"run_id": "run", "span_id": 1, "kind": "duration", "unit": "s", "ok": True, "thread_id": 1, "pid": 1}
    return {**defaults, "name": name, "started_at": BEGAN + timedelta(seconds=at_s), "value": value, **facts}


def test_the_numbers_of_a_scope():
    """
    1, 2, 3 and 10 s: mean 4, median 2.5, 95th percentile 3 + 0.85 x 7 = 8.95, total 16, one error, 30 bytes.
    """
    timings = Timings.frame(
        [
            a_record("a", 0, 1.0, bytes=10),
            a_record("a", 1, 2.0, bytes=20),
            a_record("a", 3, 3.0),
            a_record("a", 6, 10.0, ok=False),
        ]
    )

    row = durations(timings).row(0, named=True)

    assert ("a", 4, 1, 30) == (row["name"], row["count"], row["error_count"], row["bytes"])
    expected = {"min_s": 1, "mean_s": 4, "p50_s": 2.5, "p95_s": 8.95, "max_s": 10, "total_s": 16}
    assert expected == pytest.approx({name: row[name] for name in expected})


def test_shares_and_concurrency():
    """
    Over 10 s of wall time three scopes of 2 s run together from 0 to 2 and one from 6 to 8: open for 4 s, so 40 % of
    the wall and 8 s / 4 s = 2 at once.
    """
    timings = Timings.frame([a_record("run", 0, 10.0), *(a_record("a", at, 2.0) for at in (0, 0, 0, 6))])

    row = durations(timings).row(by_predicate=pl.col("name") == "a", named=True)

    assert 10 == wall_s(timings)
    assert (4.0, 0.4, 2.0) == pytest.approx((row["busy_s"], row["wall_ratio"], row["concurrency"]))


def test_one_scope_can_be_asked_for_by_name():
    """
    Of 10 s of wall time it was open for 4 s, with one error; a name that was not measured, or is a value's, has none.
    """
    timings = Timings.frame(
        [
            a_record("refresh.run", 0, 10.0),
            a_record("load.insert", 1, 1.0),
            a_record("load.insert", 6, 3.0, ok=False),
            a_record("images", 2, 6.0, kind="value", unit=None),
        ]
    )

    found = scope(timings, "load.insert")

    assert found is not None
    assert {"count": 2, "error_count": 1, "mean_s": 2.0, "total_s": 4.0, "wall_ratio": 0.4} == {
        name: found[name] for name in ("count", "error_count", "mean_s", "total_s", "wall_ratio")
    }
    assert found == durations(timings).row(by_predicate=pl.col("name") == "load.insert", named=True)
    assert (None, None) == (scope(timings, "images"), scope(timings, "load"))
    assert None is scope(Timings.frame(), "load.insert")


def test_a_run_begins_with_nothing_and_takes_nothing_from_others(tmp_path):
    """
    Scopes of one run add up until it ends; the next one, of the same process, counts from 0, and the first stays.
    """
    for run_id, parts in (("first", 3), ("second", 1)):
        with recording(tmp_path, run_id, 3600):
            for _ in range(parts):
                with span("load.insert"):
                    pass

    counts = {run_id: scope(read_timings(tmp_path, run_id), "load.insert")["count"] for run_id in runs(tmp_path)}

    assert {"first": 3, "second": 1} == counts


def test_parts_take_no_longer_than_their_whole(tmp_path):
    """
    Scopes inside a scope, one after the other, three levels deep: each level comes to the one above it at most.
    """
    with recording(tmp_path, "run", 3600), span("SaveAllImages"):
        for _ in range(5):
            with span("SaveAllImages.Movie"):
                for part in ("Download", "DiskWrite"):
                    with span(f"SaveAllImages.Movie.{part}"):
                        pass

    timings = read_timings(tmp_path)
    total_s = dict(durations(timings).select("name", "total_s").iter_rows())
    below = timings.join(timings, left_on="parent_id", right_on="span_id").group_by("name_right").len()

    assert {("SaveAllImages", 5), ("SaveAllImages.Movie", 10)} == set(below.iter_rows())
    parts_s = total_s["SaveAllImages.Movie.Download"] + total_s["SaveAllImages.Movie.DiskWrite"]
    assert 0 < parts_s <= total_s["SaveAllImages.Movie"] <= total_s["SaveAllImages"]


def test_the_totals_are_those_of_the_summary(tmp_path):
    """
    From the files of a run, without reading all of them: the same numbers in the same order.
    """
    drawn = random.Random(7)
    with recording(tmp_path, "run", 3600):
        for number in range(500):
            record_duration(f"scope.{number % 3}", drawn.random(), started_ns=10**18 + number, ok=drawn.random() > 0.1)
            record_value("images", drawn.randrange(9))

    found = totals(scan_timings(tmp_path, "run"))

    expected = durations(read_timings(tmp_path)).select(found.columns)
    assert 3 == found.height
    assert_frame_equal(expected, found, rel_tol=1e-12)


def test_scopes_as_lines_of_a_log():
    """
    The largest sum first: 16 s in 4, then 2 s in one; a name cannot end its line; the rest is counted.
    """
    timings = Timings.frame(
        [
            *(a_record("load.insert", 0, value, ok=value < 10) for value in (1.0, 2.0, 3.0, 10.0)),
            a_record("a\nname", 0, 2.0),
            a_record("endless", 0, 0.0) | {"value": None},
            a_record("short", 0, 0.0),
        ]
    )

    every = as_lines(totals(timings.lazy()), limit=4)
    two = as_lines(totals(timings.lazy()), limit=2)

    assert "load.insert: 4 x, 16.0 s in all, mean 4.0 s, max 10.0 s, 1 ended with an error" == every[0]
    assert "a\\nname: 1 x, 2.0 s in all, mean 2.0 s, max 2.0 s" == every[1]
    assert ["endless: 1 x, of unknown length", "short: 1 x, 0 ms in all, mean 0 ms, max 0 ms"] == every[2:]
    assert [*every[:2], "... and 2 more scopes"] == two


def test_overlaps_count_once():
    """
    A long scope covers what begins within it, also after a shorter one has ended: 0-10, 1-2, 9-12 is 12 s.
    """
    timings = Timings.frame([a_record("a", 0, 10.0), a_record("a", 1, 1.0), a_record("a", 9, 3.0)])

    assert [12.0] == durations(timings)["busy_s"].to_list()


def test_values_are_apart_from_durations():
    """
    6 and 8 images and a size are values; no duration is made of them, and units are not mixed.
    """
    timings = Timings.frame(
        [
            a_record("images", 0, 6.0, kind="value", unit=None),
            a_record("images", 0, 8.0, kind="value", unit=None),
            a_record("images", 0, 4096.0, kind="value", unit="byte"),
        ]
    )

    assert 0 == durations(timings).height
    assert [("images", "byte", 1, 4096.0), ("images", None, 2, 14.0)] == values(timings).select(
        "name", "unit", "count", "total"
    ).rows()


def test_nothing_measured_has_a_summary():
    """
    An empty frame gives empty summaries and a sentence, not an error.
    """
    empty = Timings.frame()

    assert (0.0, 0, 0) == (wall_s(empty), durations(empty).height, values(empty).height)
    assert "reelhouse refresh" in as_text(empty)


def test_the_summary_equals_sql_over_the_files(tmp_path):
    """
    DuckDB, over the Parquet files that a recording left, comes to the same counts and statistics.
    """
    drawn = random.Random(7)
    with recording(tmp_path, "run-1", 3600):
        for number in range(500):
            record_duration(f"scope.{number % 3}", drawn.random(), started_ns=10**18 + number, ok=drawn.random() > 0.1)
            record_value("images", drawn.randrange(9))

    timings = read_timings(tmp_path)

    columns = """count(*), count(*) FILTER (NOT ok), min(value), avg(value), quantile_cont(value, 0.5),
        quantile_cont(value, 0.95), max(value), sum(value)"""
    source = f"read_parquet('{tmp_path}/run_id=*/part-*.parquet') WHERE run_id = 'run-1' AND"
    spans = duckdb.sql(f"SELECT name, {columns} FROM {source} kind = 'duration' GROUP BY name ORDER BY name").fetchall()
    numbers = duckdb.sql(f"SELECT name, {columns} FROM {source} kind = 'value' GROUP BY name").fetchall()
    ours = durations(timings).sort("name").rows()
    assert [row[0] for row in spans] == [row[0] for row in ours]
    for expected, actual in zip(spans, ours, strict=True):
        assert expected[1:] == pytest.approx(actual[1:9])
    (value,) = values(timings).rows()
    (number,) = numbers
    assert (number[0], number[1], *number[3:]) == pytest.approx((value[0], *value[2:]))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_fits_the_terminal(width):
    """
    No line is wider than the terminal, totals stay, and names are escaped instead of obeyed.
    """
    timings = Timings.frame(
        [a_record("stage.[red]\x1b[31m", 0, 1.25, ok=False), a_record("images", 0, 6.0, kind="value", unit="byte")]
    )

    text = as_text(timings, width=width)

    assert max(len(line) for line in text.splitlines()) <= width
    assert "stage.[red]\\x1b[31m" in text
    assert "\x1b" not in text
    assert "total" in text


def test_colours_come_only_when_asked_for():
    """
    Errors are marked in colour, but only where colour is wanted.
    """
    timings = Timings.frame([a_record("a", 0, 1.0, ok=False)])

    assert ("\x1b[31m" in as_text(timings, colour=True), "\x1b" in as_text(timings)) == (True, False)


def test_the_slowest_items_are_things_that_people_know():
    """
    Of files and of requests the two slowest; a whole batch, a value and what has no name are none.
    """
    timings = Timings.frame(
        [
            a_record("probe.file", 0, 3.0, item="slow.mkv"),
            a_record("probe.file", 0, 0.5, item="quick.mkv"),
            a_record("probe.file", 0, 1.0, item="medium.mkv"),
            a_record("http.request", 0, 2.0, item="https://service/a"),
            a_record("probe.step", 0, 9.0, item="0001"),
            a_record("probe.file", 0, 8.0, item=None),
            a_record("probe.file", 0, 7.0, item="a number", kind="value"),
        ]
    )

    found = slowest(timings.lazy(), limit=2)

    assert [
        ("probe.file", "slow.mkv", 3.0),
        ("http.request", "https://service/a", 2.0),
        ("probe.file", "medium.mkv", 1.0),
    ] == found.rows()
