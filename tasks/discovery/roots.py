"""Check the roots a person gave, and cut a root into entries that can be walked apart. Reads the disk."""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.core.errors import RootRefused
from tasks.core.ids import digest
from tasks.core.paths import as_text, from_parameter, is_below
from tasks.core.settings import DiscoverySettings
from tasks.core.units import printable
from tasks.discovery.deadline import all_asked, asked
from tasks.discovery.folder import is_there
from tasks.discovery.mounts import Profile, mount_table, profile_of
from tasks.discovery.rules import MARKERS, SEPARATOR, RootPath, Rules

_KNOWN_WAIT_S = 5.0
"""Longest wait for roots that are known but were not asked for: they only matter if they are another spelling."""


@dataclass(frozen=True)
class Scope:
    """A folder to walk, and the root its files belong to."""

    root: bytes
    folder: bytes
    """The root itself, or a folder in it where only a part was asked for."""
    problem: str | None = None
    """Why the folder cannot be read now, one sentence; ``None`` if it can."""


@dataclass(frozen=True)
class Roots:
    """The folders to walk."""

    scopes: tuple[Scope, ...]
    """In the order given, absolute; none of them is reached from another one."""
    merged: tuple[str, ...]
    """One sentence for each root that is not walked as it was given, for people."""
    empty: tuple[bytes, ...]
    """Folders of ``scopes`` without a single entry: a new library, or a disk that is not mounted."""


@dataclass
class _Given:
    """A root as a person gave it, and what was found there."""

    shown: str
    path: bytes
    real: bytes
    is_empty: bool = False
    problem: str | None = None
    refusal: str | None = None
    """Set where it is a mistake, not a state of the disk."""


def check_roots(
    roots: Sequence[str],
    settings: DiscoverySettings,
    *,
    known_roots: Sequence[bytes] = (),
    confirmed: Collection[bytes] = (),
) -> Roots:
    """The folders to walk for ``roots``, in the order given.

    A root inside another one is merged into it, unless the walk of the outer one would pass over it (a hidden folder
    that is named explicitly is wanted). A folder inside a known root is walked as a part of that one. Names that are no
    UTF-8 come as surrogate escapes (command line) or as ``file:`` URI (flow parameter).

    Args:
        roots: what a person gave.
        settings: the rules, and how long a disk may take to answer.
        known_roots: roots of earlier runs: where one of them is missing its disk is away, it is no misspelling.
        confirmed: roots that may be missing, as a person said that they are gone for good.

    Raises:
        RootRefused: none of the roots can be read, or one is no folder at all; or there is none.
    """
    if not roots:
        raise RootRefused("no folder was given; name at least one, as in: reelhouse refresh /path/to/videos")
    given = _looked_at(roots, settings, known_roots)
    mistakes = [one.refusal for one in given if one.refusal]
    if mistakes:
        raise RootRefused("; ".join(mistakes))
    problems = [one.problem for one in given if one.problem]
    if len(problems) == len(given) and not any(one.path in confirmed for one in given):
        raise RootRefused("; ".join(problems))
    merged: list[str] = []
    kept = _without_doubles(given, Rules.of(settings), merged)
    known = _known(known_roots, settings)
    scopes = [_scope(one, known, settings, merged) for one in kept]
    empty = tuple(scope.folder for scope, one in zip(scopes, kept, strict=True) if one.is_empty)
    return Roots(tuple(scopes), tuple(merged), empty)


def top_entries(scope: Scope, settings: DiscoverySettings) -> list[dict[str, Any]]:
    """What can be walked apart in ``scope``: one row a folder in it, and one, not recursive, for the files in it.

    Columns: ``entry_id`` (stable), ``root`` (for people), ``root_bytes``, ``folder_bytes``, ``recursive``; ``profile``
    and ``profile_reason`` (how the scope is walked); ``problem``. Sorted, so that the same folders give the same rows.
    Folders that the rules pass over have no row; the row of the folder itself counts them. A scope that cannot be read
    has one row, with the problem and without profile.
    """
    problem, profile, folders = scope.problem, None, list[bytes]()
    if problem is None:
        try:
            folders, profile = asked(lambda: _looked_into(scope, settings), deadline_s=settings.deadline_s)
        except OSError as exc:
            problem = _problem(printable(as_text(scope.folder)), exc)
    rows = [(scope.folder, False), *((os.path.join(scope.folder, name), True) for name in folders)]  # noqa: PTH118
    return [
        {
            # A scope with a problem is another item than the same one without: a retry must not take it for done.
            "entry_id": digest("entry", scope.root, folder, str(recursive), *(["problem"] if problem else [])),
            "root": as_text(scope.root),
            "root_bytes": scope.root,
            "folder_bytes": folder,
            "recursive": recursive,
            "profile": profile.name if profile else None,
            "profile_reason": profile.reason if profile else None,
            "problem": problem,
        }
        for folder, recursive in rows
    ]


def _looked_into(scope: Scope, settings: DiscoverySettings) -> tuple[list[bytes], Profile]:
    """The folders to enter, in order, and how to walk them.

    Raises:
        OSError: the folder cannot be listed.
    """
    folders = sorted(Rules.of(settings).entered(scope.folder, RootPath(scope.root)))
    # Only now: an automounter mounts a share when it is first asked for.
    return folders, profile_of(os.path.realpath(scope.folder), settings, mount_table())


def _looked_at(roots: Sequence[str], settings: DiscoverySettings, known_roots: Sequence[bytes]) -> list[_Given]:
    """Every root with what was found there; those that are no paths are refused.

    Raises:
        RootRefused: a root is empty text.
    """
    if not all(roots):
        raise RootRefused("an empty path was given as a folder; name the folder that holds the videos")
    paths = [os.path.abspath(os.path.expanduser(from_parameter(root))) for root in roots]  # noqa: PTH100, PTH111
    looks = all_asked([functools.partial(_look, path) for path in paths], deadline_s=settings.deadline_s)
    given = []
    for root, path, look in zip(roots, paths, looks, strict=True):
        one = _Given(printable(root), path, path)
        if isinstance(look, tuple):
            one.real, one.is_empty = look
        elif isinstance(look, NotADirectoryError) and path not in known_roots:
            one.refusal = f"{one.shown} is not a folder; give the folder that holds it"
        elif isinstance(look, OSError):
            one.problem = _problem(one.shown, look)
        elif isinstance(look, ValueError):
            one.refusal = f"{one.shown} is no path the operating system accepts ({look})"
        else:
            raise look
        given.append(one)
    return given


def _look(path: bytes) -> tuple[bytes, bool]:
    """Where the folder really is, and whether it is empty.

    Raises:
        OSError: it is no folder, or cannot be listed.
        ValueError: it is no path.
    """
    if not stat.S_ISDIR(os.stat(path).st_mode):  # noqa: PTH116 - bytes
        raise NotADirectoryError
    with os.scandir(path) as entries:
        return os.path.realpath(path), next(entries, None) is None


def _problem(shown: str, exc: OSError) -> str:
    if isinstance(exc, FileNotFoundError):
        return f"{shown} does not exist; check the spelling, and that its disk is mounted"
    if isinstance(exc, NotADirectoryError):
        return f"{shown} is not a folder any more; check that its disk is mounted"
    if isinstance(exc, PermissionError):
        return f"{shown} may not be listed; give this user the right to read and enter it, or run as another user"
    if isinstance(exc, TimeoutError):
        return f"{shown} {exc.strerror}; check that its disk or server is up"
    return f"{shown} cannot be listed ({exc.strerror}); check that its disk is mounted and healthy"


def _without_doubles(given: Sequence[_Given], rules: Rules, merged: list[str]) -> list[_Given]:
    """The roots of which none is reached from another one; sentences about the others go to ``merged``.

    A root with a problem neither holds another one nor is held: its problem has to be told.
    """
    once: dict[bytes, _Given] = {}
    for one in given:
        other = once.setdefault(one.real, one)
        if other is not one:
            merged.append(f"{one.shown} is the same folder as {other.shown}; it is read once")
    kept = []
    for one in once.values():
        holder = None
        if one.problem is None:
            others = (other for other in once.values() if other is not one and other.problem is None)
            holder = next((other for other in others if _reaches(other.real, one.real, rules)), None)
        if holder is None:
            kept.append(one)
        else:
            merged.append(f"{one.shown} lies inside {holder.shown}; it is read once, as a part of it")
    return kept


def _known(known_roots: Sequence[bytes], settings: DiscoverySettings) -> dict[bytes, bytes]:
    """Where the known roots really lie; one that does not answer lies where it says."""
    reals = all_asked(
        [functools.partial(os.path.realpath, root) for root in known_roots],
        deadline_s=min(settings.deadline_s, _KNOWN_WAIT_S),
    )
    return {root: real if isinstance(real, bytes) else root for root, real in zip(known_roots, reals, strict=True)}


def _scope(one: _Given, known: dict[bytes, bytes], settings: DiscoverySettings, merged: list[str]) -> Scope:
    """The scope of a root: the root itself, or a part of a known one."""
    rules = Rules.of(settings)
    if one.path in known:
        return Scope(one.path, one.path, one.problem)
    if one.problem is not None:  # nothing more can be asked there: what it belongs to is told by its text
        holders = [root for root in known if _reaches(root, one.path, rules)]
        return Scope(max(holders, key=len, default=one.path), one.path, one.problem)
    for root, real in sorted(known.items(), key=lambda item: len(item[1]), reverse=True):
        if real == one.real:
            merged.append(f"{one.shown} is the same folder as {printable(as_text(root))}, by which it is known")
            return Scope(root, root)
        folder = _part(root, real, one, rules, settings)
        if folder is not None:
            merged.append(f"{one.shown} is a part of {printable(as_text(root))}; only this part is refreshed")
            return Scope(root, folder)
    for root, real in known.items():
        if _reaches(one.real, real, rules):
            merged.append(f"{one.shown} holds {printable(as_text(root))}; files there now belong to {one.shown}")
    return Scope(one.path, one.path)


def _part(root: bytes, real: bytes, one: _Given, rules: Rules, settings: DiscoverySettings) -> bytes | None:
    """The folder ``one`` as a walk of the known root comes to it; ``None`` if it does not."""
    if _reaches(real, one.real, rules):
        folder = os.path.join(root, os.path.relpath(one.real, real))  # noqa: PTH118 - bytes
    elif rules.follow_symlinks and not is_below(one.real, real) and _reaches(root, one.path, rules):
        folder = one.path  # by a link that leads out of the root
    else:
        return None
    above = [os.path.dirname(folder)]  # noqa: PTH120 - bytes
    while is_below(above[-1], root) and above[-1] != root:
        above.append(os.path.dirname(above[-1]))  # noqa: PTH120
    try:
        is_closed = asked(
            lambda: any(is_there(os.path.join(path, name)) for path in above for name in MARKERS),  # noqa: PTH118
            deadline_s=settings.deadline_s,
        )
    except OSError:
        return None
    return None if is_closed else folder


def _reaches(outer: bytes, inner: bytes, rules: Rules) -> bool:
    """Whether a walk of ``outer`` comes to ``inner`` (both are real paths)."""
    if inner == outer or not is_below(inner, outer):
        return False
    return not any(rules.passes_over(name) for name in inner[len(outer.rstrip(SEPARATOR)) + 1 :].split(SEPARATOR))
