"""What was open, asked and used moment by moment agrees with arithmetic by hand."""

from __future__ import annotations

import json
from datetime import timedelta

import polars as pl
import pytest

from tasks.schema.timings import Timings
from tasks.timings.moments import at_work, memory, requests
from tests.timings.test_waterfall import BEGAN, a_run, a_span


def a_reading(at_s: float, size_bytes: float, whose: str | None) -> dict[str, object]:
    facts = {"kind": "value", "unit": "byte", "attributes": json.dumps({"whose": whose}) if whose else None}
    return a_span(0, "resources.memory", at_s, size_bytes, **facts)


def test_how_many_were_open_is_a_mean_over_the_slice():
    """
    Scopes 0 to 2 and 1 to 2 s of a run of 4 s, in four slices: one, two, none, none; in two: one and a half, none.
    """
    run = Timings.frame([a_run(4), a_span(2, "probe.file", 0, 2), a_span(3, "probe.file", 1, 1)])

    assert [1.0, 2.0, 0.0, 0.0] == at_work(run, slice_count=4)["open_count"].to_list()
    assert [1.5, 0.0] == at_work(run, slice_count=2)["open_count"].to_list()
    assert [(0.0, 2.0), (2.0, 4.0)] == at_work(run, slice_count=2).select("begin_s", "end_s").rows()


@pytest.mark.parametrize("slice_count", [1, 7, 200])
def test_no_time_is_lost_between_slices(slice_count):
    """
    However the run is cut, the slices together hold the sum of the durations.
    """
    files = [a_span(2 + n, "probe.file", n * 7 % 11 / 2, 0.1 + n % 5 / 3) for n in range(40)]
    found = at_work(Timings.frame([a_run(10), *files]), slice_count=slice_count)

    held_s = found.select((pl.col("open_count") * (pl.col("end_s") - pl.col("begin_s"))).sum()).item()

    assert pytest.approx(sum(float(str(file["value"])) for file in files)) == held_s


def test_only_the_largest_of_what_came_more_than_once():
    """
    A scope that was measured once is no question of how many; of three others the two with most time are shown.
    """
    run = [a_run(20), a_span(2, "load.step", 0, 20)]
    for number, (name, value) in enumerate([("a", 1), ("a", 1), ("b", 5), ("b", 5), ("c", 3), ("c", 3)]):
        run.append(a_span(3 + number, name, number, value))

    assert ["b", "c"] == at_work(Timings.frame(run), limit=2)["name"].unique(maintain_order=True).to_list()


def test_requests_a_second():
    """
    Three requests in the first 5 s of a run of 10 s are 0.6 a second; one that failed is apart; waiting is no request.
    """
    asked = [a_span(2 + n, "http.request", at_s, 0.5, host="api") for n, at_s in enumerate((0, 1, 4.9, 9))]
    failed = a_span(8, "http.request", 5, 0.5, host="api", ok=False)
    waited = a_span(9, "http.wait", 0, 3, host="api")

    found = requests(Timings.frame([a_run(10), *asked, failed, waited]), slice_count=2)

    assert [("api", False, 5.0, 10.0, 1, 0.2), ("api", True, 0.0, 5.0, 3, 3 / 5), ("api", True, 5.0, 10.0, 1, 0.2)] == (
        found.with_columns(pl.col("rate_hz").round(6)).rows()
    )


@pytest.mark.parametrize(("status", "is_ok"), [(200, True), (304, True), (404, False), (503, False), (None, True)])
def test_an_answer_that_is_an_error_is_no_success(status, is_ok):
    """
    RFC 9110: 4xx and 5xx are errors, of the one who asks and of the one who is asked.
    """
    asked = a_span(2, "http.request", 0, 1, host="api", status=status)

    assert [is_ok] == requests(Timings.frame([a_run(10), asked]))["ok"].to_list()


def test_what_ends_with_the_run_is_in_the_last_slice():
    """
    A request that begins in the last moment is counted, as are all: 11 in ten slices of a second.
    """
    asked = [a_span(2 + n, "http.request", n, 0, host="api") for n in range(11)]

    found = requests(Timings.frame([a_run(10), *asked]), slice_count=10)

    assert [1] * 9 + [2] == found["request_count"].to_list()


def test_the_most_memory_of_each_slice():
    """
    Of readings of 10, 30 and 20 bytes in the first half and 5 in the second: 30 and 5; the workers' are apart.
    """
    readings = [a_reading(at_s, size, "run") for at_s, size in ((1, 10), (2, 30), (3, 20), (7, 5))]

    found = memory(Timings.frame([a_run(10), *readings, a_reading(4, 99, "workers")]), slice_count=2)

    assert [("run", 1.0, 30), ("run", 7.0, 5), ("workers", 4.0, 99)] == found.rows()


def test_a_run_without_readings_has_no_memory():
    """
    Older runs tell nothing: no rows, and no error for an empty frame.
    """
    for timings in (Timings.frame(), Timings.frame([a_run(5)])):
        assert 0 == memory(timings).height
        assert 0 == requests(timings).height
        assert 0 == at_work(timings).height


def test_nothing_is_before_the_run():
    """
    Slices begin where the first record does, whatever day that is.
    """
    late = [{**record, "started_at": BEGAN + timedelta(days=400)} for record in (a_run(4), a_span(2, "a", 0, 4))]

    assert 0.0 == at_work(Timings.frame([*late, {**late[1], "span_id": 3}]))["begin_s"][0]
