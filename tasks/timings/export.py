"""Write the records of a run to one file that other programs read: CSV or Parquet, with the same rows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl

from tasks.core import atomic
from tasks.core.errors import Refused, StorageNotWritable
from tasks.core.units import printable

CSV_TIME = "%Y-%m-%dT%H:%M:%S%.6fZ"
"""How a time stands in CSV, in the words of Polars: ISO 8601 in UTC, microseconds as they are kept."""


def check_targets(*targets: Path | None) -> None:
    """Refuse files that cannot be written or would overwrite each other, before one of them is; ``None`` is none.

    Raises:
        Refused: a target is a folder, no file, or named twice.
    """
    named = [target for target in targets if target is not None]
    for target in named:
        if target.is_dir():
            raise Refused(f"{printable(str(target))} is a folder; name a file in it")
        if target.exists() and not target.is_file():  # it would be replaced, as a whole
            raise Refused(f"{printable(str(target))} is no file that can be written; name another one")
    if len({os.path.realpath(target) for target in named}) < len(named):
        raise Refused(f"{printable(str(named[0]))} is named twice; give each format a file of its own")


def export_csv(frame: pl.DataFrame, target: Path) -> None:
    """Write ``frame`` to ``target`` as CSV: UTF-8, a header, times as ISO 8601 in UTC, nothing for null.

    Raises:
        Refused: ``target`` is a folder, or no file.
        StorageFull: the disk or the quota is full.
        StorageNotWritable: the operating system refuses to write there.
    """
    _export(target, lambda path: frame.write_csv(path, datetime_format=CSV_TIME))


def export_parquet(frame: pl.DataFrame, target: Path) -> None:
    """Write ``frame`` to ``target`` as Parquet, types and nulls included.

    Raises:
        Refused: ``target`` is a folder, or no file.
        StorageFull: the disk or the quota is full.
        StorageNotWritable: the operating system refuses to write there.
    """
    _export(target, lambda path: frame.write_parquet(path, compression="zstd"))


def _export(target: Path, write: Callable[[Path], object]) -> None:
    check_targets(target)
    try:
        with atomic.writing(target) as temporary:
            write(temporary)
    except StorageNotWritable as exc:  # its words are about the data folder
        because = exc.__cause__.strerror if isinstance(exc.__cause__, OSError) else exc
        raise StorageNotWritable(
            f"{printable(str(target))} cannot be written: {because}; name a file in a folder where this user may write"
        ) from exc
