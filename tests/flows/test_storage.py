"""What a refresh read from and wrote to storage is told by stage, and nothing of it twice."""

from __future__ import annotations

import sys

import polars as pl
import pytest

from tasks.timings import read_timings, stages


@pytest.mark.parametrize("which", ["first", "second"])
def test_bytes_of_all_stages_are_those_of_the_run(refreshed, which):
    """
    The sum over stages is what the system told at the end of the run less what it told at its begin, but for rounding,
    whether workers measured files or not. Systems other than Linux tell nothing: null, not 0.
    """
    run = getattr(refreshed, which)
    timings = read_timings(refreshed.house.data.timings, run.record["run_id"])

    found = stages(timings).filter(pl.col("stage") != "(network)")

    for column, name in (("read_bytes", "resources.read"), ("written_bytes", "resources.written")):
        samples = timings.filter(name=name).group_by("started_at").agg(pl.col("value").sum()).sort("started_at")
        if sys.platform == "linux":
            assert 0 == found[column].null_count()
            assert samples["value"][-1] - samples["value"][0] == pytest.approx(found[column].sum(), abs=found.height)
        else:
            assert (0, found.height) == (samples.height, found[column].null_count())
