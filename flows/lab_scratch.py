"""Folders in which benchmarks work, and the end of those that a killed benchmark has left."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from flows.benchmark_runs import say
from tasks.core.units import printable

PREFIX = "lab-"
MARK = ".reelhouse-benchmark.lock"
"""File in a folder of ours, locked while its benchmark is at work; folders without it are somebody else's."""
_SWEEPING = "lab.lock"
_log = logging.getLogger(__name__)


@contextmanager
def scratch_folder(data: Path) -> Iterator[Path]:
    """A new folder below ``data``, which is there; it ends with the block. Those of killed benchmarks are removed.

    The operating system keeps the locks, so that those of a killed process are gone with it. Other benchmarks may be at
    work below ``data``: nobody removes a folder while another is just being made.
    """
    sweeping = FileLock(data / _SWEEPING)
    with sweeping:
        if _remove_leftovers(data):
            say(f"another benchmark is at work in {printable(str(data))}: both take longer, so do what they measure")
        folder = Path(tempfile.mkdtemp(dir=data, prefix=PREFIX))
        at_work = FileLock(folder / MARK, thread_local=False)
        at_work.acquire()
    try:
        yield folder
    finally:
        with sweeping:
            at_work.release()
            shutil.rmtree(folder, ignore_errors=True)  # what is left is removed by the next one


def _remove_leftovers(data: Path) -> bool:
    """Remove the folders of benchmarks that were killed; returns whether another one is at work."""
    is_another_at_work = False
    for mark in data.glob(f"{PREFIX}*/{MARK}"):
        if mark.parent.is_symlink():
            continue
        try:
            with FileLock(mark, timeout=0):
                shutil.rmtree(mark.parent, ignore_errors=True)
        except Timeout:
            is_another_at_work = True
        except OSError as exc:  # another user's
            _log.debug("%s is left: %s", mark.parent, exc)
    return is_another_at_work
