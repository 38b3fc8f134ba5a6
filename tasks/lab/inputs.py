"""What a benchmark was run on: a hash of the library, and the machine's class. Reads the disk and asks the system."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

from tasks.core.machine import core_count

LIBRARIES = ("reelhouse", "prefect", "polars", "duckdb", "pyarrow", "av", "httpx", "pillow", "guessit", "pydantic")
"""Whose versions may change what is measured."""


def library_hash(folder: Path) -> str:
    """A hash of names, sizes and content of all files below ``folder``; a file with many names is read once."""
    whole = hashlib.blake2b(digest_size=16)
    of_inode: dict[tuple[int, int], bytes] = {}
    root = os.fsencode(folder)
    for place, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)  # noqa: PTH118 - bytes
            at = os.stat(path)  # noqa: PTH116 - bytes
            inode = (at.st_dev, at.st_ino)
            if inode not in of_inode:
                with open(path, "rb") as video:  # noqa: PTH123 - bytes
                    of_inode[inode] = hashlib.file_digest(video, "sha256").digest()
            whole.update(os.path.relpath(path, root) + b"\0" + str(at.st_size).encode() + b"\0" + of_inode[inode])
    return whole.hexdigest()


def host_class() -> dict[str, str | int]:
    """What kind of machine this is; not which one."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": core_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Versions of ours and of the libraries that do the work."""
    return {name: version(name) for name in LIBRARIES}


def commit(project: Path) -> str | None:
    """The commit of the checkout, with ``+`` where files differ from it; ``None`` outside of one.

    A module that is not in the commit is a difference; other new files are none, as nothing imports them.
    """
    asked = []
    for question in (
        ("rev-parse", "HEAD"),
        ("status", "--porcelain", "--untracked-files=no"),
        ("ls-files", "--others", "--", "flows/*.py", "tasks/*.py"),  # in all folders below, also where they are ignored
    ):
        try:
            # Without optional locks nobody who commits meanwhile is hindered.
            done = subprocess.run(
                ["git", "--no-optional-locks", "-C", str(project), *question],
                capture_output=True,
                text=True,
                check=False,
                timeout=30,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        if done.returncode != 0:
            return None
        asked.append(done.stdout.strip())
    head, *changes = asked
    return f"{head}+" if any(changes) else head


def commit_of_all(first: str | None, last: str | None) -> str | None:
    """The commit of what was run between two questions for it, with ``+`` where files differed at any of them.

    >>> commit_of_all("1f23", "1f23"), commit_of_all("1f23", "5838"), commit_of_all("1f23", "1f23+")
    ('1f23', '1f23+', '1f23+')
    """
    return first if first is None or first == last else f"{first.removesuffix('+')}+"
