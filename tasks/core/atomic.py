"""Files appear whole or not at all: write beside, flush to disk, rename."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks.core.errors import StorageFull, StorageNotWritable

TEMPORARY_PREFIX = ".tmp-"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # disk, quota, largest file of the file system or process

_NO_FOOTER = "Invalid thrift: transport error"
"""What Polars 2.1 says when it cannot write the end of a Parquet file, and also when it cannot read one."""
_NEARLY_FULL_BYTES = 1024**2


@contextmanager
def writing(target: Path) -> Iterator[Path]:
    """Give a temporary path beside ``target``; what is written there takes its place when the block ends well.

    The folder of ``target`` is made if need be. When the block raises, the temporary file is removed and ``target``
    stays as it was.

    Raises:
        StorageFull: the disk or the quota is full.
        StorageNotWritable: the operating system refuses to write there.
    """
    with _explaining(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(6)}")
        try:
            with _unveiling_full(target.parent):
                yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    fsync_folder(target.parent)


@contextmanager
def _explaining(target: Path) -> Iterator[None]:
    """Translate what hinders writing ``target``; errors about other files pass as they are."""
    try:
        yield
    except Exception as exc:
        if says_full(exc):
            raise StorageFull(f"no space left for {target}; free some and run again") from exc
        if isinstance(exc, OSError) and _is_about(exc, target):
            raise StorageNotWritable(
                f"{target} cannot be written: {exc.strerror}; give this user the right to write in "
                f"{target.parent} and run again"
            ) from exc
        raise


@contextmanager
def _unveiling_full(folder: Path) -> Iterator[None]:
    """Say that the disk is full where Polars does not: when there is room for all of a file but its footer."""
    try:
        yield
    except Exception as exc:
        if _NO_FOOTER in str(exc) and shutil.disk_usage(folder).free < _NEARLY_FULL_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from exc
        raise


def says_full(exc: Exception) -> bool:
    """Whether there is no room for what is written: Polars and DuckDB say so in words only, in errors of their own."""
    if isinstance(exc, OSError) and exc.errno is not None:
        return exc.errno in _FULL
    return any(os.strerror(number) in str(exc) for number in _FULL)


def _is_about(exc: OSError, target: Path) -> bool:
    """Whether ``exc`` is about the folder of ``target``, one above it or something in it; blocks read other files."""
    if not isinstance(exc.filename, str | os.PathLike):
        return False
    place, folder = Path(exc.filename), target.parent
    return place.is_relative_to(folder) or folder.is_relative_to(place)


def write_bytes(target: Path, content: bytes) -> None:
    """Write ``content`` to ``target``, whole or not at all.

    Raises:
        StorageFull: the disk or the quota is full.
        StorageNotWritable: the operating system refuses to write there.
    """
    with writing(target) as temporary:
        temporary.write_bytes(content)


def fsync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a loss of power (POSIX; elsewhere the call is not possible)."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows cannot open folders; there the rename is all we can do
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def writing_folder(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``target``; it takes its place, with all its files, when the block ends well.

    Raises:
        StorageFull: the disk or the quota is full.
        StorageNotWritable: the operating system refuses to write there.
    """
    with _explaining(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(6)}")
        temporary.mkdir()
        try:
            with _unveiling_full(target.parent):
                yield temporary
            for path in temporary.iterdir():
                with path.open("rb") as written:
                    os.fsync(written.fileno())
            fsync_folder(temporary)
            temporary.rename(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    fsync_folder(target.parent)


def clear_away(folder: Path, *, is_deep: bool, besides: Collection[Path] = ()) -> None:
    """Remove what writers have left half done in ``folder`` when they were killed; nobody may write there meanwhile.

    What cannot be removed stays: the next one who writes there will be told why.

    Args:
        is_deep: also in all folders below.
        besides: folders that are not entered.
    """
    for place, folders, files in os.walk(folder):
        for name in (name for name in (*folders, *files) if name.startswith(TEMPORARY_PREFIX)):
            leftover = Path(place, name)
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                with suppress(OSError):
                    leftover.unlink()
        if not is_deep:
            return
        folders[:] = [n for n in folders if not n.startswith(TEMPORARY_PREFIX) and Path(place, n) not in besides]
