"""Resident memory: the largest of this process and its programs, and what a process has now. Asks the system."""

from __future__ import annotations

import os
import resource
import sys

_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""Unit of ``ru_maxrss``: Linux counts KiB, macOS bytes."""


def peak_memory_bytes() -> int:
    """The largest resident memory this process ever had."""
    try:
        with open("/proc/self/status", "rb", buffering=0) as status:  # noqa: PTH123 - 20 us less than pathlib, a file
            return int(status.read(4_096).partition(b"VmHWM:")[2].split(maxsplit=1)[0]) * 1024
    except (OSError, ValueError, IndexError):  # not Linux. There, getrusage would count what the parent once had.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_BYTES


def peak_child_memory_bytes() -> int:
    """The largest resident memory of a program that this process started and that has ended; 0 if there was none."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _MAXRSS_BYTES


def memory_bytes(pid: int, *, with_programs: bool = False) -> int:
    """The resident memory that a process has now; 0 if there is no such process.

    Pages that several processes share, as those of libraries, are counted for each of them.

    Args:
        with_programs: together with that of the programs it has started; only Linux tells them without a look at every
            process there is.
    """
    own = _resident_bytes(pid)
    return own + sum(map(_resident_bytes, _programs(pid))) if with_programs else own


def _resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb", buffering=0) as statm:  # noqa: PTH123 - as above
            return int(statm.read(256).split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # not Linux, or it has ended
        import psutil  # here, as workers have no use for it

        try:
            return int(psutil.Process(pid).memory_info().rss)
        except psutil.Error:
            return 0


def _programs(pid: int) -> list[int]:
    """Process ids of the programs that the main thread of ``pid`` has started."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", "rb", buffering=0) as children:  # noqa: PTH123 - as above
            return [int(child) for child in children.read(4_096).split()]
    except OSError:  # not Linux, a kernel that does not tell, or it has ended
        return []
