"""The budget of counts: what exceeds it, and that it can be read."""

from __future__ import annotations

import pytest

from tasks.core.errors import Refused
from tasks.lab.budget import MEASURES, Budget, exceeded, measures, read_budgets
from tasks.schema.lab import LabRuns
from tests.lab.test_compare import a_run


def test_counts_are_divided_by_their_items():
    """
    30 calls for 15 titles are 2 each, 20 files measured of 20 are 1, and 400 rows by 10 inserts are 40.
    """
    counted = {"call_count": 30, "title_count": 15, "probe_count": 20, "file_count": 20}

    found = measures(a_run("optimized", 1.0, **counted, row_count=400, insert_count=10))

    assert (2.0, 1.0, 40.0) == (found["calls_per_title"], found["probes_per_file"], found["rows_per_insert"])


def test_what_was_not_counted_is_missing():
    """
    Without pictures there are no requests a picture, neither 0 nor any other number.
    """
    found = measures(a_run("optimized", 1.0, image_request_count=3))

    assert "image_requests_per_image" not in found
    assert 3 == found["image_requests"]
    assert 0 == found["repeated_bytes"]


def test_what_grew_is_named():
    """
    More calls than most, fewer rows than least, and one that was not counted; what is on its limit is kept.
    """
    budget = Budget({"calls_per_title": 2, "statements": 10, "task_runs": 30}, {"rows_per_insert": 40})

    lines = exceeded({"calls_per_title": 2.5, "rows_per_insert": 39, "task_runs": 30}, budget)

    assert [
        "calls_per_title is 2.5, and should be at most 2",
        "statements was not counted, and should be at most 10",
        "rows_per_insert is 39, and should be at least 40",
    ] == lines


def test_measures_are_columns_of_the_runs():
    """
    A budget on a column that is not there would never fail.
    """
    columns = set(LabRuns.dtypes())

    assert {name for pair in MEASURES.values() for name in pair if name} <= columns


def test_a_budget_on_something_else_is_refused(tmp_path):
    """
    Times are not in it, on purpose.
    """
    path = tmp_path / "budgets.toml"
    path.write_text("[cold.most]\nwall_s = 3\n", encoding="utf-8")

    with pytest.raises(Refused, match="wall_s"):
        read_budgets(path)
