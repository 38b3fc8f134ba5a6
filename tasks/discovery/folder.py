"""List one folder after the other: ``os.scandir`` with ``entry.stat``, on the names as the operating system has them.

Of an entry only the name and the kind are looked at, both come with the listing; ``stat``, which on a network share is
a question of its own, is asked for video files alone. (``readers`` has another way to read a folder, for comparisons.)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import chain, islice
from typing import NamedTuple, Protocol, TypeAlias

from tasks.discovery.rules import ENDING_BYTES, MARKERS, SEPARATOR, RootPath, Rules

Listing = tuple[bytes, bytes, int, int, int, int, int]
"""path, extension, size_bytes, mtime_ns, ctime_ns, inode, device; a plain tuple, as a million of them pass through."""

ENTRIES_AT_ONCE = 1_000
"""Entries of a folder that are held at a time.

Whether a marker closes the folder is known when all of it is listed, or, where that is more than this, by two ``lstat``
calls for the markers. So small folders cost no further call, and a folder of a million files costs no memory.
"""

_DOT = ord(".")


class Skip(NamedTuple):
    """Entries that were passed over for one reason."""

    entry_count: int
    example: bytes


class Unlisted(NamedTuple):
    """A folder whose content is not (wholly) known."""

    folder: bytes
    error: OSError


class Tally:
    """What a walk came to beside the files: what was passed over, what is unknown, what it cost."""

    def __init__(self) -> None:
        self.skips: dict[str, Skip] = {}
        self.errors: dict[bytes, OSError] = {}
        """The first error of each folder that is not (wholly) known."""
        self.folder_count = 0
        """Folders that were opened for listing."""
        self.stat_count = 0
        """``stat`` calls for entries; one for each file is added when it is handed over.

        Links cost more, and so do file systems, and readers, that do not say what is a folder.
        """

    def skip(self, reason: str, example: bytes) -> None:
        """Count one entry that is passed over."""
        known = self.skips.get(reason)
        self.skips[reason] = Skip(known[0] + 1, known[1]) if known else Skip(1, example)

    def doubt(self, folder: bytes, error: OSError) -> None:
        """Note that the content of ``folder`` is not (wholly) known."""
        self.errors.setdefault(folder, error)

    @property
    def unlisted(self) -> list[Unlisted]:
        """The folders of which the content is not (wholly) known."""
        return [Unlisted(folder, error) for folder, error in self.errors.items()]

    def add(self, other: Tally) -> None:
        """Take the numbers of another tally in."""
        for reason, skip in list(other.skips.items()):
            known = self.skips.get(reason)
            self.skips[reason] = Skip(known[0] + skip[0], known[1]) if known else skip
        for folder, error in list(other.errors.items()):
            self.doubt(folder, error)
        self.folder_count += other.folder_count
        self.stat_count += other.stat_count


class Entry(Protocol):
    """What is looked at of an entry of a folder: the part of ``os.DirEntry`` that a walk needs."""

    @property
    def name(self) -> bytes:
        """Name in its folder."""

    @property
    def path(self) -> bytes:
        """Path of the folder, as it was given, with the name."""

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a regular file."""

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a folder."""

    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Size, times and the like."""


Reader: TypeAlias = Callable[[bytes, Tally], AbstractContextManager[Iterator[Entry]]]
"""Opens a folder and gives its entries; what more it asks the system for them is counted in the tally."""


class Owner(Protocol):
    """Whoever lets a :class:`Lister` work."""

    def share(self, folder: bytes, entries: list[Entry]) -> list[Entry]:
        """What is left of ``entries`` of ``folder`` when others have taken their part."""

    def goes_on(self) -> bool:
        """Whether to go on, asked between parts of a folder; ``found`` may be taken away meanwhile."""


class Lister:
    """Lists folders into ``found``, and notes in ``folders`` what is to be listed next.

    Another thread may look at its attributes meanwhile, to see whether it gets on.

    Args:
        reader: opens a folder (``readers``).
        shares: list first and look at entries then, which lets others take a part of them, and asks nothing about
            entries of a folder that a marker closes. It costs a little, where asking costs nothing.
    """

    def __init__(
        self, root: RootPath, rules: Rules, owner: Owner, *, reader: Reader, recursive: bool, shares: bool
    ) -> None:
        self.root = root
        self.rules = rules
        self.owner = owner
        self.reader = reader
        self.recursive = recursive
        self.shares = shares
        self.folders: list[bytes] = []
        self.found: list[Listing] = []
        self.tally = Tally()
        self.entries: list[Entry] = []
        """The entries that were listed, where they are not looked at right away."""

    def steps(self) -> tuple[int, ...]:
        """Numbers of which one changes whenever the operating system has answered."""
        tally = self.tally
        passed = sum(skip[0] for skip in list(tally.skips.values()))
        return tally.folder_count, tally.stat_count, passed, len(self.found), len(self.entries), len(self.folders)

    def handed_over(self) -> list[Listing]:
        """The files found so far, which are forgotten here."""
        files, self.found = self.found, []
        self.tally.stat_count += len(files)
        return files

    def list_folder(self, folder: bytes) -> None:
        """List ``folder``: its video files go to ``found``, its folders to ``folders``.

        An entry that vanishes while it is looked at is counted as skipped (``error``). Any other error makes the folder
        an :class:`Unlisted` one; nothing is raised.
        """
        self.tally.folder_count += 1
        try:
            with self.reader(folder, self.tally) as listed:
                (self._list_first if self.shares else self._look_at_once)(folder, listed)
        except OSError as exc:
            self.tally.doubt(folder, exc)
        self.entries = []

    def _look_at_once(self, folder: bytes, listed: Iterator[Entry]) -> None:
        tally = self.tally
        before = len(self.found), len(self.folders), tally.skips.copy()
        marker = self.take(folder, islice(listed, ENTRIES_AT_ONCE))
        further = next(listed, None) if marker is None else None
        if further is not None:
            marker = self._marker(folder)
        if marker is not None:
            tally.stat_count += len(self.found) - before[0]
            del self.found[before[0] :], self.folders[before[1] :]
            tally.skips = before[2]
            tally.skip("nomedia", marker)
            return
        while further is not None and self.owner.goes_on():
            self.take(folder, chain((further,), islice(listed, ENTRIES_AT_ONCE - 1)))
            further = next(listed, None)

    def _list_first(self, folder: bytes, listed: Iterator[Entry]) -> None:
        is_first, is_last = True, False
        while not is_last and (is_first or self.owner.goes_on()):
            entries = self.entries = []
            try:
                entries.extend(islice(listed, ENTRIES_AT_ONCE))
            except OSError as exc:  # what came before it is as good as ever
                self.tally.doubt(folder, exc)
                is_last = True
            is_last = is_last or len(entries) < ENTRIES_AT_ONCE
            if is_first:
                marker = next((entry.path for entry in entries if entry.name in MARKERS), None)
                if marker is None and not is_last:
                    marker = self._marker(folder)
                if marker is not None:
                    self.tally.skip("nomedia", marker)
                    return
                is_first = False
            self.take(folder, self.owner.share(folder, entries))

    def _marker(self, folder: bytes) -> bytes | None:
        """The marker that closes ``folder``, asked for by name.

        Raises:
            OSError: it cannot be told.
        """
        for name in sorted(MARKERS):
            path = folder.rstrip(SEPARATOR) + SEPARATOR + name
            self.tally.stat_count += 1
            if is_there(path):
                return path
        return None

    def take(self, folder: bytes, entries: Iterable[Entry]) -> bytes | None:
        """Look at ``entries`` of ``folder``; stop at a marker and return it.

        Raises:
            OSError: ``entries`` cannot be listed to their end.
        """
        tally, rules, add = self.tally, self.rules, self.found.append
        ignore_hidden, ending, skip = rules.ignore_hidden, rules.endings.get, tally.skip
        for entry in entries:
            name = entry.name
            if name[0] == _DOT:
                if name in MARKERS:
                    return entry.path
                if ignore_hidden:
                    skip("hidden", entry.path)
                    continue
            try:
                follow = False
                if not entry.is_file(follow_symlinks=False):
                    is_folder = entry.is_dir(follow_symlinks=False)
                    if not is_folder and entry.is_symlink():
                        tally.stat_count += 1
                        if not rules.leads_out(entry.path, folder, self.root):
                            skip("symlink", entry.path)
                            continue
                        is_folder = entry.is_dir()
                        follow = not is_folder and entry.is_file()
                    if is_folder:
                        reason = rules.passes_over(name)
                        if reason:
                            skip(reason, entry.path)
                        elif self.recursive:
                            self.folders.append(entry.path)
                        continue
                    if not follow:
                        skip("not_a_file", entry.path)
                        continue
                extension = ending(name[-ENDING_BYTES:])
                if extension is None:
                    extension = name[name.rfind(b".") :].lower()
                    if extension not in rules.extensions:
                        skip("extension", entry.path)
                        continue
                at = entry.stat(follow_symlinks=follow)
            except FileNotFoundError:
                tally.stat_count += 1
                skip("error", entry.path)
                continue
            except OSError as exc:
                tally.stat_count += 1
                skip("error", entry.path)
                tally.doubt(folder, exc)
                continue
            add((entry.path, extension, at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino, at.st_dev))
        return None


def is_there(path: bytes) -> bool:
    """Whether there is an entry of this name.

    Raises:
        OSError: it cannot be told.
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
