"""The largest resident memory of this process, and of the programs it started. Asks the operating system."""

from __future__ import annotations

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
