"""What the timings of a run come to: durations and values by name, shares of the wall time, concurrency. Pure."""

from __future__ import annotations

from typing import Any

import polars as pl

from tasks.timings.resources import PREFIX

_END = pl.col("started_at") + pl.duration(microseconds=(pl.col("value") * 1e6).round().cast(pl.Int64))


def wall_s(timings: pl.DataFrame) -> float:
    """Seconds from the first start to the last end of any record; 0 without records."""
    if not timings.height:
        return 0.0
    ends = timings.select(pl.when(pl.col("kind") == "duration").then(_END).otherwise(pl.col("started_at")).max())
    first, last = timings["started_at"].min(), ends.item()
    return float((last - first).total_seconds())


def durations(timings: pl.DataFrame) -> pl.DataFrame:
    """One row a name of a measured scope, the largest total first.

    Columns: ``name, count, error_count, min_s, mean_s, p50_s, p95_s, max_s, total_s``;
    ``busy_s``: time during which at least one such scope was open; ``wall_ratio``: its share of the run's wall time;
    ``concurrency``: sum of durations / ``busy_s``, how many were open on average while any was;
    ``bytes``: sum of the attribute, null where no scope has it.

    Percentiles are interpolated linearly, as ``quantile_cont`` of SQL does. A scope contains those inside it, so
    totals of different names must not be added.
    """
    return _durations(timings, whole_s=wall_s(timings))


def scope(timings: pl.DataFrame, name: str) -> dict[str, Any] | None:
    """The row of ``durations`` of one scope, ``None`` where it was not measured."""
    rows = _durations(timings.filter(name=name), whole_s=wall_s(timings))
    return rows.row(0, named=True) if rows.height else None


def totals(timings: pl.LazyFrame) -> pl.DataFrame:
    """One row a name of a measured scope, the largest total first: ``durations`` without percentiles and busy time.

    Columns: ``name, count, error_count, min_s, mean_s, max_s, total_s``. They need no order, and so little memory (50
    MiB for five million records; with percentiles it would be 380) that it may be asked about any run.
    """
    spans = timings.filter(pl.col("kind") == "duration").select("name", "value", "ok")
    return spans.group_by("name").agg(_SUMS).sort(_LARGEST_FIRST, descending=[True, False]).collect()


_VALUE = pl.col("value")
_SUMS = (
    pl.len().cast(pl.Int64).alias("count"),
    (~pl.col("ok")).sum().cast(pl.Int64).alias("error_count"),
    _VALUE.min().alias("min_s"),
    _VALUE.mean().alias("mean_s"),
    _VALUE.max().alias("max_s"),
    _VALUE.sum().alias("total_s"),
)
_LARGEST_FIRST = ["total_s", "name"]


def _durations(timings: pl.DataFrame, *, whole_s: float) -> pl.DataFrame:
    spans = timings.filter(pl.col("kind") == "duration")
    stats = spans.group_by("name").agg(
        *_SUMS,
        _VALUE.quantile(0.5, "linear").alias("p50_s"),
        _VALUE.quantile(0.95, "linear").alias("p95_s"),
        pl.when(pl.col("bytes").count() > 0).then(pl.col("bytes").sum()).alias("bytes"),
    )
    # Union of intervals: in the order of their starts each adds what lies beyond the latest end so far.
    begin_s = pl.col("started_at").dt.epoch("us") / 1e6
    busy = (
        spans.sort("name", "started_at")
        .with_columns(begin_s.alias("begin_s"), (begin_s + _VALUE).alias("end_s"))
        .with_columns(pl.col("end_s").cum_max().shift(1).over("name").alias("covered_s"))
        .group_by("name")
        .agg(
            (pl.col("end_s") - pl.max_horizontal("begin_s", "covered_s")).clip(lower_bound=0).sum().alias("busy_s"),
        )
    )
    return (
        stats.join(busy, on="name")
        .with_columns(
            (pl.col("busy_s") / whole_s if whole_s else pl.lit(None, pl.Float64)).alias("wall_ratio"),
            pl.when(pl.col("busy_s") > 0).then(pl.col("total_s") / pl.col("busy_s")).alias("concurrency"),
        )
        .sort(_LARGEST_FIRST, descending=[True, False])
        .select(
            "name", "count", "error_count", "min_s", "mean_s", "p50_s", "p95_s", "max_s", "total_s",
            "busy_s", "wall_ratio", "concurrency", "bytes",
        )
    )  # fmt: skip


ITEM_SCOPES = ("discover.folder", "probe.file", "fingerprint.file", "hash.file", "http.request")
"""Scopes that hold one thing a person knows: a folder, a file, an address."""

SLOWEST_SHOWN = 3
"""Items of each of these scopes in a report: a run that waits for the network would show nothing else."""


def slowest(timings: pl.LazyFrame, *, limit: int) -> pl.DataFrame:
    """The ``limit`` items of each kind that took longest: ``name, item, value`` (seconds), the slowest first.

    A part of the records is in memory at a time, so that it may be asked about any run.
    """
    spans = timings.filter((pl.col("kind") == "duration") & pl.col("item").is_not_null()).select(
        "name", "item", "value"
    )
    longest = [spans.filter(pl.col("name") == name).top_k(limit, by="value") for name in ITEM_SCOPES]
    found = pl.concat(pl.collect_all(longest, engine="streaming"))
    return found.sort("value", "item", descending=[True, False])


def values(timings: pl.DataFrame) -> pl.DataFrame:
    """One row a name and unit of a recorded value: ``name, unit, count, min, mean, p50, p95, max, total``.

    Memory and CPU time of the run are not among them: they are samples, of which ``stages`` makes what they say.
    """
    value = pl.col("value")
    return (
        timings.filter((pl.col("kind") == "value") & ~pl.col("name").str.starts_with(PREFIX))
        .group_by("name", "unit")
        .agg(
            pl.len().cast(pl.Int64).alias("count"),
            value.min().alias("min"),
            value.mean().alias("mean"),
            value.quantile(0.5, "linear").alias("p50"),
            value.quantile(0.95, "linear").alias("p95"),
            value.max().alias("max"),
            value.sum().alias("total"),
        )
        .sort("name", "unit", nulls_last=True)
    )
