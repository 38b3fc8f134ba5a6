"""Look whether files that another path now seems to be are still where they were. Reads the disk."""

from __future__ import annotations

import os

import polars as pl

from tasks.plan.recognise import elsewhere


def absent_files(listed: pl.DataFrame, known: pl.DataFrame) -> list[str]:
    """Ids of ``known`` files (whose place was not looked at, or is in doubt) that are not there any more.

    Of those only that a listed file is the same inode of the same device: it is the same file, moved out of a folder
    that this run does not walk, or a further hard link of it. One look tells; an error is no answer. The disk is known
    to answer: the listed file lies on it.
    """
    there = elsewhere(listed, known)
    paths = there.select("file_id", "path_bytes").iter_rows()
    return [file_id for file_id, path_bytes in paths if _is_absent(path_bytes)]


def _is_absent(path_bytes: bytes) -> bool:
    try:
        os.lstat(path_bytes)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
