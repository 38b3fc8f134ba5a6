"""How long films and shows of one run were under way in scrape, and what that is an episode. Pure."""

from __future__ import annotations

import polars as pl

TITLE = "scrape.title"
"""Scope from when a title is handed in until its rows are there; ``kind``, ``answers`` and ``episodes`` are noted."""


def title_times(timings: pl.DataFrame) -> pl.DataFrame:
    """A row for films, one for shows, one for episodes; without those that a run asked nothing of.

    Columns: ``kind`` (movie, show, episode); ``count``; ``p50_s``, ``p95_s``, ``max_s``; ``answer_count``, the answers
    they were made of. Of a title it is the time from when it was handed in until its rows were there, so waiting for
    its turn is part of it, and as titles are asked for side by side the times add up to more than the stage took. An
    episode is not asked for alone: its time is that of its show divided by the show's episodes, and the percentiles
    are those over shows. Titles that failed are not counted.

    Percentiles are interpolated linearly, as ``quantile_cont`` of SQL does.
    """
    known = told(timings).filter(pl.col("kind").is_not_null())
    shows = known.filter(pl.col("kind") == "show", pl.col("episodes") > 0)
    parts = [
        known.select("kind", "value", pl.lit(1, pl.Int64).alias("count"), "answers"),
        shows.select(
            pl.lit("episode").alias("kind"),
            pl.col("value") / pl.col("episodes"),
            pl.col("episodes").alias("count"),
            "answers",
        ),
    ]
    value = pl.col("value")
    return (
        pl.concat(parts)
        .group_by("kind")
        .agg(
            pl.col("count").sum(),
            value.quantile(0.5, "linear").alias("p50_s"),
            value.quantile(0.95, "linear").alias("p95_s"),
            value.max().alias("max_s"),
            pl.col("answers").sum().alias("answer_count"),
        )
        .sort(pl.col("kind").replace_strict(["movie", "show", "episode"], [0, 1, 2], default=3))
    )


def told(timings: pl.DataFrame) -> pl.DataFrame:
    """The titles that were scraped: ``item, value`` (seconds), ``kind, answers, episodes``."""
    noted = pl.col("attributes").str.json_path_match
    return timings.filter((pl.col("name") == TITLE) & (pl.col("kind") == "duration") & pl.col("ok")).select(
        "item",
        "value",
        noted("$.kind").alias("kind"),
        *(noted(f"$.{name}").cast(pl.Int64).alias(name) for name in ("answers", "episodes")),
    )
