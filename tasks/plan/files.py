"""Compare what is on disk with what is known, file by file. Pure: frames in, frames out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from tasks.core import ids
from tasks.core.paths import as_text
from tasks.core.settings import RemovalSettings
from tasks.plan.guard import (
    Scope,
    Seen,
    Verdict,
    below,
    below_any,
    devices_away,
    doubt_of,
    innermost,
    judge,
    root_row,
    speaks_for_itself,
    told_by_files,
    units_of,
)
from tasks.plan.recognise import recognised
from tasks.schema.files import Files, Purges, Roots
from tasks.schema.runs import FileEvents

_DISK_FACTS = ("path", "size_bytes", "mtime_ns", "ctime_ns", "inode", "device", "root", "extension")
"""Columns of ``files`` that a listing brings; a difference in any of them is a row to write."""
_CONTENT = ("size_bytes", "mtime_ns", "inode")
"""While these are as they were, what was read of the content stands."""


@dataclass(frozen=True)
class Disk:
    """What a run saw: the rows that discovery (and the reading of fingerprints) has left."""

    scopes: Sequence[Scope]
    listings: pl.DataFrame
    listing_errors: pl.DataFrame
    root_listings: pl.DataFrame
    fingerprints: pl.DataFrame


@dataclass(frozen=True)
class Known:
    """What the warehouse held when the run began."""

    files: pl.DataFrame
    roots: pl.DataFrame
    prints: pl.DataFrame
    """``file_id, fingerprint, content_hash`` as they were measured."""
    absent: Collection[str] = ()
    """Ids of files outside of the scopes of which a look has shown that they are not there."""


@dataclass(frozen=True)
class FileDecisions:
    """What a listing means, given what was known."""

    listed: pl.DataFrame
    """All listed files with their ids (columns of ``files``), in path order."""
    rows: pl.DataFrame
    """Rows of ``files`` that are new or differ from what was known, vanished files among them."""
    roots: pl.DataFrame
    """Rows of ``roots`` that are new or differ."""
    events: pl.DataFrame
    """Rows of ``file_events``."""
    purges: pl.DataFrame
    """Rows of ``purges``."""
    run_roots: list[dict[str, Any]]
    """Rows of ``run_roots`` without their run."""
    new_count: int
    changed_count: int
    """Files with other content (size or mtime) in their place."""


def decide_files(
    disk: Disk,
    known: Known,
    *,
    run_id: str,
    removal: RemovalSettings,
    confirmed: Mapping[bytes, int] | None = None,
    now: datetime,
) -> FileDecisions:
    """Give every listed file its id, and find out what became of the others.

    Args:
        disk: what was seen; a path that is listed twice counts once.
        known: what was known. Files outside of the scopes are left alone.
        run_id: run that the events are noted for.
        removal: how much may be missing before a person is asked, and how long rows are kept.
        confirmed: folders of which a person has said that what is not there is gone, with the number of files that the
            person was shown: when more are missing, nothing is confirmed.
        now: time for ``first_seen_at``, ``missing_since_at`` and the like.
    """
    listed = disk.listings.unique("path_bytes", keep="first", maintain_order=True).sort("path_bytes")
    errors = dict(disk.listing_errors.select("path_bytes", "reason").iter_rows())
    looks = _looks(disk, known, listed, errors)
    confirmed = confirmed or {}
    candidates = _with_may_have_moved(known, looks, errors, confirmed)
    found = recognised(listed, candidates, known_prints=known.prints, prints=disk.fingerprints)
    judged = _judged(found, known.files, disk.fingerprints, now)
    nowhere = known.files.filter(pl.col("missing_since_at").is_null()).join(
        judged.select("file_id"), on="file_id", how="anti", maintain_order="left"
    )
    meant = [folder for folder, count in confirmed.items() if nowhere.filter(below(folder)).height <= count]
    not_found = [nowhere.join(seen.expected.select("file_id"), on="file_id", how="semi") for seen in looks]
    verdicts = [
        judge(seen, missing, removal, is_confirmed=_is_within(seen.unit.folder, meant))
        for seen, missing in zip(looks, not_found, strict=True)
    ]
    vanished = _once(v.gone for v in verdicts).with_columns(
        pl.lit(now, dtype=pl.Datetime("us", "UTC")).alias("missing_since_at")
    )
    accepted = [
        (seen, missing)
        for seen, missing, verdict in zip(looks, not_found, verdicts, strict=True)
        if speaks_for_itself(seen, verdict, not_found_count=missing.height)
    ]
    renumbered = _once(_on_the_new_device(seen, missing) for seen, missing in accepted)
    kept = renumbered.join(vanished, on="file_id", how="anti", maintain_order="left")
    outdated = known.files.filter(pl.col("missing_since_at") <= now - timedelta(days=removal.keep_days))
    purged = _once(
        outdated.filter(
            innermost(seen.unit.folder for seen in looks) == seen.unit.folder, ~below_any(list(errors))
        ).join(judged.select("file_id"), on="file_id", how="anti", maintain_order="left")
        for seen, verdict in zip(looks, verdicts, strict=True)
        if verdict.may_purge
    )
    columns = list(Files.dtypes())
    return FileDecisions(
        listed=judged.select(columns),
        rows=pl.concat([frame.select(columns) for frame in (judged.filter("is_written"), vanished, kept)]),
        roots=Roots.frame([row for seen, _ in accepted if (row := root_row(seen, now=now))]),
        events=_events(run_id, judged, vanished, purged),
        purges=purged.select("file_id") if purged.height else Purges.frame(),
        run_roots=_run_roots(looks, verdicts, not_found, judged),
        new_count=int(judged["is_new"].sum()),
        changed_count=int(judged["is_changed"].sum()),
    )


def with_may_have_moved(disk: Disk, known: Known, confirmed: Mapping[bytes, int]) -> pl.DataFrame:
    """``known.files`` with ``may_have_moved``: their place was looked at and can be believed, or was empty before.

    What lies in a root that may be away has not moved, whatever a backup of it looks like.
    """
    listed = disk.listings.unique("path_bytes", keep="first", maintain_order=True)
    errors = dict(disk.listing_errors.select("path_bytes", "reason").iter_rows())
    return _with_may_have_moved(known, _looks(disk, known, listed, errors), errors, confirmed)


def _with_may_have_moved(
    known: Known, looks: Sequence[Seen], errors: Collection[bytes], confirmed: Mapping[bytes, int]
) -> pl.DataFrame:
    is_meant = {seen.unit.folder: _is_within(seen.unit.folder, confirmed) for seen in looks}
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
        known.files.with_columns(unit=innermost(seen.unit.folder for seen in looks))
        .with_columns(
            may_have_moved=(unit.is_in(folders.implode()) & ~is_away & ~below_any(unknown)).fill_null(False)
            | pl.col("missing_since_at").is_not_null()
            | pl.col("file_id").is_in(pl.Series(list(known.absent), dtype=pl.String).implode())
        )
        .drop("unit")
    )


def _looks(disk: Disk, known: Known, listed: pl.DataFrame, errors: Mapping[bytes, str]) -> list[Seen]:
    """What was seen of every unit."""
    roots = known.roots["path_bytes"].to_list()
    units = units_of(disk.scopes, roots)
    unit = innermost(unit.folder for unit in units)
    listed_in = listed.with_columns(unit=unit)
    here = known.files.filter(pl.col("missing_since_at").is_null()).with_columns(
        unit=unit, whole_root=innermost({*roots, *(scope.root for scope in disk.scopes)})
    )
    counts = dict(here.group_by("whole_root").len().iter_rows())
    looks = []
    for one in units:
        prefix = one.folder.rstrip(b"/") + b"/"
        there = listed_in.filter(pl.col("unit") == one.folder).drop("unit")
        before = _row(known.roots, one.root)
        now = _row(disk.root_listings, one.root) if one.is_walked else told_by_files(before or {}, one.folder, there)
        looks.append(
            Seen(
                unit=one,
                root_before=before,
                root_now=now,
                errors={f: reason for f, reason in errors.items() if f == one.folder or f.startswith(prefix)},
                listed=there,
                expected=here.filter(pl.col("unit") == one.folder).drop("unit", "whole_root"),
                root_expected_count=counts.get(one.root, 0),
            )
        )
    return looks


def _is_within(folder: bytes, others: Iterable[bytes]) -> bool:
    return any(folder == other or folder.startswith(other.rstrip(b"/") + b"/") for other in others)


def files_to_probe(
    present: pl.DataFrame, probes: pl.DataFrame, *, engine_versions: Collection[str] | None = None
) -> pl.DataFrame:
    """The files whose measurement is missing or older than their content, in path order.

    A file is as it was measured when size, mtime and inode are the same, or when it was recognised by its fingerprint.
    One that could not be read is tried again also when its ctime differs: ``chmod`` changes nothing else.

    Args:
        present: rows of ``files``.
        probes: rows of ``probes`` as they were known.
        engine_versions: measurements by other versions are made anew; ``None`` where any version does.
    """
    measured = probes.select(
        "file_id",
        "status",
        "fingerprint",
        "engine_version",
        pl.col("size_bytes", "mtime_ns", "ctime_ns", "inode").name.prefix("measured_"),
    )
    same_facts = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"measured_{name}")) for name in _CONTENT)
    same_print = (pl.col("seen_fingerprint") == pl.col("fingerprint")).fill_null(False)
    same_rights = (pl.col("status") == "ok") | pl.col("ctime_ns").eq_missing(pl.col("measured_ctime_ns"))
    is_current = (same_facts | same_print) & same_rights
    if engine_versions is not None:
        is_current &= pl.col("engine_version").is_in(list(engine_versions))
    return (
        present.join(measured, on="file_id", how="left", maintain_order="left")
        .filter(pl.col("status").is_null() | ~is_current)
        .select(present.columns)
    )


def files_to_hash(present: pl.DataFrame, hashes: pl.DataFrame) -> pl.DataFrame:
    """The files whose content has no hash, or one that is older than the content, by device, then in path order."""
    hashed = hashes.select("file_id", "content_hash", pl.col(*_CONTENT).name.prefix("hashed_"))
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"hashed_{name}")) for name in _CONTENT)
    return (
        present.join(hashed, on="file_id", how="left", maintain_order="left")
        .filter(pl.col("content_hash").is_null() | ~same)
        .select(present.columns)
        .sort("device", "path_bytes")
    )


def files_to_identify(present: pl.DataFrame, identities: pl.DataFrame, *, parser_version: str) -> pl.DataFrame:
    """The files whose name has not been read by this version of the parser, in path order."""
    current = identities.filter(pl.col("parser_version") == parser_version).select("file_id", "path")
    return present.join(current, on=["file_id", "path"], how="anti", maintain_order="left")


def with_roots(items: pl.DataFrame, roots: Iterable[bytes]) -> pl.DataFrame:
    """``items`` with ``root_bytes``: the root each path lies under, which names no title."""
    return items.with_columns(innermost(roots).alias("root_bytes"))


def present_files(known: pl.DataFrame, written: pl.DataFrame) -> pl.DataFrame:
    """The files of the library that are not missing, after this run's ``written`` rows."""
    return (
        pl.concat([known, written])
        .unique("file_id", keep="last", maintain_order=True)
        .filter(pl.col("missing_since_at").is_null())
    )


def _judged(found: pl.DataFrame, files: pl.DataFrame, prints: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Every listed file with all columns of ``files``, those that were known (``known_...``), and what it is."""
    taken = set(files["file_id"].to_list())
    file_ids = [
        known_id if known_id is not None else _fresh_id(path_bytes, taken)
        for path_bytes, known_id in zip(found["path_bytes"], found["file_id"], strict=True)
    ]
    read = ["path_bytes", "size_bytes", "mtime_ns", "inode"]
    joined = (
        found.with_columns(pl.Series("file_id", file_ids, dtype=pl.String))
        .join(
            files.select("file_id", "first_seen_at", pl.exclude("file_id", "first_seen_at").name.prefix("known_")),
            on="file_id",
            how="left",
            maintain_order="left",
        )
        .join(prints.select(*read, "fingerprint"), on=read, how="left", maintain_order="left")
    )
    is_new = pl.col("known_path_bytes").is_null()
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"known_{name}")) for name in _DISK_FACTS)
    same_content = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"known_{name}")) for name in _CONTENT)
    still_read = pl.when(same_content).then(pl.col("known_seen_fingerprint"))
    return (
        joined.with_columns(
            pl.col("first_seen_at").fill_null(now),
            is_new=is_new,
            is_moved=~is_new & (pl.col("path_bytes") != pl.col("known_path_bytes")),
            is_changed=~is_new
            & (pl.col("path_bytes") == pl.col("known_path_bytes"))
            & (
                pl.col("size_bytes").ne_missing(pl.col("known_size_bytes"))
                | pl.col("mtime_ns").ne_missing(pl.col("known_mtime_ns"))
            ),
            is_returned=~is_new & pl.col("known_missing_since_at").is_not_null(),
            seen_fingerprint=pl.coalesce("fingerprint", still_read),
        )
        .with_columns(
            pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias("missing_since_at"),
            is_written=pl.col("is_new")
            | differs
            | pl.col("is_returned")
            | pl.col("seen_fingerprint").ne_missing(pl.col("known_seen_fingerprint")),
        )
        .sort("path_bytes")
    )


def _fresh_id(path_bytes: bytes, taken: set[str]) -> str:
    generation = 0
    while (file_id := ids.file_id(path_bytes, generation=generation)) in taken:
        generation += 1
    taken.add(file_id)
    return file_id


def _row(frame: pl.DataFrame, path_bytes: bytes) -> dict[str, Any] | None:
    rows = frame.filter(pl.col("path_bytes") == path_bytes)
    return rows.row(-1, named=True) if rows.height else None


def _once(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The rows of all frames, each file once: a person may name a root and a folder in it."""
    found = list(frames)
    return pl.concat(found).unique("file_id", maintain_order=True) if found else Files.frame()


def _on_the_new_device(seen: Seen, not_found: pl.DataFrame) -> pl.DataFrame:
    """Files that were not found, as rows of the device that their root has now: a boot or a mount may number anew.

    Else they would look like files of another disk for ever. Those of another disk, whose number the root has now,
    would look like the root's own: they get number 0, which no root has.
    """
    if seen.root_before is None or seen.root_now is None or seen.root_before["device"] == seen.root_now["device"]:
        return not_found.clear()
    new, device = seen.root_now["device"], pl.col("device")
    return not_found.filter(device.is_in([seen.root_before["device"], new])).with_columns(
        pl.when(device == new).then(0).otherwise(new).cast(pl.UInt64).alias("device")
    )


def _run_roots(
    looks: Sequence[Seen], verdicts: Sequence[Verdict], not_found: Sequence[pl.DataFrame], judged: pl.DataFrame
) -> list[dict[str, Any]]:
    """Rows of ``run_roots``; a known root inside a walked folder has one where it is not good."""
    here = judged.with_columns(unit=innermost(seen.unit.folder for seen in looks))
    rows = []
    for seen, verdict, missing in zip(looks, verdicts, not_found, strict=True):
        if not seen.unit.is_walked and verdict.state == "good":
            continue
        inside = here.filter(pl.col("unit") == seen.unit.folder)
        now = seen.root_now
        rows.append(
            {
                "root": as_text(seen.unit.root),
                "folder": as_text(seen.unit.folder),
                "state": verdict.state,
                "reason": verdict.reason,
                "file_count": seen.listed.height,
                "expected_count": seen.expected.height,
                **{f"{what}_count": int(inside[f"is_{what}"].sum()) for what in ("new", "changed", "moved")},
                "vanished_count": verdict.gone.height,
                "held_back_count": missing.height - verdict.gone.height,
                "profile": now["profile"] if now else None,
                "profile_reason": now["profile_reason"] if now else None,
            }
        )
    return rows


def _events(run_id: str, judged: pl.DataFrame, vanished: pl.DataFrame, purged: pl.DataFrame) -> pl.DataFrame:
    """What happened to known files; what replaces and what was replaced is compared once both are measured."""
    sizes = {"earlier_size_bytes": pl.col("known_size_bytes"), "size_bytes": pl.col("size_bytes")}
    moved_from = pl.when("is_moved").then(pl.col("known_path"))
    found = [
        judged.filter("is_returned").select(
            "file_id", "path", "proof", event=pl.lit("returned"), earlier_path=moved_from, **sizes
        ),
        judged.filter(pl.col("is_moved") & ~pl.col("is_returned")).select(
            "file_id", "path", "proof", event=pl.lit("moved"), earlier_path=moved_from, **sizes
        ),
        judged.filter(pl.col("is_changed") & ~pl.col("is_returned")).select(
            "file_id", "path", "proof", event=pl.lit("replaced"), **sizes
        ),
        *(
            gone.select("file_id", "path", event=pl.lit(event), earlier_size_bytes="size_bytes")
            for event, gone in (("vanished", vanished), ("purged", purged))
        ),
    ]
    rows = pl.concat(found, how="diagonal").with_columns(run_id=pl.lit(run_id))
    missing = {name: dtype for name, dtype in FileEvents.dtypes().items() if name not in rows.columns}
    return rows.with_columns(pl.lit(None, dtype=dtype).alias(name) for name, dtype in missing.items()).select(
        list(FileEvents.dtypes())
    )
