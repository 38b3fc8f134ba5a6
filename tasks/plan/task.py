"""The doors of the plan room."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.ids import digest
from tasks.core.paths import Confirmed, Folders, from_parameter
from tasks.core.settings import FlowSettings, ProbeSettings, RemovalSettings, ScrapeSettings
from tasks.plan import files, titles
from tasks.plan.absent import absent_files
from tasks.plan.adopt import adopted
from tasks.plan.events import note_events
from tasks.plan.guard import Scope, below_any
from tasks.plan.recognise import to_fingerprint
from tasks.plan.survey import Disk, Known, Survey, surveyed
from tasks.schema.files import (
    Files,
    Fingerprints,
    Identities,
    ListingErrors,
    Listings,
    PresentFiles,
    Purges,
    RootListings,
    Roots,
)
from tasks.schema.probes import ContentHashes, Probes
from tasks.schema.runs import FileEvents
from tasks.schema.titles import Collections, Matches, Titles
from tasks.staging import (
    Batch,
    Results,
    StagePlan,
    cut,
    latest_matches,
    of_files,
    overlaid,
    present_identities,
    read_known,
    read_staged,
    scan_known,
    scan_staged,
    write_staged,
)
from tasks.step import step

PLAN_MATCHES = "plan_matches"
"""Stage under which identities are kept that a look at the whole library has mended; it sorts after ``identify``."""


@dataclass(frozen=True)
class FilePlan:
    """What the library holds and which files need work."""

    file_count: int
    counters: dict[str, int]
    """Files by what became of them: new, changed, moved, vanished, returned, purged, held back, reused."""
    run_roots: tuple[dict[str, Any], ...]
    """Rows of ``run_roots`` without their run."""
    notes: tuple[str, ...]
    probe_batches: tuple[Batch, ...]
    identify_batches: tuple[Batch, ...]
    hash_batches: tuple[tuple[Batch, ...], ...]
    """Batches of each device: a disk is read by one reader at a time."""


@step("plan recognition")
def plan_recognition(
    staging: str,
    discovered: Results,  # noqa: ARG001
    folders: Folders,
    confirmed: Confirmed,
    probe: ProbeSettings,
    settings: FlowSettings,
) -> StagePlan:
    """Cut the files that must be read to be recognised (moved to another disk, measured elsewhere) into batches."""
    folder = Path(staging)
    survey, known = _look(folder, folders, confirmed)
    wanted = to_fingerprint(survey.listed, survey.candidates, known_prints=known.prints)
    if probe.reuse_warehouses:
        place = ["path_bytes", "size_bytes", "mtime_ns", "inode"]
        unknown = survey.listed.join(known.files, on=place, how="anti", maintain_order="left")
        further = unknown.join(wanted, on="path_bytes", how="anti", maintain_order="left")
        wanted = pl.concat([wanted, further.with_columns(is_whole=pl.lit(False))])
    ids = [digest("path", path_bytes) for path_bytes in wanted["path_bytes"]]
    items = wanted.with_columns(pl.Series("path_id", ids, dtype=pl.String))
    return StagePlan(items.height, _cut(items, "fingerprint", folder, "path_id", settings))


@step("plan files")
def plan_files(
    staging: str,
    discovered: Results,  # noqa: ARG001
    recognised: Results,  # noqa: ARG001
    run_id: str,
    folders: Folders,
    confirmed: Confirmed,
    parser_version: str,
    engine_versions: tuple[str, ...],
    removal: RemovalSettings,
    probe: ProbeSettings,
    settings: FlowSettings,
    now: datetime,
) -> FilePlan:
    """Compare what is there with what was known; write rows of ``files`` and the batches of what needs work."""
    folder = Path(staging)
    survey, known = _look(folder, folders, confirmed)
    prints = read_staged(Fingerprints, staging=folder, stage="fingerprint").unique(
        "path_bytes", keep="last", maintain_order=True
    )
    decisions = files.decide_files(
        survey, known, prints=prints, run_id=run_id, removal=removal, confirmed=_meant(confirmed), now=now
    )
    present_columns = ["file_id", "path_bytes", "missing_since_at"]
    present = (
        files.present_files(known.files.select(present_columns), decisions.rows.select(present_columns))
        .filter(below_any([from_parameter(walked) for _, walked in folders]))
        .select("file_id")
    )
    del survey, known  # the largest by far; what is left to do needs none of it
    to_probe = files.files_to_probe(
        decisions.listed,
        scan_known(Probes, staging=folder),
        engine_versions=engine_versions if probe.remeasure == "other_engine" else None,
        unreadable_too=probe.remeasure == "unreadable",
    )
    taken_over = adopted(
        to_probe,
        staging=folder,
        fingerprints=prints,
        warehouses=probe.reuse_warehouses,
        engine_versions=engine_versions or None,
    )
    to_probe = to_probe.filter(~pl.col("file_id").is_in(taken_over.file_ids.implode()))
    write_staged(
        {
            Files: decisions.rows,
            Roots: decisions.roots,
            FileEvents: decisions.events,
            Purges: decisions.purges,
            PresentFiles: present,
            **taken_over.rows,
        },
        staging=folder,
        stage="plan",
    )
    to_identify = files.with_roots(
        files.files_to_identify(
            decisions.listed, scan_known(Identities, staging=folder), parser_version=parser_version
        ),
        [from_parameter(root) for root, _ in folders],
    )
    to_hash = (
        files.files_to_hash(decisions.listed, scan_known(ContentHashes, staging=folder))
        if probe.full_hash
        else decisions.listed.clear()
    )
    events = dict(decisions.events.group_by("event").len().iter_rows())
    return FilePlan(
        file_count=decisions.listed.height,
        counters={
            "new_files": decisions.new_count,
            "changed_files": decisions.changed_count,
            **{f"{event}_files": events.get(event, 0) for event in ("moved", "vanished", "returned", "purged")},
            "held_back_files": sum(int(row["held_back_count"]) for row in decisions.run_roots),
            "resumed_measurements": taken_over.resumed_count,
            "reused_measurements": taken_over.reused_count,
        },
        run_roots=tuple(decisions.run_roots),
        notes=taken_over.notes,
        probe_batches=_cut(to_probe, "probe", folder, "file_id", settings),
        identify_batches=_cut(to_identify, "identify", folder, "file_id", settings),
        hash_batches=_cut_by_device(to_hash, folder, settings),
    )


@step("plan events")
def plan_events(staging: str, measured: Results, run_id: str) -> int:  # noqa: ARG001
    """Complete the events of the run by what was measured and read; return how many there are."""
    return note_events(Path(staging), run_id=run_id)


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
    # Only what the names say: a second execution of this step must not start from what the first one has mended.
    read = present_identities(folder, stage="identify", columns=titles.READING)
    kept = _kept_readings(read, folder)
    with_kept = overlaid(read, kept.select(titles.READING))
    del read
    extras = titles.extras_of_shows(with_kept)
    write_staged({Identities: _mended(kept, extras, folder)}, staging=folder, stage=PLAN_MATCHES)
    naming = overlaid(with_kept, extras)
    del with_kept
    named = titles.named_titles(naming)
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
    wanted = _matched_titles(folder)
    scraped = scan_known(Titles, staging=folder).select("title_id", "scraped_at").collect()
    to_scrape = titles.older_than(wanted, scraped, key="title_id", now=now, max_age_days=scrape.max_age_days)
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
    matched_titles = _matched_titles(folder)
    belonging = [scan_known(Titles, staging=folder), scan_staged(Titles, staging=folder, stage="scrape")]
    known = pl.concat([rows.select("title_id", "collection_id").collect() for rows in belonging])
    wanted = titles.collections_of(
        known.unique("title_id", keep="last", maintain_order=True).join(matched_titles, on="title_id", how="semi")
    )
    to_scrape = titles.older_than(
        wanted, read_known(Collections, staging=folder), key="collection_id", now=now, max_age_days=scrape.max_age_days
    )
    return StagePlan(wanted.height, _cut(to_scrape, "collections", folder, "collection_id", settings))


def _matched_titles(folder: Path) -> pl.DataFrame:
    """The distinct titles that the files of the run are."""
    keys = titles.named_keys(present_identities(folder, columns=("file_id", "title_kind", "title_key")))
    return titles.matched_titles(keys, latest_matches(folder))


def _kept_readings(read: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """Rows of ``identities`` for files that keep what their earlier name said.

    All columns are read only of the files whose key is not the known one.

    Args:
        read: as the names are read now, without the path.
    """
    known = scan_known(Identities, staging=folder)
    staged = scan_staged(Identities, staging=folder, stage="identify")
    keys = read.select("file_id", "title_key").join(staged.select("file_id").collect(), on="file_id", how="semi")
    reads_anew = pl.col("title_key").ne_missing(pl.col("known_key"))
    other = (
        known.select("file_id", known_key="title_key")
        .join(keys.lazy(), on="file_id", build_side="force_right")
        .filter(reads_anew)
        .select("file_id")
        .collect(engine="streaming")["file_id"]
    )
    if not other.len():
        return Identities.frame()
    now = of_files(other, staged).unique("file_id", keep="last", maintain_order=True)
    return titles.kept_readings(now, of_files(other, known), latest_matches(folder))


def _mended(kept: pl.DataFrame, extras: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """All columns of the readings that are ``kept`` and, over these, of the ``extras``."""
    if not extras.height:
        return kept
    as_read = overlaid(
        of_files(extras["file_id"], scan_known(Identities, staging=folder)),
        of_files(extras["file_id"], scan_staged(Identities, staging=folder, stage="identify")).unique(
            "file_id", keep="last", maintain_order=True
        ),
    )
    whole = extras.join(
        overlaid(as_read, kept.join(extras, on="file_id", how="semi")).drop(titles.READING[1:]),
        on="file_id",
        maintain_order="left",
    )
    return overlaid(kept, whole.select(kept.columns))


def _look(folder: Path, folders: Folders, confirmed: Confirmed) -> tuple[Survey, Known]:
    """What this run saw, and what was known when it began."""
    disk = Disk(
        scopes=[Scope(from_parameter(root), from_parameter(walked)) for root, walked in folders],
        # Sorted at once, so that they are not held unsorted, too, while the known files are read.
        listings=_with_one_path(scan_staged(Listings, staging=folder, stage="discover")).sort(
            "path_bytes", maintain_order=True
        ),
        listing_errors=read_staged(ListingErrors, staging=folder, stage="discover"),
        root_listings=read_staged(RootListings, staging=folder, stage="discover"),
    )
    hashes = scan_known(ContentHashes, staging=folder).select("file_id", "content_hash")
    prints = scan_known(Probes, staging=folder).select("file_id", "fingerprint")
    known = Known(
        files=_with_one_path(scan_known(Files, staging=folder)),
        roots=read_known(Roots, staging=folder),
        prints=prints.join(hashes, on="file_id", how="left"),
    )
    survey = surveyed(disk, known, _meant(confirmed))
    unseen = survey.candidates.filter(~pl.col("may_have_moved"))
    return survey.with_absent(absent_files(survey.listed, unseen)), known


def _with_one_path(rows: pl.LazyFrame) -> pl.DataFrame:
    """The ``rows``, whose ``path`` lies in the memory of ``path_bytes`` where it is the same text: almost everywhere.

    Of a million files the paths are a large part of all that is known. Where a single path is no UTF-8 they are held
    twice: Polars takes all bytes for text or none.
    """
    differs = pl.col("path").cast(pl.Binary) != pl.col("path_bytes")
    read = rows.with_columns(path=pl.when(differs).then("path")).collect(engine="streaming")
    with suppress(pl.exceptions.ComputeError):  # there are paths that are no UTF-8
        return read.with_columns(path=pl.coalesce("path", pl.col("path_bytes").cast(pl.String)))
    return rows.collect()


def _meant(confirmed: Confirmed) -> dict[bytes, int]:
    return {from_parameter(folder): count for folder, count in confirmed}


def _cut(items: pl.DataFrame, stage: str, folder: Path, id_column: str, settings: FlowSettings) -> tuple[Batch, ...]:
    return tuple(
        cut(
            items,
            stage=stage,
            staging=folder,
            id_column=id_column,
            batch_size=settings.batch_size_of(stage),
            max_batches=settings.most_batches_of(stage),
        )
    )


def _cut_by_device(items: pl.DataFrame, folder: Path, settings: FlowSettings) -> tuple[tuple[Batch, ...], ...]:
    """Batches of each device; the smallest share one turn where there are more devices than batches allowed.

    Btrfs and ZFS give every subvolume a device number of its own.
    """
    most = settings.most_batches_of("hash")
    shares = sorted(items.partition_by("device", maintain_order=True), key=lambda share: -share.height)
    by_device = [*shares[: most - 1], pl.concat(shares[most - 1 :])] if len(shares) > most else shares
    return tuple(
        tuple(
            cut(
                share,
                stage="hash",
                staging=folder,
                id_column="file_id",
                batch_size=settings.batch_size_of("hash"),
                max_batches=max(1, most // len(by_device)),
                prefix=f"{number:03d}-",
            )
        )
        for number, share in enumerate(by_device)
    )
