"""What one run did moment by moment: how much was open at once, requests, memory. Pure.

All functions take the records of one run (:func:`tasks.timings.read_timings`) and cut its wall time into slices of the
same length; seconds count from its first record.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from tasks.timings.opened import open_s
from tasks.timings.resources import MEMORY
from tasks.timings.summary import durations, wall_s
from tasks.timings.waterfall import begin_s, spans

REQUEST = "http.request"
_ERROR_STATUS = 400


def at_work(timings: pl.DataFrame, *, limit: int = 5, slice_count: int = 200) -> pl.DataFrame:
    """How many scopes of a name were open, on average over each slice: ``name, begin_s, end_s, open_count``.

    Only names that were measured more than once, of these the ``limit`` with the largest totals. The sum of
    ``open_count`` times the length of a slice is the sum of the durations: nothing is lost between two slices.
    """
    whole_s = wall_s(timings)
    if whole_s <= 0:
        return pl.DataFrame(schema=_AT_WORK)
    names = durations(timings).filter(pl.col("count") > 1).head(limit)["name"]
    every = spans(timings)
    edges_s = pl.Series([whole_s * number / slice_count for number in range(slice_count + 1)])
    found = []
    for name in names:
        of_name = every.filter(pl.col("name") == name)
        open_count = open_s(of_name["begin_s"], of_name["end_s"], edges_s).diff().slice(1) * slice_count / whole_s
        found.append(
            pl.DataFrame({"begin_s": edges_s[:-1], "end_s": edges_s[1:], "open_count": open_count})
            .with_columns(pl.lit(name).alias("name"), pl.col("open_count").clip(lower_bound=0))
            .select(list(_AT_WORK))
        )
    return pl.concat(found) if found else pl.DataFrame(schema=_AT_WORK)


_AT_WORK: dict[str, Any] = {"name": pl.String, "begin_s": pl.Float64, "end_s": pl.Float64, "open_count": pl.Float64}


def requests(timings: pl.DataFrame, *, slice_count: int = 60) -> pl.DataFrame:
    """Requests that began in each slice: ``host, ok, begin_s, end_s, request_count, rate_hz`` (requests a second).

    ``ok`` is false where there was no answer, or one with an error status (400 and above). Slices without a request
    have no row.
    """
    slice_s = wall_s(timings) / slice_count
    asked = timings.filter((pl.col("name") == REQUEST) & (pl.col("kind") == "duration"))
    if not asked.height or slice_s <= 0:
        return pl.DataFrame(schema=_REQUESTS)
    return (
        _sliced(timings, asked, slice_s, slice_count)
        .with_columns(pl.col("ok") & (pl.col("status") < _ERROR_STATUS).fill_null(True))
        .group_by(pl.col("host").fill_null("not told"), "ok", "slice")
        .agg(pl.len().cast(pl.Int64).alias("request_count"))
        .with_columns(
            (pl.col("slice") * slice_s).alias("begin_s"),
            ((pl.col("slice") + 1) * slice_s).alias("end_s"),
            (pl.col("request_count") / slice_s).alias("rate_hz"),
        )
        .sort("host", "ok", "begin_s")
        .select(list(_REQUESTS))
    )


_REQUESTS: dict[str, Any] = {
    "host": pl.String, "ok": pl.Boolean, "begin_s": pl.Float64, "end_s": pl.Float64, "request_count": pl.Int64,
    "rate_hz": pl.Float64,
}  # fmt: skip


def memory(timings: pl.DataFrame, *, slice_count: int = 200) -> pl.DataFrame:
    """The most memory that was in use in each slice: ``whose, at_s, size_bytes``; no rows where a run tells none.

    ``whose`` is ``run`` (the process of the run) or ``workers`` (those that measure files, together); ``at_s`` is when
    the slice's first reading was taken.
    """
    slice_s = wall_s(timings) / slice_count
    told = timings.filter((pl.col("name") == MEMORY) & (pl.col("kind") == "value") & pl.col("value").is_not_null())
    if not told.height or slice_s <= 0:
        return pl.DataFrame(schema=_MEMORY)
    return (
        _sliced(timings, told, slice_s, slice_count)
        .group_by(pl.col("attributes").str.json_path_match("$.whose").fill_null("run").alias("whose"), "slice")
        .agg(pl.col("at_s").min(), pl.col("value").max().cast(pl.Int64).alias("size_bytes"))
        .sort("whose", "at_s")
        .select(list(_MEMORY))
    )


_MEMORY: dict[str, Any] = {"whose": pl.String, "at_s": pl.Float64, "size_bytes": pl.Int64}


def _sliced(timings: pl.DataFrame, records: pl.DataFrame, slice_s: float, slice_count: int) -> pl.DataFrame:
    """The records with ``at_s`` and the number of the slice in which they began; the last slice holds its end too."""
    return records.with_columns(begin_s(timings).alias("at_s")).with_columns(
        (pl.col("at_s") / slice_s).floor().cast(pl.Int64).clip(upper_bound=slice_count - 1).alias("slice")
    )
