"""Find the titles that must be matched, scraped, or whose collection must be asked for. Pure: frames in, frames out."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

MATCH_ITEM = {
    "title_key": pl.String,
    "kind": pl.String,
    "title": pl.String,
    "year": pl.Int64,
    "tmdb_id": pl.Int64,
    "imdb_id": pl.String,
    "tvdb_id": pl.Int64,
}
READING = (
    "file_id", "kind", "title", "year", "tmdb_id", "imdb_id", "tvdb_id", "title_kind", "title_key",
)  # fmt: skip
"""Columns of ``identities`` that say which title a file is, without the path."""
SCRAPE_ITEM = {"title_id": pl.String, "kind": pl.String, "provider_id": pl.String}
_ROWS_AT_ONCE = 100_000
"""Files whose names are brought together at once."""


def named_titles(identities: pl.DataFrame) -> pl.DataFrame:
    """One row a title key: what the names of its files say (columns of ``MATCH_ITEM``), in key order.

    Files that share a key may spell the title differently; the commonest spelling is taken, the first in order of the
    alphabet where two are as common, so that the same library always asks the same question.
    """
    rows = identities.lazy().filter(_names_a_title())
    # The keys in shares: to sort and to group takes several times the memory of what is sorted.
    share_count = 1 + identities.height // _ROWS_AT_ONCE
    shares = [rows.filter(pl.col("title_key").hash() % share_count == n) for n in range(share_count)]
    return pl.concat([_named(share) for share in shares]).sort("title_key")


def _named(identities: pl.LazyFrame) -> pl.DataFrame:
    return (
        identities.sort("title_key", "title")
        .group_by("title_key", maintain_order=True)
        .agg(
            pl.col("title_kind").first().alias("kind"),
            pl.col("title").drop_nulls().mode().sort().first(),
            pl.col("year").drop_nulls().mode().sort().first(),
            pl.col("tmdb_id").drop_nulls().first(),
            pl.col("imdb_id").drop_nulls().first(),
            pl.col("tvdb_id").drop_nulls().first(),
        )
        .with_columns(pl.col("title").fill_null(""))
        .select([pl.col(name).cast(dtype) for name, dtype in MATCH_ITEM.items()])
        .collect()
    )


def named_keys(identities: pl.DataFrame) -> pl.DataFrame:
    """The title keys of :func:`named_titles`, in any order; of ``identities`` two columns do."""
    return identities.filter(_names_a_title()).select(pl.col("title_key").unique())


def _names_a_title() -> pl.Expr:
    return pl.col("title_key").is_not_null() & pl.col("title_kind").is_not_null()


def extras_of_shows(identities: pl.DataFrame) -> pl.DataFrame:
    """The extras that were taken for extras of a movie, rewritten as those of the show of that name and year.

    ``Show (2017)/Featurettes/x.mkv`` alone cannot tell; the episodes beside it can. Where a movie of the same name and
    year has files too, nothing is changed.
    """
    extras = identities.filter((pl.col("kind") == "extra") & (pl.col("title_kind") == "movie"))
    if not extras.height:
        return extras
    name = [pl.col("title").str.to_lowercase(), pl.col("year")]
    rows = identities.lazy()  # so that of a million rows no more is copied than is asked for
    movies = rows.filter(pl.col("kind") == "movie").select("title_key").unique().collect()
    shows = (
        rows.filter((pl.col("kind") == "episode") & pl.col("title_key").is_not_null())
        .select("title", "year", show_key="title_key")
        .unique(["title", "year"], keep="first", maintain_order=True)
        .with_columns(name)
        .unique(["title", "year"], keep="first", maintain_order=True)
        .collect()
    )
    return (
        extras.join(movies, on="title_key", how="anti")
        .join(shows, left_on=name, right_on=["title", "year"], how="inner", nulls_equal=True)
        .with_columns(title_kind=pl.lit("show"), title_key="show_key")
        .select(identities.columns)
    )


def kept_readings(identities: pl.DataFrame, before: pl.DataFrame, matches: pl.DataFrame) -> pl.DataFrame:
    """Rows for the files that have another name now, which says less than the old one: the old reading, new path.

    A file that is renamed keeps its title, unless the new name speaks for another one by itself: with an id, a year, or
    the number of an episode.

    Args:
        identities: as the names are read now.
        before: as they were read when the run began.
        matches: what is known of titles; a reading that led to none is not worth keeping.
    """
    matched = matches.filter(pl.col("status") == "matched").select("title_key")
    says_itself = (
        pl.any_horizontal(pl.col("tmdb_id", "imdb_id", "tvdb_id").is_not_null())
        | ((pl.col("kind") == "movie") & pl.col("year").is_not_null())
        | ((pl.col("kind") == "episode") & pl.col("title_key").is_not_null())
        | (pl.col("kind") == "extra")
    )
    renamed = identities.filter(~says_itself).select("file_id", "path", "parser_version", new_key="title_key")
    return (
        before.drop("path", "parser_version")
        .join(matched, on="title_key", how="semi")
        .join(renamed, on="file_id")
        .join(before.select("file_id", "path"), on=["file_id", "path"], how="anti")
        .filter(pl.col("title_key").ne_missing(pl.col("new_key")))
        .select(identities.columns)
    )


def titles_to_match(
    named: pl.DataFrame, matches: pl.DataFrame, *, now: datetime, unmatched_retry_days: float
) -> pl.DataFrame:
    """The named titles with no match yet, and those found unknown longer ago than ``unmatched_retry_days``."""
    settled = matches.filter(
        (pl.col("status") == "matched") | (pl.col("decided_at") > now - timedelta(days=unmatched_retry_days))
    )
    return named.join(settled.select("title_key"), on="title_key", how="anti", maintain_order="left")


def matched_titles(named: pl.DataFrame, matches: pl.DataFrame) -> pl.DataFrame:
    """The distinct titles of the library (columns of ``SCRAPE_ITEM``), in order of their id.

    Args:
        named: titles that files name now; a match whose files are gone needs no refresh.
        matches: matches of earlier runs and of this one, one row a key.
    """
    return (
        matches.join(named.select("title_key"), on="title_key", how="semi")
        .filter(pl.col("status") == "matched")
        .unique("title_id")
        .sort("title_id")
        .select([pl.col(name).cast(dtype) for name, dtype in SCRAPE_ITEM.items()])
    )


def older_than(
    wanted: pl.DataFrame, scraped: pl.DataFrame, *, key: str, now: datetime, max_age_days: float
) -> pl.DataFrame:
    """The ``wanted`` rows that were never scraped, or longer ago than ``max_age_days``."""
    fresh = scraped.filter(pl.col("scraped_at") > now - timedelta(days=max_age_days))
    return wanted.join(fresh.select(key), on=key, how="anti", maintain_order="left")


def collections_of(titles: pl.DataFrame) -> pl.DataFrame:
    """The distinct collections that movies belong to: ``collection_id`` and ``provider_id``, in order of their id."""
    return (
        titles.select("collection_id")
        .drop_nulls()
        .unique()
        .sort("collection_id")
        .with_columns(pl.col("collection_id").str.split(":").list.last().alias("provider_id"))
    )
