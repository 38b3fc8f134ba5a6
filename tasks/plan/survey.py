"""What a run saw beside what was known, for the steps that decide what became of files. Pure: frames in, values out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from tasks.core.paths import is_below, is_below_any
from tasks.plan.guard import Scope, Seen, below_any, devices_away, doubt_of, innermost, told_by_files, units_of


@dataclass(frozen=True)
class Disk:
    """What discovery has left."""

    scopes: Sequence[Scope]
    listings: pl.DataFrame
    listing_errors: pl.DataFrame
    root_listings: pl.DataFrame


@dataclass(frozen=True)
class Known:
    """What the warehouse held when the run began."""

    files: pl.DataFrame
    roots: pl.DataFrame
    prints: pl.LazyFrame
    """``file_id, fingerprint, content_hash`` as they were measured; not read before it is known of which files."""


@dataclass(frozen=True)
class Survey:
    """What was seen, unit by unit."""

    listed: pl.DataFrame
    """Rows of ``listings``, each path once, in path order."""
    errors: Mapping[bytes, str]
    """Folders that could not be listed, with what the operating system said."""
    looks: Sequence[Seen]
    candidates: pl.DataFrame
    """The known files (columns of ``files``) with ``may_have_moved``: their place was looked at and can be believed, or
    was empty before. What lies in a root that may be away has not moved, whatever a backup of it looks like."""

    @property
    def unit(self) -> pl.Expr:
        """Folder of the unit that ``path_bytes`` belongs to; null outside of the scopes."""
        return innermost(seen.unit.folder for seen in self.looks)

    def with_absent(self, file_ids: Collection[str]) -> Survey:
        """The survey with these candidates marked, too: a look at each of their places found it empty."""
        is_absent = pl.col("file_id").is_in(pl.Series(list(file_ids), dtype=pl.String).implode())
        return replace(
            self, candidates=self.candidates.with_columns(may_have_moved=pl.col("may_have_moved") | is_absent)
        )


def surveyed(disk: Disk, known: Known, confirmed: Collection[bytes]) -> Survey:
    """The survey of ``disk``, where a path that is listed twice counts once.

    Args:
        confirmed: folders of which a person has said that what is not there is gone.
    """
    listed = disk.listings.sort("path_bytes", maintain_order=True)
    listed = listed.filter(pl.col("path_bytes").ne_missing(pl.col("path_bytes").shift(1)))
    errors = dict(disk.listing_errors.select("path_bytes", "reason").iter_rows())
    looks = _looks(disk, known, listed, errors)
    return Survey(listed, errors, looks, _with_may_have_moved(known.files, looks, errors, confirmed))


def _looks(disk: Disk, known: Known, listed: pl.DataFrame, errors: Mapping[bytes, str]) -> list[Seen]:
    roots = known.roots["path_bytes"].to_list()
    units = units_of(disk.scopes, roots)
    unit = innermost(unit.folder for unit in units)
    here = known.files.lazy().filter(pl.col("missing_since_at").is_null()).select("path_bytes", "device")
    listed_in = _counts(listed.lazy(), unit)
    expected_in = _counts(here, unit)
    expected_of_root = _counts(here, innermost({*roots, *(scope.root for scope in disk.scopes)}))
    nothing: tuple[int, frozenset[int]] = (0, frozenset())
    looks = []
    for one in units:
        before = _row(known.roots, one.root)
        if one.is_walked:
            now = _row(disk.root_listings, one.root)
        else:
            assert before is not None  # it is a unit because it is a known root
            now = told_by_files(before, one.folder, listed.filter(unit == one.folder))
        listed_count, listed_devices = listed_in.get(one.folder, nothing)
        expected_count, expected_devices = expected_in.get(one.folder, nothing)
        looks.append(
            Seen(
                unit=one,
                root_before=before,
                root_now=now,
                errors={folder: reason for folder, reason in errors.items() if is_below(folder, one.folder)},
                listed_count=listed_count,
                listed_devices=listed_devices,
                expected_count=expected_count,
                expected_devices=expected_devices,
                root_expected_count=expected_of_root.get(one.root, nothing)[0],
            )
        )
    return looks


def _counts(files: pl.LazyFrame, folder: pl.Expr) -> dict[bytes | None, tuple[int, frozenset[int]]]:
    """By folder the number of its files, and their devices."""
    found = files.group_by(folder=folder).agg(pl.len(), pl.col("device").unique()).collect()
    return {name: (count, frozenset(devices)) for name, count, devices in found.iter_rows()}


def _with_may_have_moved(
    files: pl.DataFrame, looks: Sequence[Seen], errors: Collection[bytes], confirmed: Collection[bytes]
) -> pl.DataFrame:
    is_meant = {seen.unit.folder: is_below_any(seen.unit.folder, confirmed) for seen in looks}
    believed = [seen for seen in looks if is_meant[seen.unit.folder] or doubt_of(seen) is None]
    away = [
        (seen.unit.folder, devices)
        for seen in believed
        if not is_meant[seen.unit.folder] and (devices := devices_away(seen))
    ]
    unit = pl.col("unit")
    is_away = pl.any_horizontal(
        pl.lit(False), *((unit == folder) & pl.col("device").is_in(devices) for folder, devices in away)
    )
    unknown = [folder for folder in errors if not is_meant.get(folder)]
    folders = pl.Series([seen.unit.folder for seen in believed], dtype=pl.Binary)
    return (
        files.with_columns(unit=innermost(seen.unit.folder for seen in looks))
        .with_columns(
            may_have_moved=(unit.is_in(folders.implode()) & ~is_away & ~below_any(unknown)).fill_null(False)
            | pl.col("missing_since_at").is_not_null()
        )
        .drop("unit")
    )


def _row(frame: pl.DataFrame, path_bytes: bytes) -> dict[str, Any] | None:
    rows = frame.filter(pl.col("path_bytes") == path_bytes)
    return rows.row(-1, named=True) if rows.height else None
