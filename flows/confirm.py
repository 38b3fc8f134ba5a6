"""A person says that what is not there is gone: show what that means, ask, and refresh the root with it."""

from __future__ import annotations

import os
import sys
from collections import Counter

import polars as pl

from flows.interrupt import interrupted_by_signals
from flows.preview import preview
from flows.terminal import pick_mode, showing
from tasks.core.errors import Refused
from tasks.core.paths import as_parameter, as_text, from_parameter
from tasks.core.settings import Settings
from tasks.core.units import printable

SHOWN = 10


def confirm_removal(root: str, settings: Settings, *, assume_yes: bool) -> int:
    """Print which known files of ``root`` are not there and ask whether they are gone.

    Returns:
        How many files were confirmed as gone; 0 if the answer was no.

    Raises:
        Refused: there is nothing to confirm, or nobody to ask.
        Interrupted: Ctrl-C or SIGTERM came.
    """
    with interrupted_by_signals():
        return _confirm_removal(root, settings, assume_yes=assume_yes)


def _confirm_removal(root: str, settings: Settings, *, assume_yes: bool) -> int:
    with showing(pick_mode(json=False, quiet=False, isatty=sys.stderr.isatty())):
        found = preview([root], settings, is_confirmed=True)
    gone, shown = found.not_found, printable(as_text(_absolute(root)))
    if not any(work.root["expected_count"] for work in found.roots):
        raise Refused(
            f"no file below {shown} is known, so there is nothing to confirm; see: reelhouse sql 'FROM roots_now'"
        )
    if not gone.height:
        raise Refused(f"all known files of {shown} are there: there is nothing to confirm")
    for work in found.roots:
        if work.root["reason"]:
            print(f"{printable(work.root['folder'])}: {printable(work.root['reason'])}")
    print(f"{gone.height:,} known files are not in {shown}:")
    for line in _shown(gone, _absolute(root)):
        print(f"  {line}")
    print(
        "When you confirm, they are marked as missing and leave the views. Their rows are kept for "
        f"{settings.removal.keep_days:g} days and come back with the files. Nothing on your disk is touched."
    )
    if assume_yes:
        return gone.height
    if not sys.stdin.isatty():
        raise Refused("there is nobody to ask; say --yes if these files are gone")
    return gone.height if input("Are these files gone? [y/N] ").strip().lower() in ("y", "yes") else 0


def _absolute(root: str) -> bytes:
    return from_parameter(as_parameter(root))


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
