"""Which pictures does the library want, and which of them must be downloaded?"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tasks.artwork.kept import plan_downloads
from tasks.artwork.select import select
from tasks.core.settings import ArtworkSettings
from tasks.schema.files import Files, Identities
from tasks.schema.titles import Artwork, ArtworkCandidates, ArtworkWanted, Matches
from tasks.staging import read_known, read_staged, write_staged

STAGE = "plan_artwork"


def plan(staging: Path, settings: ArtworkSettings, *, language: str, data_dir: Path) -> tuple[int, pl.DataFrame]:
    """Choose pictures for what was scraped; give the number of all that the library wants, and those to download.

    What was chosen earlier stays wanted until its title is scraped again, so a picture that failed, or was deleted, is
    fetched without asking the service again, and the still of an episode that joins a known show is known already.
    """
    chosen = select(read_staged(ArtworkCandidates, staging=staging), language=language, per_kind=settings.per_kind)
    known = read_known(ArtworkWanted, staging=staging)
    replaced = chosen.select("owner_id").unique()
    wanted = pl.concat([known.join(replaced, on="owner_id", how="anti"), chosen])
    shown = wanted if settings.stills else wanted.filter(pl.col("kind") != "still")
    in_library = of_library(shown, _owned_episodes(staging))
    downloads = plan_downloads(in_library, _kept(staging), data_dir=data_dir)
    write_staged({ArtworkWanted: chosen, Artwork: downloads.reused}, staging=staging, stage=STAGE)
    return in_library.height, downloads.missing


def _kept(staging: Path) -> pl.DataFrame:
    """Rows of ``artwork`` that are known: loaded ones, and those of runs that ended before they could load them."""
    unloaded = [read_staged(Artwork, staging=other) for other in sorted(staging.parent.iterdir()) if other != staging]
    return pl.concat([*unloaded, read_known(Artwork, staging=staging)])


def of_library(wanted: pl.DataFrame, owned_episodes: pl.DataFrame) -> pl.DataFrame:
    """The ``wanted`` pictures without those of seasons and episodes that the library does not have.

    Args:
        owned_episodes: ``owner_id, season_number, episode_number`` of the episodes in the library.
    """
    place = ["owner_id", "season_number", "episode_number"]
    is_season = pl.col("season_number").is_not_null() & pl.col("episode_number").is_null()
    is_episode = pl.col("episode_number").is_not_null()
    return pl.concat(
        [
            wanted.filter(~is_season & ~is_episode),
            wanted.filter(is_season).join(owned_episodes.select(place[:2]).unique(), on=place[:2], how="semi"),
            wanted.filter(is_episode).join(owned_episodes.select(place).unique(), on=place, how="semi"),
        ]
    )


def _owned_episodes(staging: Path) -> pl.DataFrame:
    files = pl.concat([read_known(Files, staging=staging), read_staged(Files, staging=staging, stage="plan")])
    present = files.unique("file_id", keep="last").filter(pl.col("missing_since_at").is_null())
    identities = pl.concat(
        [read_known(Identities, staging=staging), read_staged(Identities, staging=staging, stage="identify")]
    ).unique("file_id", keep="last")
    matches = pl.concat(
        [read_known(Matches, staging=staging), read_staged(Matches, staging=staging, stage="match")]
    ).unique("title_key", keep="last", maintain_order=True)
    return (
        identities.join(present.select("file_id"), on="file_id", how="semi")
        .filter((pl.col("kind") == "episode") & pl.col("season").is_not_null())
        .join(matches.filter(pl.col("status") == "matched"), on="title_key")
        .select(
            owner_id="title_id",
            season_number=pl.col("season"),
            episode_number=pl.col("episodes"),
        )
        .explode("episode_number")
        .drop_nulls()
        .unique()
    )
