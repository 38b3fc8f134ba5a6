"""Check the roots a person gave, and cut a root into entries that can be walked apart. Reads the disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasks.core.errors import RootRefused
from tasks.core.ids import digest
from tasks.core.paths import as_text, from_parameter
from tasks.core.settings import DiscoverySettings
from tasks.core.units import printable
from tasks.discovery.walk import SEPARATOR, Rules


@dataclass(frozen=True)
class Roots:
    """The folders to walk."""

    paths: tuple[bytes, ...]
    """Absolute, each once, none of them reached from another one."""
    merged: tuple[str, ...]
    """One sentence for each root that was left out because another one holds it."""
    empty: tuple[bytes, ...]
    """Those of ``paths`` without a single entry: a new library, or a disk that is not mounted."""


def check_roots(roots: Sequence[str], settings: DiscoverySettings) -> Roots:
    """The folders to walk for ``roots``, in the order given.

    A root inside another one is merged into it, unless the walk of the outer one would pass over it (a hidden folder
    that is named explicitly is wanted). Names that are no UTF-8 come as surrogate escapes (command line) or as
    ``file:`` URI (flow parameter).

    Raises:
        RootRefused: a root is missing, is no folder, or may not be listed; or there is none.
    """
    if not roots:
        raise RootRefused("no folder was given; name at least one, as in: reelhouse refresh /path/to/videos")
    found: dict[bytes, tuple[bytes, str]] = {}  # real path -> path as it was given, and for people
    empty = set()
    merged = []
    for root in roots:
        path = _absolute(root)
        if _listed(path, printable(root)):
            empty.add(path)
        real = os.path.realpath(path)
        if real in found:
            merged.append(f"{printable(root)} is the same folder as {found[real][1]}; it is read once")
        else:
            found[real] = (path, printable(root))
    rules = Rules.of(settings)
    kept = []
    for real, (path, shown) in found.items():
        holder = next((outer for outer in found if outer != real and _reaches(outer, real, rules)), None)
        if holder is None:
            kept.append(path)
        else:
            merged.append(f"{shown} lies inside {found[holder][1]}; it is read once, as a part of it")
    return Roots(tuple(kept), tuple(merged), tuple(p for p in kept if p in empty))


def top_entries(root: bytes, settings: DiscoverySettings) -> list[dict[str, Any]]:
    """What can be walked apart below ``root``: one row a folder in it, and one, not recursive, for the files in it.

    Columns: ``entry_id`` (stable), ``root`` (for people), ``root_bytes``, ``folder_bytes``, ``recursive``. Sorted, so
    that the same folders give the same rows. Folders that the rules pass over have no row; the row of the root itself
    counts them.

    Raises:
        RootRefused: the root can no longer be listed.
    """
    rules = Rules.of(settings)
    try:
        with os.scandir(root) as entries:
            listed = list(entries)
        passed_over = any(rules.is_marker(e.name) for e in listed)
        folders = [] if passed_over else [e.path for e in listed if rules.is_entered(e, root, root)]
    except OSError as exc:
        raise RootRefused(_refusal(printable(os.fsdecode(root)), exc)) from exc
    return [
        {
            "entry_id": digest("entry", root, folder, str(recursive)),
            "root": as_text(root),
            "root_bytes": root,
            "folder_bytes": folder,
            "recursive": recursive,
        }
        for folder, recursive in [(root, False), *((folder, True) for folder in sorted(folders))]
    ]


def _absolute(root: str) -> bytes:
    return os.path.abspath(os.path.expanduser(from_parameter(root))) if root else b""  # noqa: PTH100, PTH111 - bytes


def _listed(path: bytes, shown: str) -> bool:
    """Whether the folder is empty; refuse it if it cannot be listed.

    Raises:
        RootRefused: as :func:`check_roots`.
    """
    if not path:
        raise RootRefused("an empty path was given as a folder; name the folder that holds the videos")
    try:
        if not stat.S_ISDIR(os.stat(path).st_mode):  # noqa: PTH116 - bytes
            raise RootRefused(f"{shown} is not a folder; give the folder that holds it")
        with os.scandir(path) as entries:
            return next(entries, None) is None
    except (OSError, ValueError) as exc:
        raise RootRefused(_refusal(shown, exc)) from exc


def _refusal(shown: str, exc: Exception) -> str:
    if isinstance(exc, FileNotFoundError):
        return f"{shown} does not exist; check the spelling, and that its disk is mounted"
    if isinstance(exc, PermissionError):
        return f"{shown} may not be listed; give this user the right to read and enter it, or run as another user"
    if isinstance(exc, OSError):
        return f"{shown} cannot be listed ({exc.strerror}); check that its disk is mounted and healthy"
    return f"{shown} is no path the operating system accepts ({exc})"


def _reaches(outer: bytes, inner: bytes, rules: Rules) -> bool:
    """Whether a walk of ``outer`` comes to ``inner`` (both are real paths)."""
    prefix = outer.rstrip(SEPARATOR) + SEPARATOR
    if not inner.startswith(prefix):
        return False
    return not any(rules.passes_over(name) for name in inner[len(prefix) :].split(SEPARATOR))
