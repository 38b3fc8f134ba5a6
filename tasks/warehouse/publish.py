"""Replace the warehouse as a whole: copy, change the copy in one transaction, flush it to disk, rename it.

Readers are neither blocked nor broken: they keep the file they have opened until they open it again. Until the rename,
a crash, a full disk or an error leaves the old file as it was, and the next publish clears away what is left beside it.
Whoever calls holds the lock (``lock.holding``).
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb

from tasks.core import atomic
from tasks.core.errors import StorageFull
from tasks.core.settings import WarehouseSettings
from tasks.core.stopwatch import span
from tasks.core.units import human_size
from tasks.warehouse.connect import explaining, opened_for_writing, refuse_unusable

_MARGIN_BYTES = 8 * 1024**2
_CANNOT_CLONE = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


@contextmanager
def publishing(
    warehouse: Path, *, settings: WarehouseSettings, incoming_bytes: int = 0
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection to a copy of ``warehouse``, inside a transaction; it takes its place when the block ends well.

    Tables and views that a person has added to the warehouse are in the copy, too. Where there is no warehouse, the
    database is empty.

    Args:
        incoming_bytes: size of what will be loaded, to see before any work whether it has room.

    Raises:
        StorageFull: there is not enough space; the old warehouse is untouched.
        WarehouseDamaged: the old one cannot be read.
        WarehouseTooNew: the old one was written by a newer DuckDB.
        WarehouseBusy: another program has written to it and left changes that only it can bring in.
    """
    warehouse = warehouse.resolve()  # a link stays a link: its target is replaced
    refuse_unusable(warehouse)
    prefix = f"{atomic.TEMPORARY_PREFIX}publish-{warehouse.name}-"
    with explaining(warehouse):
        warehouse.parent.mkdir(parents=True, exist_ok=True)
        for leftover in warehouse.parent.glob(f"{prefix}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        _bring_in_wal(warehouse)
        _require_space(warehouse, incoming_bytes)
        folder = warehouse.parent / f"{prefix}{secrets.token_hex(6)}"
        folder.mkdir()
        try:
            copy = folder / warehouse.name
            if warehouse.exists():
                with span("warehouse.copy", bytes=warehouse.stat().st_size):
                    _copy(warehouse, copy)
            with opened_for_writing(copy, settings=settings, spill=folder / "spill") as connection:
                connection.begin()
                yield connection
                with span("warehouse.commit", threads=settings.threads, memory_bytes=settings.memory_bytes):
                    connection.commit()
                    connection.execute("CHECKPOINT").fetchall()
            with span("warehouse.swap", bytes=copy.stat().st_size):
                with copy.open("rb") as written:
                    os.fsync(written.fileno())
                copy.replace(warehouse)
                atomic.fsync_folder(warehouse.parent)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _bring_in_wal(warehouse: Path) -> None:
    """Fold in what another program has written to the warehouse and not yet moved from its log into the file.

    We leave no log. Where there is one, copying the file alone would lose changes, and a log that lies beside a new
    file does not belong to it.
    """
    if warehouse.exists() and warehouse.with_name(f"{warehouse.name}.wal").exists():
        with closing(duckdb.connect(str(warehouse))) as connection:
            connection.execute("CHECKPOINT").fetchall()


def _require_space(warehouse: Path, incoming_bytes: int) -> None:
    # DuckDB takes up to twice the size of the Parquet files: old and new rows lie side by side until the next load.
    needed = (warehouse.stat().st_size if warehouse.exists() else 0) + 2 * incoming_bytes + _MARGIN_BYTES
    free = shutil.disk_usage(warehouse.parent).free
    if free < needed:
        raise StorageFull(
            f"publishing {warehouse} needs about {human_size(needed)} for its copy and {human_size(free)} are free; "
            "the warehouse is as it was; free some and run again"
        )


def _copy(source: Path, target: Path) -> None:
    """Copy a file; ``copy_file_range`` costs nothing on file systems whose files can share blocks (btrfs, xfs)."""
    if hasattr(os, "copy_file_range"):
        try:
            with source.open("rb") as reader, target.open("wb") as writer:
                while os.copy_file_range(reader.fileno(), writer.fileno(), 2**30):
                    pass
        except OSError as exc:
            if exc.errno not in _CANNOT_CLONE:
                raise
        else:
            shutil.copymode(source, target)
            return
    shutil.copyfile(source, target)
    shutil.copymode(source, target)
