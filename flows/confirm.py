"""A person says that what is not there is gone: show what that means, ask, and refresh the root with it."""

from __future__ import annotations

import os
import sys
from collections import Counter

import polars as pl

from flows.preview import preview
from flows.terminal import pick_mode, showing
from tasks.core.errors import Refused
from tasks.core.paths import from_parameter
from tasks.core.settings import Settings
from tasks.core.units import printable

SHOWN = 10


def confirmed_root(root: str) -> bytes:
    """The path of ``root`` as the flow compares it."""
    return os.path.abspath(os.path.expanduser(from_parameter(root)))  # noqa: PTH100, PTH111 - bytes


def confirm_removal(root: str, settings: Settings, *, assume_yes: bool) -> bool:
    """Print which known files of ``root`` are not there and ask whether they are gone; ``False`` if they are not.

    Raises:
        Refused: there is nothing to confirm, or nobody to ask.
    """
    with showing(pick_mode(json=False, quiet=False, isatty=sys.stderr.isatty())):
        found = preview([root], settings, confirmed=[confirmed_root(root)])
    gone = found.not_found
    if not gone.height:
        raise Refused(f"all known files of {printable(root)} are there: there is nothing to confirm")
    print(f"{gone.height:,} known files are not in {printable(root)}:")
    for line in _shown(gone, confirmed_root(root)):
        print(f"  {line}")
    print(
        "When you confirm, they are marked as missing and leave the views. Their rows are kept for "
        f"{settings.removal.keep_days:g} days and come back with the files. Nothing on your disk is touched."
    )
    if assume_yes:
        return True
    if not sys.stdin.isatty():
        raise Refused("there is nobody to ask; say --yes if these files are gone")
    return input("Are these files gone? [y/N] ").strip().lower() in ("y", "yes")


def _shown(gone: pl.DataFrame, root: bytes) -> list[str]:
    """The folders of the root with the number of files that are not there, the largest numbers first."""
    prefix = root.rstrip(b"/") + b"/"
    below = (path.removeprefix(prefix) for path in gone["path_bytes"])
    counts = Counter(path.partition(b"/")[0] if b"/" in path else b"" for path in below)
    lines = [
        f"{count:>9,}  {printable(os.fsdecode(name)) + '/' if name else 'files in the folder itself'}"
        for name, count in counts.most_common(SHOWN)
    ]
    if len(counts) > SHOWN:
        lines.append(f"{'...':>9}  and {len(counts) - SHOWN:,} more folders")
    return [*lines, *(f"e.g. {printable(path)}" for path in gone["path"].head(3))]
