"""Which of the listed files is which of the known ones? Pure: frames in, frames out.

A listed file is a known one, and keeps its id with all that is known of it, by the first of these that holds:

1. ``path`` and inode are the same: most files, every night.
2. ``inode``, size and mtime are those of a known file that is no longer where it was: moved or renamed on its disk.
3. ``path`` is the same: other content was put in its place, or the file system has numbered its inodes anew.
4. ``fingerprint`` and size, and the hash of the content where it is known, are those of a known file that is gone:
   moved to another disk.

Nothing is guessed: a file whose place could not be looked at keeps its id for itself.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

_INODE = ["inode", "size_bytes", "mtime_ns"]
_PRINT = ["size_bytes", "fingerprint"]


def recognised(
    listed: pl.DataFrame, known: pl.DataFrame, *, known_prints: pl.LazyFrame, prints: pl.DataFrame
) -> pl.DataFrame:
    """``listed`` with ``file_id`` and ``proof`` (inode, path, fingerprint, content hash); both null for a new file.

    Args:
        listed: rows of ``listings``, each path once.
        known: rows of ``files``, and ``may_have_moved``: its place was looked at, and it is not there.
        known_prints: ``file_id, fingerprint, content_hash`` as they were measured; those of few files are read.
        prints: rows of ``fingerprints`` that were read in this run.
    """
    place = _by_place(listed, known)
    by_print = _paired(_with_prints(place.new, prints), _with_known_prints(place.gone, known_prints), by=_PRINT)
    same_content = pl.col("content_hash") == pl.col("known_content_hash")
    certain = by_print.filter(same_content.fill_null(True)).select(
        "path_bytes",
        "file_id",
        proof=pl.when(same_content.fill_null(False)).then(pl.lit("content hash")).otherwise(pl.lit("fingerprint")),
    )
    paths, found = listed.select("path_bytes"), pl.concat([place.found, certain])
    told = paths.join(found, on="path_bytes", how="left", maintain_order="left")
    if told.height == listed.height:  # beside the columns there are, not a copy of all of them
        return listed.hstack(told.drop("path_bytes"))
    return listed.join(told, on="path_bytes", how="left", maintain_order="left")


def to_fingerprint(listed: pl.DataFrame, known: pl.DataFrame, *, known_prints: pl.LazyFrame) -> pl.DataFrame:
    """The listed files that must be read to be recognised, in path order, with ``is_whole``.

    New ones with the size of a file that is gone, and those that lie where they lay, as large and as old, but under
    another inode. ``is_whole`` where the whole content of the known file was hashed.
    """
    place = _by_place(listed, known)
    gone = _with_known_prints(place.gone, known_prints).filter(pl.col("fingerprint").is_not_null())
    moved = place.new.join(
        gone.group_by("size_bytes").agg(pl.col("is_hashed").any().alias("is_whole")), on="size_bytes"
    )
    replaced = _with_known_prints(known.join(place.replaced, on="file_id", how="semi"), known_prints)
    renumbered = (
        listed.join(place.replaced, on="path_bytes")
        .join(replaced.filter(pl.col("fingerprint").is_not_null()), on=["file_id", "size_bytes", "mtime_ns"])
        .with_columns(is_whole=pl.lit(False))
    )
    columns = [*listed.columns, "is_whole"]
    return pl.concat([moved.select(columns), renumbered.select(columns)]).sort("path_bytes")


def elsewhere(listed: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The ``known`` files that a listed file under another path has device, inode, size and mtime of.

    Where such a file's own place was not listed, one look there tells whether it was moved from there.
    """
    same = ["device", *_INODE]
    if not known.height:  # as a rule; else all that was listed would be looked through
        return known
    one_of_these = pl.col("inode").is_in(known["inode"].implode())
    seen = listed.lazy().filter(one_of_these).select(same).unique().collect()
    there = known.filter(pl.col("inode") > 0).join(seen, on=same, how="semi")
    return there.join(listed.select("path_bytes"), on="path_bytes", how="anti", maintain_order="left")


class _ByPlace(NamedTuple):
    found: pl.DataFrame
    """``path_bytes, file_id, proof``"""
    replaced: pl.DataFrame
    """Of these ``path_bytes, file_id`` of those that lie where they lay, under another inode."""
    new: pl.DataFrame
    """Rows of ``listings`` that are none of the known files, as far as that can be told without reading."""
    gone: pl.DataFrame
    """Known files that may have moved and were not found."""


def _by_place(listed: pl.DataFrame, known: pl.DataFrame) -> _ByPlace:
    """What needs no reading."""
    # Joined by one column: by several a copy of all their values is made first.
    unmoved = (
        listed.select("path_bytes", "inode")
        .join(known.select("path_bytes", "file_id", known_inode="inode"), on="path_bytes")
        .filter(pl.col("inode") == pl.col("known_inode"))
        .select("path_bytes", "file_id")
    )
    new, gone = _rest(listed, known, unmoved)
    moved = _paired(new.filter(pl.col("inode") > 0), gone.filter("may_have_moved"), by=_INODE)
    new, gone = _rest(new, gone, moved)
    replaced = new.select("path_bytes").join(gone.select("path_bytes", "file_id"), on="path_bytes")
    new, gone = _rest(new, gone, replaced)
    pairs = ["path_bytes", "file_id"]
    found = pl.concat(
        [
            unmoved.select(*pairs, proof=pl.lit("path")),
            moved.select(*pairs, proof=pl.lit("inode")),
            replaced.select(*pairs, proof=pl.lit("path")),
        ]
    )
    return _ByPlace(found, replaced, new, gone.filter("may_have_moved"))


def _rest(new: pl.DataFrame, gone: pl.DataFrame, found: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    if not found.height:  # a join would copy all of them
        return new, gone
    return (
        new.join(found, on="path_bytes", how="anti", maintain_order="left"),
        gone.join(found, on="file_id", how="anti", maintain_order="left"),
    )


def _paired(new: pl.DataFrame, gone: pl.DataFrame, *, by: list[str]) -> pl.DataFrame:
    """Pairs of rows that agree in ``by``, one to one: ``path_bytes``, ``file_id`` and the columns of both sides.

    Several files may agree (hard links, copies): those that also agree in device and name go together first, then in
    the order of their paths, so that a renamed folder keeps each file's own id.
    """
    paired = []
    if not (new.height and gone.height):  # the first run, or one after which nothing is gone
        new, gone = new.clear(), gone.clear()
    new = _named(new.select(*by, "device", "path_bytes", "^content_hash$"), "path_bytes")
    gone = _named(gone.select(*by, "device", "file_id", "^known_content_hash$", known_path="path_bytes"), "known_path")
    for further in (["device", "name"], ["name"], ["device"], []):
        keys = [*by, *further]
        found = _numbered(new, keys, "path_bytes").join(_numbered(gone, keys, "known_path"), on=[*keys, "number"])
        paired.append(found.select("path_bytes", "file_id", pl.col("^(known_)?content_hash$")))
        new = new.join(found, on="path_bytes", how="anti")
        gone = gone.join(found, on="file_id", how="anti")
    return pl.concat(paired)


def _named(frame: pl.DataFrame, path: str) -> pl.DataFrame:
    names = [path_bytes.rpartition(b"/")[2] for path_bytes in frame[path]]
    return frame.with_columns(pl.Series("name", names, dtype=pl.Binary))


def _numbered(frame: pl.DataFrame, keys: list[str], order: str) -> pl.DataFrame:
    return frame.sort(order).with_columns(pl.int_range(pl.len()).over(keys).alias("number"))


def _with_prints(new: pl.DataFrame, prints: pl.DataFrame) -> pl.DataFrame:
    """Those of ``new``, with fingerprint and content hash, of which what was read is still what was listed."""
    read = ["path_bytes", "size_bytes", "mtime_ns"]
    return new.join(prints.select(*read, "fingerprint", "content_hash"), on=read)


def _with_known_prints(known: pl.DataFrame, known_prints: pl.LazyFrame) -> pl.DataFrame:
    of_these = known_prints.filter(pl.col("file_id").is_in(known["file_id"].implode())).collect()
    return known.join(
        of_these.select("file_id", "fingerprint", known_content_hash="content_hash"), on="file_id", how="left"
    ).with_columns(is_hashed=pl.col("known_content_hash").is_not_null())
