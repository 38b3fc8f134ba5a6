"""Which pictures are wanted of all that a service offers? Pure."""

from __future__ import annotations

import polars as pl

from tasks.core.ids import artwork_id
from tasks.schema.titles import ArtworkWanted

_PLACE = ["owner_id", "season_number", "episode_number", "kind"]


def select(candidates: pl.DataFrame, *, language: str, per_kind: int) -> pl.DataFrame:
    """Rows of ``artwork_wanted``: the best ``per_kind`` pictures of each kind for every place.

    The order is that of Jellyfin: the wanted language, English, none, others (for backdrops none first: writing on a
    background disturbs), then the mean vote to a tenth, then the number of votes, then the width. The path decides
    last, so that the same candidates always give the same choice. Drawings (SVG) are passed over: the players we
    write for do not show them.

    Args:
        candidates: rows of ``artwork_candidates``; the same one may come twice.
        language: as in the settings, ``pt-BR`` or ``pt``.
    """
    base = language.partition("-")[0]
    pictures = candidates.filter(~pl.col("source_path").str.to_lowercase().str.ends_with(".svg"))
    place = pl.struct(_PLACE)
    chosen = (
        pictures.with_columns(_language_rank(base).alias("language_rank"))
        .sort(
            *_PLACE,
            "language_rank",
            pl.col("vote_average").round(1).fill_null(0.0),
            pl.col("vote_count").fill_null(0),
            pl.col("width_px").fill_null(0),
            "source_path",
            descending=[False] * 4 + [True] * 4 + [False],
            nulls_last=False,
        )
        .unique([*_PLACE, "source_path"], keep="first", maintain_order=True)
        .with_columns(pl.int_range(1, pl.len() + 1).over(place).cast(pl.Int64).alias("rank"))
        .filter(pl.col("rank") <= per_kind)
    )
    ids = [
        artwork_id(row["owner_id"], row["kind"], row["rank"], row["season_number"], row["episode_number"])
        for row in chosen.select(*_PLACE, "rank").iter_rows(named=True)
    ]
    return chosen.with_columns(pl.Series("artwork_id", ids, dtype=pl.String)).select(list(ArtworkWanted.dtypes()))


def _language_rank(base: str) -> pl.Expr:
    none = pl.when(pl.col("kind") == "backdrop").then(5).otherwise(2)
    return (
        pl.when(pl.col("language").is_null())
        .then(none)
        .when(pl.col("language") == base)
        .then(4)
        .when(pl.col("language") == "en")
        .then(3)
        .otherwise(0)
    )
