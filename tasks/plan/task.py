"""The doors of the plan room."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from tasks.core.paths import from_parameter
from tasks.core.settings import FlowSettings, ScrapeSettings
from tasks.plan import files, titles
from tasks.schema.files import Files, Identities, ListingErrors, Listings
from tasks.schema.probes import Probes
from tasks.schema.titles import Collections, Matches, Titles
from tasks.staging import Batch, Results, StagePlan, cut, read_known, read_staged, write_staged
from tasks.step import step

PLAN_MATCHES = "plan_matches"
"""Stage under which identities are kept that a look at the whole library has mended; it sorts after ``identify``."""


@dataclass(frozen=True)
class FilePlan:
    """What the library holds and which files need work."""

    file_count: int
    new_count: int
    changed_count: int
    vanished_count: int
    returned_count: int
    probe_batches: tuple[Batch, ...]
    identify_batches: tuple[Batch, ...]


@step("plan files")
def plan_files(
    staging: str,
    discovered: Results,  # noqa: ARG001
    roots: tuple[str, ...],
    parser_version: str,
    settings: FlowSettings,
    now: datetime,
) -> FilePlan:
    """Compare the listings with what was known; write rows of ``files`` and the batches for probe and identify."""
    folder = Path(staging)
    root_paths = [from_parameter(root) for root in roots]
    decisions = files.decide_files(
        read_staged(Listings, staging=folder, stage="discover"),
        read_known(Files, staging=folder),
        scanned_roots=root_paths,
        unknown_folders=read_staged(ListingErrors, staging=folder, stage="discover")["path_bytes"].to_list(),
        now=now,
    )
    write_staged({Files: decisions.rows}, staging=folder, stage="plan")
    to_probe = files.files_to_probe(decisions.present, read_known(Probes, staging=folder))
    to_identify = files.with_roots(
        files.files_to_identify(
            decisions.present, read_known(Identities, staging=folder), parser_version=parser_version
        ),
        root_paths,
    )
    return FilePlan(
        file_count=decisions.present.height,
        new_count=decisions.new_count,
        changed_count=decisions.changed_count,
        vanished_count=decisions.vanished_count,
        returned_count=decisions.returned_count,
        probe_batches=_cut(to_probe, "probe", folder, "file_id", settings),
        identify_batches=_cut(to_identify, "identify", folder, "file_id", settings),
    )


@step("plan matches")
def plan_matches(
    staging: str,
    identified: Results,  # noqa: ARG001
    scrape: ScrapeSettings,
    settings: FlowSettings,
    now: datetime,
) -> StagePlan:
    """Group the files by what their names say, and cut the titles with no match into batches."""
    folder = Path(staging)
    write_staged({Identities: titles.extras_of_shows(_identities(folder))}, staging=folder, stage=PLAN_MATCHES)
    named = titles.named_titles(_identities(folder))
    to_match = titles.titles_to_match(
        named,
        read_known(Matches, staging=folder),
        now=now,
        unmatched_retry_days=scrape.unmatched_retry_days,
    )
    return StagePlan(named.height, _cut(to_match, "match", folder, "title_key", settings))


@step("plan scrape")
def plan_scrape(
    staging: str,
    matched: Results,  # noqa: ARG001
    scrape: ScrapeSettings,
    settings: FlowSettings,
    now: datetime,
) -> StagePlan:
    """Cut the matched titles that were never scraped, or too long ago, into batches."""
    folder = Path(staging)
    wanted = titles.matched_titles(
        titles.named_titles(_identities(folder)),
        titles.merged_matches(read_known(Matches, staging=folder), read_staged(Matches, staging=folder, stage="match")),
    )
    to_scrape = titles.older_than(
        wanted, read_known(Titles, staging=folder), key="title_id", now=now, max_age_days=scrape.max_age_days
    )
    return StagePlan(wanted.height, _cut(to_scrape, "scrape", folder, "title_id", settings))


@step("plan collections")
def plan_collections(
    staging: str,
    scraped: Results,  # noqa: ARG001
    scrape: ScrapeSettings,
    settings: FlowSettings,
    now: datetime,
) -> StagePlan:
    """Cut the distinct collections of the library's movies that must be asked for into batches."""
    folder = Path(staging)
    wanted = titles.collections_of(
        pl.concat([read_known(Titles, staging=folder), read_staged(Titles, staging=folder, stage="scrape")])
    )
    to_scrape = titles.older_than(
        wanted, read_known(Collections, staging=folder), key="collection_id", now=now, max_age_days=scrape.max_age_days
    )
    return StagePlan(wanted.height, _cut(to_scrape, "collections", folder, "collection_id", settings))


def _identities(folder: Path) -> pl.DataFrame:
    """What is known of the files that are there, after all steps so far."""
    present = files.present_files(read_known(Files, staging=folder), read_staged(Files, staging=folder, stage="plan"))
    return (
        pl.concat(
            [
                read_known(Identities, staging=folder),
                read_staged(Identities, staging=folder, stage="identify"),
                read_staged(Identities, staging=folder, stage=PLAN_MATCHES),
            ]
        )
        .unique("file_id", keep="last", maintain_order=True)
        .join(present.select("file_id"), on="file_id", how="semi", maintain_order="left")
    )


def _cut(items: pl.DataFrame, stage: str, folder: Path, id_column: str, settings: FlowSettings) -> tuple[Batch, ...]:
    return tuple(
        cut(
            items,
            stage=stage,
            staging=folder,
            id_column=id_column,
            batch_size=settings.batch_size,
            max_batches=settings.max_batches,
        )
    )
