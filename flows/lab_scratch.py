"""Folders in which benchmarks work, and the end of those that a killed benchmark has left."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "lab-"
MARK = ".reelhouse-benchmark.lock"
"""File in a folder of ours, locked while its benchmark is at work; folders without it are somebody else's."""
_SWEEPING = "lab.lock"


@contextmanager
def scratch_folder(data: Path) -> Iterator[Path]:
    """A new folder below ``data``, which is there; it ends with the block. Those of killed benchmarks are removed.

    The operating system keeps the locks, so that those of a killed process are gone with it. Other benchmarks may be at
    work below ``data``: nobody removes a folder while another is just being made.
    """
    sweeping = FileLock(data / _SWEEPING)
    with sweeping:
        _remove_leftovers(data)
        folder = Path(tempfile.mkdtemp(dir=data, prefix=PREFIX))
        at_work = FileLock(folder / MARK, thread_local=False)
        at_work.acquire()
    try:
        yield folder
    finally:
        with sweeping:
            at_work.release()
            shutil.rmtree(folder, ignore_errors=True)  # what is left is removed by the next one


def _remove_leftovers(data: Path) -> None:
    for mark in data.glob(f"{PREFIX}*/{MARK}"):
        if mark.parent.is_symlink():
            continue
        with suppress(Timeout, OSError), FileLock(mark, timeout=0):  # held by one at work; or another user's
            shutil.rmtree(mark.parent, ignore_errors=True)
