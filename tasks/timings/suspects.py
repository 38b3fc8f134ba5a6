"""The six things that are suspected of making a refresh slow, each as a number of one run. Pure."""

from __future__ import annotations

from typing import Any

import polars as pl

from tasks.timings.moments import REQUEST
from tasks.timings.summary import durations
from tasks.timings.titles import told

_PICTURE = "artwork.download"
"""Scope of a picture; a request in it is no question to the metadata service."""


def suspects(timings: pl.DataFrame) -> pl.DataFrame:
    """A row for each suspected cause: ``cause, measure, unit, count, mean, p50, p95``; null where a run tells nothing.

    ``count`` is how many were measured: requests to the metadata service (none for pictures), titles and collections,
    statements, shows. Of what is open at once there is only a mean, the sum of the durations by the time in which any
    was open. Percentiles are interpolated linearly.
    """
    asked = _asked(timings)
    at_once = durations(asked)["concurrency"].to_list()
    pages = told(timings).filter(pl.col("episodes") > 0, pl.col("answers") > 0)
    found: dict[tuple[str, str, str | None], pl.Series] = {
        ("calls for each episode", "answers an item", None): _recorded(timings, "scrape.calls_per_item"),
        ("rows written one by one", "rows an INSERT", None): _recorded(timings, "load.rows_per_statement"),
        ("more metadata than needed", "size of an answer", "byte"): asked["bytes"].drop_nulls().cast(pl.Float64),
        ("round trips", "a request, to its last byte", "s"): asked["value"],
        ("no pages", "episodes an answer", None): (pages["episodes"] / pages["answers"]).cast(pl.Float64),
    }
    first = {
        "cause": "one thing after the other", "measure": "requests at once", "unit": None, "count": asked.height,
        "mean": at_once[0] if at_once else None, "p50": None, "p95": None,
    }  # fmt: skip
    return pl.DataFrame([first, *(_row(*words, values) for words, values in found.items())], schema=_SUSPECTS)


_SUSPECTS: dict[str, Any] = {
    "cause": pl.String, "measure": pl.String, "unit": pl.String, "count": pl.Int64, "mean": pl.Float64,
    "p50": pl.Float64, "p95": pl.Float64,
}  # fmt: skip


def _row(cause: str, measure: str, unit: str | None, values: pl.Series) -> dict[str, Any]:
    return {
        "cause": cause,
        "measure": measure,
        "unit": unit,
        "count": values.len(),
        "mean": values.mean(),
        "p50": values.quantile(0.5, "linear"),
        "p95": values.quantile(0.95, "linear"),
    }


def _recorded(timings: pl.DataFrame, name: str) -> pl.Series:
    return timings.filter((pl.col("name") == name) & (pl.col("kind") == "value"))["value"].drop_nulls()


def _asked(timings: pl.DataFrame) -> pl.DataFrame:
    """Requests to the metadata service that got an answer."""
    pictures = timings.filter(pl.col("name") == _PICTURE).select(pl.col("span_id").alias("parent_id"))
    answered = timings.filter((pl.col("name") == REQUEST) & (pl.col("kind") == "duration") & pl.col("ok"))
    return answered.join(pictures, on="parent_id", how="anti")
