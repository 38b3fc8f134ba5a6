"""A stand-in for a network share: a local folder on which every round trip takes as long as it would over a network.

A small C library (``slow_disk.c``) is put before the C library of a process with ``LD_PRELOAD``. It delays the calls
that would ask the server, below one folder only, and counts them. What it does:

* ``opendir``, ``open`` and its kin, the ``stat`` family, ``access`` and ``readlink``: one round trip each;
* ``readdir``: one round trip for every 256 entries;
* ``read`` and ``pread`` of regular files: one round trip for every MiB begun;
* calls on paths that hold a given text never return (a dead server), or fail with a given error.

What it does not do: it keeps nothing. A real share answers a second ``stat`` from its cache for a few seconds, and many
``stat`` calls after a listing from the listing itself (NFS READDIRPLUS), reads ahead, and asks for several things at
once; there it is faster than this. It has no bandwidth, no jitter, no limit of requests at the same time and no locks;
there it may be slower. ``fstat`` and ``close`` cost nothing. It does not see programs that are linked statically (Go),
``io_uring``, ``mmap``, and what the C library does inside itself (``fopen``, ``nftw``). Paths are compared as text:
``..`` and symbolic links that lead below the folder are not resolved. Linux with the GNU C library only.
"""

from __future__ import annotations

import errno
import os
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
KINDS = ("opendir", "readdir", "stat", "open", "read", "readlink", "access", "hung", "failed")
"""What is counted; ``hung`` and ``failed`` are calls that were never answered, or with an error."""

_COUNTS = struct.Struct(f"={len(KINDS)}Q")


def compiler() -> str | None:
    """The C compiler of this machine; ``None`` where there is none."""
    return shutil.which("cc") or shutil.which("gcc")


def compiled(folder: Path) -> Path:
    """Compile the library into ``folder`` and return its path; one that is newer than its source is taken as it is.

    Raises:
        FileNotFoundError: there is no C compiler.
        subprocess.CalledProcessError: it does not compile here; the compiler has said why on stderr.
    """
    library = folder / "slow_disk.so"
    if library.exists() and library.stat().st_mtime_ns > SOURCE.stat().st_mtime_ns:
        return library
    program = compiler()
    if program is None:
        raise FileNotFoundError(errno.ENOENT, "no C compiler (cc or gcc) was found")
    flags = ["-std=gnu11", "-O2", "-Wall", "-fPIC", "-shared", "-pthread"]
    temporary = folder / f"slow_disk.{os.getpid()}.so"
    subprocess.run([program, *flags, str(SOURCE), "-o", str(temporary), "-ldl"], check=True)
    return temporary.replace(library)


def environment(
    library: Path,
    *,
    prefix: Path,
    latency_s: float = 0.0,
    hang_on: str | None = None,
    fail_on: str | None = None,
    fail_with: int = errno.EIO,
    counts: Path | None = None,
) -> dict[str, str]:
    """The variables that put a process, and all that it starts, before the slow disk; merge them into its environment.

    Args:
        library: what :func:`compiled` returned.
        prefix: folder whose content lies on the share; absolute, and spelled as the process will spell it.
        latency_s: time of one round trip.
        hang_on: text; calls on paths that hold it never return.
        fail_on: text; calls on paths that hold it fail with ``fail_with``, an ``errno`` (``EIO``, ``ESTALE``).
        counts: file for the counts, see :func:`counts`; begun anew.
    """
    loaded = os.environ.get("LD_PRELOAD")
    variables = {
        "LD_PRELOAD": f"{library}:{loaded}" if loaded else str(library),
        "SLOW_DISK_PREFIX": str(prefix),
        "SLOW_DISK_LATENCY_NS": str(round(latency_s * 1e9)),
        "SLOW_DISK_HANG_ON": hang_on or "",
        "SLOW_DISK_FAIL_ON": fail_on or "",
        "SLOW_DISK_FAIL_WITH": str(fail_with),
        "SLOW_DISK_COUNTS": "",
    }
    if counts is not None:
        counts.write_bytes(bytes(_COUNTS.size))
        variables["SLOW_DISK_COUNTS"] = str(counts)
    return variables


def counts(path: Path) -> dict[str, int]:
    """Calls so far by kind, over all processes that were given this file; complete also while they run."""
    return dict(zip(KINDS, _COUNTS.unpack(path.read_bytes()), strict=True))
