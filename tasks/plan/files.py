"""Compare what is on disk with what is known, file by file. Pure: frames in, frames out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from tasks.core import ids
from tasks.core.paths import as_text
from tasks.core.settings import RemovalSettings
from tasks.plan.guard import Scope, Seen, Verdict, below, below_any, judge, root_row, speaks_for_itself
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
    confirmed: Collection[bytes] = (),
    now: datetime,
) -> FileDecisions:
    """Give every listed file its id, and find out what became of the others.

    Args:
        disk: what was seen; a path that is listed twice counts once.
        known: what was known. Files outside of the scopes are left alone.
        run_id: run that the events are noted for.
        removal: how much may be missing before a person is asked, and how long rows are kept.
        confirmed: roots of which a person has said that what is not there is gone.
        now: time for ``first_seen_at``, ``missing_since_at`` and the like.
    """
    listed = disk.listings.unique("path_bytes", keep="first", maintain_order=True).sort("path_bytes")
    errors = dict(disk.listing_errors.select("path_bytes", "reason").iter_rows())
    candidates = with_may_have_moved(known.files, disk.scopes, errors, absent=known.absent, confirmed=confirmed)
    found = recognised(listed, candidates, known_prints=known.prints, prints=disk.fingerprints)
    judged = _judged(found, known.files, disk.fingerprints, now)
    not_found = known.files.filter(pl.col("missing_since_at").is_null()).join(
        judged.select("file_id"), on="file_id", how="anti", maintain_order="left"
    )
    looks = [
        _seen(scope, disk, known, listed=listed, errors=errors, not_found=not_found, confirmed=confirmed)
        for scope in disk.scopes
    ]
    verdicts = [judge(seen, removal) for seen in looks]
    vanished = _once(v.gone for v in verdicts).with_columns(
        pl.lit(now, dtype=pl.Datetime("us", "UTC")).alias("missing_since_at")
    )
    renumbered = _once(
        _on_the_new_device(seen) for seen, v in zip(looks, verdicts, strict=True) if speaks_for_itself(seen, v)
    )
    kept = renumbered.join(vanished, on="file_id", how="anti", maintain_order="left")
    purged = _once(
        _outdated(known.files, judged, seen, errors, before=now - timedelta(days=removal.keep_days))
        for seen, verdict in zip(looks, verdicts, strict=True)
        if verdict.may_purge
    )
    columns = list(Files.dtypes())
    return FileDecisions(
        listed=judged.select(columns),
        rows=pl.concat([frame.select(columns) for frame in (judged.filter("is_written"), vanished, kept)]),
        roots=_root_rows(looks, verdicts, now),
        events=_events(run_id, judged, vanished, purged),
        purges=purged.select("file_id") if purged.height else Purges.frame(),
        run_roots=[_run_root(seen, verdict, judged) for seen, verdict in zip(looks, verdicts, strict=True)],
        new_count=int(judged["is_new"].sum()),
        changed_count=int(judged["is_changed"].sum()),
    )


def with_may_have_moved(
    files: pl.DataFrame,
    scopes: Sequence[Scope],
    errors: Collection[bytes],
    *,
    absent: Collection[str] = (),
    confirmed: Collection[bytes] = (),
) -> pl.DataFrame:
    """``files`` with ``may_have_moved``: their place was looked at in this run, or they have been missing before."""
    unknown = [folder for folder in errors if folder not in confirmed]
    looked_at = below_any([scope.folder for scope in scopes]) & ~below_any(unknown)
    return files.with_columns(
        may_have_moved=looked_at
        | pl.col("missing_since_at").is_not_null()
        | pl.col("file_id").is_in(pl.Series(list(absent), dtype=pl.String).implode())
    )


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
    found = pl.lit(None, dtype=pl.Binary)
    for root in roots:
        found = pl.when(below(root)).then(pl.lit(root)).otherwise(found)
    return items.with_columns(found.alias("root_bytes"))


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


def _seen(
    scope: Scope,
    disk: Disk,
    known: Known,
    *,
    listed: pl.DataFrame,
    errors: dict[bytes, str],
    not_found: pl.DataFrame,
    confirmed: Collection[bytes],
) -> Seen:
    inside = below(scope.folder)
    prefix = scope.folder.rstrip(b"/") + b"/"
    here = known.files.filter(pl.col("missing_since_at").is_null())
    return Seen(
        scope=scope,
        root_before=_row(known.roots, scope.root),
        root_now=_row(disk.root_listings, scope.root),
        errors={f: reason for f, reason in errors.items() if f == scope.folder or f.startswith(prefix)},
        listed=listed.filter(inside),
        expected=here.filter(inside),
        root_expected_count=here.filter(below(scope.root)).height,
        not_found=not_found.filter(inside),
        is_confirmed=scope.root in confirmed,
    )


def _row(frame: pl.DataFrame, path_bytes: bytes) -> dict[str, Any] | None:
    rows = frame.filter(pl.col("path_bytes") == path_bytes)
    return rows.row(-1, named=True) if rows.height else None


def _once(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The rows of all frames, each file once: a person may name a root and a folder in it."""
    found = list(frames)
    return pl.concat(found).unique("file_id", maintain_order=True) if found else Files.frame()


def _outdated(
    files: pl.DataFrame, judged: pl.DataFrame, seen: Seen, errors: Collection[bytes], *, before: datetime
) -> pl.DataFrame:
    """Files that were missing before this good look, too, and for long enough."""
    return files.filter(
        (pl.col("missing_since_at") <= before) & below(seen.scope.folder) & ~below_any(list(errors))
    ).join(judged.select("file_id"), on="file_id", how="anti", maintain_order="left")


def _root_rows(looks: Sequence[Seen], verdicts: Sequence[Verdict], now: datetime) -> pl.DataFrame:
    rows = [
        root_row(seen, file_count=seen.listed.height, now=now)
        for seen, verdict in zip(looks, verdicts, strict=True)
        if speaks_for_itself(seen, verdict)
    ]
    return Roots.frame([row for row in rows if row])


def _on_the_new_device(seen: Seen) -> pl.DataFrame:
    """Files that were not found, as rows of the device that their root has now: a boot or a mount may number anew.

    Else they would look like files of another disk for ever.
    """
    if seen.root_before is None or seen.root_now is None or seen.root_before["device"] == seen.root_now["device"]:
        return seen.not_found.clear()
    device = pl.lit(seen.root_now["device"], dtype=pl.UInt64).alias("device")
    return seen.not_found.filter(pl.col("device") == seen.root_before["device"]).with_columns(device)


def _run_root(seen: Seen, verdict: Verdict, judged: pl.DataFrame) -> dict[str, Any]:
    now = seen.root_now
    here = judged.filter(below(seen.scope.folder))
    return {
        "root": as_text(seen.scope.root),
        "folder": as_text(seen.scope.folder),
        "state": verdict.state,
        "reason": verdict.reason,
        "file_count": seen.listed.height,
        "expected_count": seen.expected.height,
        **{f"{what}_count": int(here[f"is_{what}"].sum()) for what in ("new", "changed", "moved")},
        "vanished_count": verdict.gone.height,
        "held_back_count": seen.not_found.height - verdict.gone.height,
        "profile": now["profile"] if now else None,
        "profile_reason": now["profile_reason"] if now else None,
    }


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
