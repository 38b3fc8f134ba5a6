"""Which pictures does the library want, and which of them must be downloaded?"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tasks.artwork.kept import plan_downloads
from tasks.artwork.select import select
from tasks.core.settings import ArtworkSettings
from tasks.core.stopwatch import record_value
from tasks.schema.titles import Artwork, ArtworkCandidates, ArtworkWanted, Titles
from tasks.staging import latest_matches, present_identities, read_known, read_staged, write_staged

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
    matched = latest_matches(staging).filter(pl.col("status") == "matched").select("title_key", "title_id")
    owned = present_identities(staging).join(matched, on="title_key")
    of_titles = shown.join(_owners(owned, staging), on="owner_id", how="semi", maintain_order="left")
    in_library = of_library(of_titles, _owned_episodes(owned))
    downloads = plan_downloads(
        in_library, read_known(Artwork, staging=staging), data_dir=data_dir, unloaded=_unloaded(staging)
    )
    _count_pictures(downloads.missing)
    write_staged({ArtworkWanted: chosen, Artwork: downloads.reused}, staging=staging, stage=STAGE)
    return in_library.height, downloads.missing


def _count_pictures(missing: pl.DataFrame) -> None:
    """Record how many pictures each title or collection is to get; one that several of its places want is one.

    Here, as batches are cut by picture: those of a title lie in several.
    """
    pictures = missing.unique(["owner_id", "provider", "source_path"])
    for owner_id, count in pictures.group_by("owner_id").len().sort("owner_id").iter_rows():
        record_value("artwork.images_per_title", count, item=owner_id)


def _unloaded(staging: Path) -> pl.DataFrame:
    """Rows of ``artwork`` of other runs, which may have ended before they could load them."""
    others = [other for other in sorted(staging.parent.iterdir()) if other != staging]
    return pl.concat([Artwork.frame(), *(read_staged(Artwork, staging=other) for other in others)])


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


def _owned_episodes(owned: pl.DataFrame) -> pl.DataFrame:
    return (
        owned.filter((pl.col("kind") == "episode") & pl.col("season").is_not_null())
        .select(
            owner_id="title_id",
            season_number=pl.col("season"),
            episode_number=pl.col("episodes"),
        )
        .explode("episode_number")
        .drop_nulls()
        .unique()
    )


def _owners(owned: pl.DataFrame, staging: Path) -> pl.DataFrame:
    """``owner_id`` of the titles that files are of, and of their collections."""
    titles = owned.select(owner_id="title_id").unique()
    known = pl.concat([read_known(Titles, staging=staging), read_staged(Titles, staging=staging, stage="scrape")])
    collections = (
        known.unique("title_id", keep="last")
        .join(titles, left_on="title_id", right_on="owner_id", how="semi")
        .select(owner_id="collection_id")
        .drop_nulls()
        .unique()
    )
    return pl.concat([titles, collections])
