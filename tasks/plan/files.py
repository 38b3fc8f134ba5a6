"""Compare what is on disk with what is known, file by file. Pure: frames in, frames out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from tasks.core import ids
from tasks.schema.files import Files

_DISK_FACTS = ("size_bytes", "mtime_ns", "ctime_ns", "inode", "device", "root", "extension")
"""Columns of ``files`` that a listing brings; a difference in any of them is a row to write."""


@dataclass(frozen=True)
class FileDecisions:
    """What a listing means, given what was known."""

    present: pl.DataFrame
    """All listed files with their ids (columns of ``files``)."""
    rows: pl.DataFrame
    """Rows of ``files`` that are new or differ from what was known, vanished files among them."""
    new_count: int
    changed_count: int
    """Known files whose content changed (size or mtime)."""
    vanished_count: int
    returned_count: int
    """Files that had been missing and are there again."""


def decide_files(
    listings: pl.DataFrame,
    known: pl.DataFrame,
    *,
    scanned_roots: Iterable[bytes],
    unknown_folders: Iterable[bytes],
    now: datetime,
) -> FileDecisions:
    """Give every listed file its id and find the rows of ``files`` that must be written.

    Args:
        listings: rows of ``listings``; a path that stands there twice counts once.
        known: rows of ``files`` as the warehouse has them.
        scanned_roots: roots that were walked in this run. Files of other roots are left alone.
        unknown_folders: folders that could not be listed; what lies below them is unknown, not gone.
        now: time for ``first_seen_at`` and ``missing_since_at``.
    """
    listed = listings.unique("path_bytes", keep="first", maintain_order=True).sort("path_bytes")
    joined = listed.join(
        known.select("path_bytes", "file_id", "first_seen_at", "missing_since_at", pl.all().name.prefix("known_")),
        on="path_bytes",
        how="left",
        maintain_order="left",
    )
    taken = set(known["file_id"].to_list())
    file_ids = [
        known_id if known_id is not None else _fresh_id(path_bytes, taken)
        for path_bytes, known_id in zip(joined["path_bytes"], joined["file_id"], strict=True)
    ]
    is_known = pl.col("known_file_id").is_not_null()
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"known_{name}")) for name in _DISK_FACTS)
    was_missing = is_known & pl.col("missing_since_at").is_not_null()
    changed = is_known & (
        pl.col("size_bytes").ne_missing(pl.col("known_size_bytes"))
        | pl.col("mtime_ns").ne_missing(pl.col("known_mtime_ns"))
    )
    judged = joined.with_columns(
        pl.Series("file_id", file_ids, dtype=pl.String),
        pl.col("first_seen_at").fill_null(now),
        is_new=~is_known,
        is_changed=changed,
        is_returned=was_missing,
        is_written=~is_known | differs | was_missing,
    ).with_columns(pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias("missing_since_at"))
    vanished = _vanished(listed, known, tuple(scanned_roots), tuple(unknown_folders)).with_columns(
        pl.lit(now, dtype=pl.Datetime("us", "UTC")).alias("missing_since_at")
    )
    columns = list(Files.dtypes())
    return FileDecisions(
        present=judged.select(columns),
        rows=pl.concat([judged.filter("is_written").select(columns), vanished.select(columns)]),
        new_count=int(judged["is_new"].sum()),
        changed_count=int(judged["is_changed"].sum()),
        vanished_count=vanished.height,
        returned_count=int(judged["is_returned"].sum()),
    )


def files_to_probe(present: pl.DataFrame, probes: pl.DataFrame) -> pl.DataFrame:
    """The files whose measurement is missing or older than their content, in path order.

    A file is as it was measured when size, mtime and inode are the same. One that could not be read is tried again also
    when its ctime differs: ``chmod`` changes nothing else.
    """
    measured = probes.select(
        "file_id",
        "status",
        pl.col("size_bytes", "mtime_ns", "ctime_ns", "inode").name.prefix("measured_"),
    )
    same_content = pl.all_horizontal(
        pl.col(name).eq_missing(pl.col(f"measured_{name}")) for name in ("size_bytes", "mtime_ns", "inode")
    )
    same_rights = (pl.col("status") == "ok") | pl.col("ctime_ns").eq_missing(pl.col("measured_ctime_ns"))
    return (
        present.join(measured, on="file_id", how="left", maintain_order="left")
        .filter(pl.col("status").is_null() | ~(same_content & same_rights))
        .select(present.columns)
    )


def files_to_identify(present: pl.DataFrame, identities: pl.DataFrame, *, parser_version: str) -> pl.DataFrame:
    """The files whose name has not been read by this version of the parser, in path order."""
    current = identities.filter(pl.col("parser_version") == parser_version).select("file_id", "path")
    return present.join(current, on=["file_id", "path"], how="anti", maintain_order="left")


def with_roots(items: pl.DataFrame, roots: Iterable[bytes]) -> pl.DataFrame:
    """``items`` with ``root_bytes``: the root each path lies under, which names no title."""
    found = pl.lit(None, dtype=pl.Binary)
    for root in roots:
        found = pl.when(_below(root)).then(pl.lit(root)).otherwise(found)
    return items.with_columns(found.alias("root_bytes"))


def present_files(known: pl.DataFrame, written: pl.DataFrame) -> pl.DataFrame:
    """The files of the library that are not missing, after this run's ``written`` rows."""
    return (
        pl.concat([known, written])
        .unique("file_id", keep="last", maintain_order=True)
        .filter(pl.col("missing_since_at").is_null())
    )


def _fresh_id(path_bytes: bytes, taken: set[str]) -> str:
    generation = 0
    while (file_id := ids.file_id(path_bytes, generation=generation)) in taken:
        generation += 1
    taken.add(file_id)
    return file_id


def _vanished(
    listed: pl.DataFrame, known: pl.DataFrame, scanned_roots: tuple[bytes, ...], unknown_folders: tuple[bytes, ...]
) -> pl.DataFrame:
    """Known files of the scanned roots that a complete listing no longer has.

    A root with no file at all says nothing: an unmounted disk looks like that.
    """
    gone = known.filter(pl.col("missing_since_at").is_null()).join(
        listed.select("path_bytes"), on="path_bytes", how="anti", maintain_order="left"
    )
    speaking = [root for root in scanned_roots if listed.filter(_below(root)).height]
    if not gone.height or not speaking:
        return gone.clear()
    inside = pl.any_horizontal(_below(root) for root in speaking)
    silent = pl.any_horizontal(_below(folder) for folder in unknown_folders) if unknown_folders else pl.lit(False)
    return gone.filter(inside & ~silent)


def _below(folder: bytes) -> pl.Expr:
    return pl.col("path_bytes").bin.starts_with(folder.rstrip(b"/") + b"/")
