"""Which wanted pictures are on disk already? One rule answers it for plans, reruns and reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tasks.schema.titles import Artwork, ArtworkWanted

_SOURCE = ["provider", "source_path"]
_FILE_COLUMNS = [name for name in Artwork.dtypes() if name not in ArtworkWanted.dtypes()]


def is_kept(data_dir: Path, *, file: str, size_bytes: int) -> bool:
    """Whether the file that is known for a path at a service is there and whole; then that path is not asked for again.

    The same path is the same picture, and a file is named after its content, so its size tells the rest.
    """
    try:
        return (data_dir / file).stat().st_size == size_bytes
    except OSError:
        return False


@dataclass(frozen=True)
class Downloads:
    """What is left to do for the wanted pictures; places that hold theirs are in neither frame."""

    reused: pl.DataFrame
    """Rows of ``artwork`` for places whose picture is there, for another place, of another rank, or from a run that was
    never loaded: no download."""
    missing: pl.DataFrame
    """Rows of ``artwork_wanted`` to download, those of one path one after the other."""


def plan_downloads(
    wanted: pl.DataFrame, known: pl.DataFrame, *, data_dir: Path, unloaded: pl.DataFrame | None = None
) -> Downloads:
    """Compare ``wanted`` (rows of ``artwork_wanted``) with ``known`` (rows of ``artwork``) and with the disk.

    Reads the size of one file for every distinct path.

    Args:
        known: rows that are in the warehouse; a later row replaces an earlier one of its id; several places may have
            the same picture.
        unloaded: rows of runs that ended before they could load them: their pictures are there, and a place that has
            one still lacks its row.
    """
    known = known.unique("artwork_id", keep="last", maintain_order=True)
    all_known = known if unloaded is None else pl.concat([unloaded, known])
    files = all_known.unique(_SOURCE, keep="last", maintain_order=True).join(wanted, on=_SOURCE, how="semi")
    there = [is_kept(data_dir, file=file, size_bytes=size) for file, size in files.select("file", "size_bytes").rows()]
    kept = files.filter(pl.Series(there, dtype=pl.Boolean)).select(*_SOURCE, *_FILE_COLUMNS)
    in_place = known.join(kept, on=[*_SOURCE, "file"], how="semi").select("artwork_id", *_SOURCE)
    changed = wanted.join(in_place, on=["artwork_id", *_SOURCE], how="anti", maintain_order="left")
    return Downloads(
        reused=changed.join(kept, on=_SOURCE, how="inner", maintain_order="left").select(list(Artwork.dtypes())),
        missing=changed.join(kept, on=_SOURCE, how="anti").sort(*_SOURCE, "artwork_id"),
    )
