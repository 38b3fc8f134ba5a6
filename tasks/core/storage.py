"""What a process has read from and written to storage so far. Asks the system; only Linux tells it."""

from __future__ import annotations

from typing import NamedTuple


class Transferred(NamedTuple):
    """Bytes between storage and memory, not those between memory and the process."""

    read_bytes: int
    written_bytes: int


def transferred(pid: int) -> Transferred | None:
    """What ``pid`` has caused to be fetched from storage and sent there; ``None`` where that is not told.

    What its threads and the programs that it started and that have ended transferred is part of it. A read that the
    page cache answers transfers nothing, so a file read twice counts once; a write counts when it reaches the page
    cache of a disk, though it may reach the disk later. A file system that has no storage (tmpfs) transfers nothing,
    and some that lie on another machine are not counted.

    It is not told by systems other than Linux, of processes of other users, and where a container hides it.

    Source: ``read_bytes`` and ``write_bytes`` in https://docs.kernel.org/filesystems/proc.html#proc-pid-io
    """
    try:
        with open(f"/proc/{pid}/io", "rb", buffering=0) as io:  # noqa: PTH123 - 20 us less than pathlib
            told = dict(line.split(b": ") for line in io.read(1_024).splitlines())
        return Transferred(int(told[b"read_bytes"]), int(told[b"write_bytes"]))
    except (OSError, ValueError, KeyError):  # not Linux, not allowed, ended, or a kernel that counts none of it
        return None
