"""Look whether files that another path now seems to be are still where they were. Reads the disk."""

from __future__ import annotations

import os

import polars as pl

from tasks.plan.recognise import elsewhere


def absent_files(listed: pl.DataFrame, known: pl.DataFrame) -> list[str]:
    """Ids of ``known`` files (not looked at in this run) that are not there, though a listed file is the same inode.

    The same inode on the same device is the same file: it was moved out of a folder that this run does not walk, or is
    a further hard link of it. One look tells. The disk is known to answer: the listed file lies on it.
    """
    there = elsewhere(listed, known)
    paths = there.select("file_id", "path_bytes").iter_rows()
    return [file_id for file_id, path_bytes in paths if not os.path.lexists(path_bytes)]
