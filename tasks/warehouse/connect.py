"""Open the warehouse, and say in words for people what is wrong when that fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb

from tasks.core import atomic
from tasks.core.errors import (
    RefreshError,
    Refused,
    StorageFull,
    WarehouseBusy,
    WarehouseDamaged,
    WarehouseMissing,
    WarehouseTooNew,
)
from tasks.core.settings import WarehouseSettings
from tasks.core.units import printable

_DAMAGE = ("not a valid DuckDB database file", "Could not read enough bytes", "Corrupt database file")
"""DuckDB has no class of its own for this; the words are those of version 2.0 (tests/warehouse/test_connect.py)."""


@contextmanager
def opened_read_only(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection, in UTC. It shows the file as it was when it was opened, whatever is published meanwhile.

    Raises:
        WarehouseMissing: there is no file.
        WarehouseDamaged: the file is no DuckDB database, or a damaged one.
        WarehouseTooNew: the file was written by a newer DuckDB.
        WarehouseBusy: another program has it open for writing.
        Refused: the operating system does not let us read it.
    """
    _must_be_readable(warehouse)
    # No settings here: DuckDB refuses a second connection to a file in one process if they differ.
    with explaining(warehouse), closing(duckdb.connect(str(warehouse), read_only=True)) as connection:
        connection.execute("SET TimeZone = 'UTC'").fetchall()
        yield connection


@contextmanager
def opened_for_writing(
    database: Path, *, settings: WarehouseSettings, spill: Path
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that may write to ``database``, which is made if it is not there.

    Args:
        spill: folder for what does not fit into the memory of the settings.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": settings.threads,
        "memory_limit": f"{settings.memory_bytes // 1024}KiB",
        "temp_directory": str(spill),
    }
    with closing(duckdb.connect(str(database), config=config)) as connection:
        connection.execute("SET TimeZone = 'UTC'").fetchall()
        yield connection


@contextmanager
def explaining(warehouse: Path) -> Iterator[None]:
    """Turn errors of DuckDB and the operating system that mean something to a person into errors of the house."""
    try:
        yield
    except (duckdb.Error, OSError) as exc:
        explained = _explained(exc, warehouse)
        if explained is None:
            raise
        raise explained from exc


def _explained(exc: Exception, warehouse: Path) -> RefreshError | None:
    text = str(exc)
    if atomic.says_full(exc):
        return StorageFull(f"no space left for {warehouse}, which is as it was; free some and run again")
    if not isinstance(exc, duckdb.Error):
        return None
    if "Could not set lock on file" in text:
        return WarehouseBusy(f"another program has {warehouse} open for writing; close it there and run again: {text}")
    if "created with a newer version of DuckDB" in text:
        return WarehouseTooNew(f"{warehouse} was written by a newer DuckDB than {duckdb.__version__}; update reelhouse")
    if any(words in text for words in _DAMAGE) or isinstance(
        exc, duckdb.FatalException | duckdb.SerializationException
    ):
        return damaged(warehouse, text.partition("\n")[0])
    return None


def refuse_unusable(warehouse: Path) -> None:
    """Stop before any work where DuckDB could not write.

    Raises:
        Refused: the path is no UTF-8; or there is a question mark in it: DuckDB puts the name of its log before it, as
            in an address.
    """
    _must_be_utf8(warehouse)
    if "?" in str(warehouse):
        raise Refused(
            f"DuckDB cannot write to a path with a question mark in it: {warehouse}; choose another data folder"
        )


def damaged(warehouse: Path, reason: str) -> WarehouseDamaged:
    """The error for a file that cannot be used, with what to do about it."""
    return WarehouseDamaged(
        f"{warehouse} cannot be read as a warehouse: {reason}. Move it away (mv '{warehouse}' '{warehouse}.damaged'); "
        "the next refresh builds a new one, without new calls where answers are kept"
    )


def _must_be_utf8(warehouse: Path) -> None:
    try:
        str(warehouse).encode()
    except UnicodeEncodeError as exc:
        shown = printable(str(warehouse))
        raise Refused(f"DuckDB cannot open a path that is no UTF-8: {shown}; choose another data folder") from exc


def _must_be_readable(warehouse: Path) -> None:
    _must_be_utf8(warehouse)
    try:
        if not warehouse.exists():
            raise WarehouseMissing(f"there is no warehouse at {warehouse} yet; reelhouse refresh makes it")
        if not warehouse.is_file():  # a FIFO would wait for a writer without end
            raise damaged(warehouse, "it is no regular file")
        with warehouse.open("rb"):
            pass
    except OSError as exc:
        raise Refused(f"{warehouse} cannot be opened: {exc.strerror}") from exc
