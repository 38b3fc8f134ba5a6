"""What a refresh would do: the same steps as the run's first ones, without Prefect, then a count of the rest.

Nothing is measured, asked, fetched or loaded. Folders are listed, names are read, and files that may have moved are
read for their fingerprint, as a refresh would do it.
"""

from __future__ import annotations

import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from flows.adapting import lessons
from tasks.core.errors import BatchIncomplete, Refused
from tasks.core.layout import DataFolder
from tasks.core.paths import as_parameter, from_parameter
from tasks.core.progress import progress
from tasks.core.settings import Settings
from tasks.discovery.task import discover, plan_discovery
from tasks.identify.identifier import PARSER_VERSION
from tasks.identify.task import identify
from tasks.plan.guard import below, below_any
from tasks.plan.task import FilePlan, plan_files, plan_matches, plan_recognition, plan_scrape
from tasks.probe.task import close_pool, engine_versions, recognise
from tasks.schema.files import Files, Listings
from tasks.staging import Batch, latest_matches, present_identities, read_known, read_staged
from tasks.timings.costs import Costs, Prediction, expected_s, learnt, predictions
from tasks.warehouse.connect import opened_read_only
from tasks.warehouse.task import snapshot


@dataclass(frozen=True)
class RootWork:
    """What a refresh of one root would do."""

    root: dict[str, Any]
    """Row of ``run_roots``."""
    probe_count: int
    probe_bytes: int
    """Size of the files that would be measured; a part of each is read."""
    hash_bytes: int
    """Bytes that would be read for whole hashes."""
    call_count: int
    """Requests to the metadata service that can be expected."""
    picture_count: int | None
    """Pictures that can be expected; ``None`` where no past run tells."""
    download_bytes: int | None
    """Bytes of these pictures."""
    wall_s: float | None
    """Seconds it can be expected to take; ``None`` where no past run tells."""


@dataclass(frozen=True)
class Preview:
    """What a refresh would do."""

    counters: dict[str, int]
    roots: tuple[RootWork, ...]
    whole: RootWork
    """The sums; its ``root`` is empty, and its time is that of the run as a whole."""
    unknown_stages: tuple[str, ...]
    """Stages with work of which no past run tells the time."""
    run_count: int
    """Past runs that the estimates rest on."""
    predictions: tuple[Prediction, ...]
    """How well the time of some of these would have been told by those before them."""
    not_found: pl.DataFrame
    """Known files that were found nowhere: rows of ``files``."""
    notes: tuple[str, ...]


def preview(roots: Sequence[str], settings: Settings, *, is_confirmed: bool = False) -> Preview:
    """What ``refresh`` of ``roots`` would do; ``is_confirmed`` if a person said that what is not there is gone.

    Raises:
        Refused: a root cannot be read, the data folder cannot be written, or the warehouse cannot be opened.
    """
    data = DataFolder(settings.data_dir.absolute())
    progress.reset()
    given = tuple(as_parameter(root) if root else root for root in roots)
    confirmed = tuple((root, sys.maxsize) for root in given) if is_confirmed else ()
    with _staging(data) as staging:
        now = snapshot.fn(str(data.warehouse), str(staging))
        discovery = plan_discovery.fn(str(staging), given, confirmed, settings.discovery)
        progress.begin("discover")
        for batch in discovery.batches:
            with suppress(BatchIncomplete):  # what could not be listed is told by the root's row
                discover.fn(batch, settings.discovery)
        progress.finish("discover")
        folders, confirmed = discovery.folders, discovery.confirmed
        options = settings.flow
        recognition = plan_recognition.fn(str(staging), (), folders, confirmed, settings.probe, options)
        progress.begin("fingerprint", recognition.total_count)
        for batch in recognition.batches:
            with suppress(BatchIncomplete):
                recognise.fn(batch, settings.probe)
        plan: FilePlan = plan_files.fn(
            str(staging), (), (), "preview", folders, confirmed, PARSER_VERSION, engine_versions(settings.probe),
            settings.removal, settings.probe, options, now,
        )  # fmt: skip
        progress.begin("identify", sum(batch.item_count for batch in plan.identify_batches))
        for batch in plan.identify_batches:
            identify.fn(batch, settings.identify)
        matching = plan_matches.fn(str(staging), (), settings.scrape, options, now)
        scraping = plan_scrape.fn(str(staging), (), settings.scrape, options, now)
        files_of_titles = _files_of_titles(staging)
        work = _Work(
            probe=_items(plan.probe_batches),
            hash=_items([batch for of_device in plan.hash_batches for batch in of_device]),
            match=_placed(_items(matching.batches), files_of_titles, "title_key"),
            scrape=_placed(_items(scraping.batches), files_of_titles, "title_id"),
        )
        past = list(lessons(data))
        costs = learnt(past)
        picture_bytes = _picture_bytes(data.warehouse)
        whole, unknown = _expected({}, work, plan.file_count, recognition.total_count, costs, picture_bytes)
        nothing = _Work(*(frame.clear() for frame in (work.probe, work.hash, work.match, work.scrape)))
        # A row for every scope, then those of known roots inside them that are not good; their work is in the scope's.
        walked = [from_parameter(folder) for _, folder in folders]
        shares = [work.below(folder) for folder in walked]
        shares += [nothing] * (len(plan.run_roots) - len(shares))
        parts = [
            _expected(row, share, row["file_count"], 0, costs, picture_bytes)[0]
            for row, share in zip(plan.run_roots, shares, strict=True)
        ]
        return Preview(
            counters=plan.counters,
            roots=tuple(parts),
            whole=whole,
            unknown_stages=tuple(unknown),
            run_count=costs.run_count,
            predictions=tuple(predictions(past[::-1])),
            not_found=_not_found(staging, walked),
            notes=(*discovery.notes, *plan.notes),
        )


@dataclass(frozen=True)
class _Work:
    """Items of the stages; every frame has ``path_bytes``, those of titles the one of their first file."""

    probe: pl.DataFrame
    hash: pl.DataFrame
    match: pl.DataFrame
    scrape: pl.DataFrame

    def below(self, folder: bytes) -> _Work:
        """The items that lie below ``folder``."""
        inside = below(folder)
        return _Work(*(frame.filter(inside) for frame in (self.probe, self.hash, self.match, self.scrape)))


def _items(batches: Sequence[Batch]) -> pl.DataFrame:
    empty = pl.DataFrame(schema={"path_bytes": pl.Binary, "size_bytes": pl.Int64})
    return pl.concat([batch.items() for batch in batches]) if batches else empty


def _files_of_titles(staging: Path) -> pl.DataFrame:
    """``title_key, title_id, path_bytes``: the first file of every title that names speak of."""
    files = pl.concat([read_known(Files, staging=staging), read_staged(Files, staging=staging, stage="plan")])
    return (
        present_identities(staging)
        .select("file_id", "title_key")
        .join(files.unique("file_id", keep="last").select("file_id", "path_bytes"), on="file_id")
        .join(latest_matches(staging).select("title_key", "title_id"), on="title_key", how="left")
        .sort("path_bytes")
    )


def _placed(items: pl.DataFrame, files_of_titles: pl.DataFrame, key: str) -> pl.DataFrame:
    if key not in items.columns:
        return items
    first = files_of_titles.drop_nulls(key).unique(key, keep="first", maintain_order=True)
    return items.join(first.select(key, "path_bytes"), on=key, how="left")


def _expected(
    row: Mapping[str, Any],
    work: _Work,
    file_count: int,
    fingerprint_count: int,
    costs: Costs,
    picture_bytes: float | None,
) -> tuple[RootWork, list[str]]:
    """What the work will come to, and the stages of which no past run tells the time.

    Without past runs a title costs one question and one answer with all its details.
    """
    ratios = costs.ratios
    scraped = work.scrape.height + round(work.match.height * ratios.get("matched", 1.0))
    collections = round(scraped * ratios.get("collections", 0.0))
    pictures = round(scraped * ratios["pictures"]) if "pictures" in ratios else None if scraped else 0
    items = {
        "discover": file_count,
        "fingerprint": fingerprint_count,
        "probe": work.probe.height,
        "hash": work.hash.height,
        "match": work.match.height,
        "scrape": scraped,
        "collections": collections,
        "artwork": pictures or 0,
    }
    wall_s, unknown = expected_s(costs, items)
    has_size = pictures == 0 or (pictures is not None and picture_bytes is not None)
    return RootWork(
        root=dict(row),
        probe_count=work.probe.height,
        probe_bytes=int(work.probe["size_bytes"].sum()),
        hash_bytes=int(work.hash["size_bytes"].sum()),
        call_count=round((work.match.height + scraped + collections) * ratios.get("calls", 1.0)),
        picture_count=pictures,
        download_bytes=round((pictures or 0) * (picture_bytes or 0.0)) if has_size else None,
        wall_s=wall_s,
    ), unknown


def _not_found(staging: Path, folders: Sequence[bytes]) -> pl.DataFrame:
    """Known files below ``folders`` that were not missing and were found nowhere."""
    written = read_staged(Files, staging=staging, stage="plan").select("file_id", "missing_since_at")
    listed = read_staged(Listings, staging=staging, stage="discover").select("path_bytes")
    known = read_known(Files, staging=staging).filter(pl.col("missing_since_at").is_null() & below_any(folders))
    found = written.filter(pl.col("missing_since_at").is_null())
    return known.join(listed, on="path_bytes", how="anti").join(found, on="file_id", how="anti").sort("path_bytes")


@contextmanager
def _staging(data: DataFolder) -> Iterator[Path]:
    """A staging folder that is gone in the end, with every folder that was made for it.

    Raises:
        Refused: the data folder cannot be written.
    """
    staging = data.staging(f"preview-{uuid.uuid4()}")
    missing = [folder for folder in (data.path, staging.parent) if not folder.exists()]
    try:
        staging.mkdir(parents=True)
    except OSError as exc:
        raise Refused(f"the data folder {data.path} cannot be written: {exc.strerror}") from exc
    try:
        yield staging
    finally:
        close_pool()
        shutil.rmtree(staging, ignore_errors=True)
        for folder in reversed(missing):
            with suppress(OSError):
                folder.rmdir()


def _picture_bytes(warehouse: Path) -> float | None:
    """Mean size of the pictures that are known."""
    if not warehouse.exists():
        return None
    with opened_read_only(warehouse) as connection:
        row = connection.execute("SELECT avg(size_bytes) FROM artwork").fetchone()
    return float(row[0]) if row and row[0] is not None else None
