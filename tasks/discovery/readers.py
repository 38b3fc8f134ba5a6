"""Ways to read a folder: with the kinds of its entries, or its names first and then each fact by a call of its own.

``by_scandir`` is what we use. ``by_listdir`` is what older programs do (``os.scandir`` came with Python 3.5) and stays
for comparisons: the walk around it is the same, so both find the same files. It asks as little as a program of its kind
can: of an entry whether it is a file, of one that is none whether it is a folder, of a video its size and times. A film
costs two questions where ``by_scandir`` has one, a folder two and a text file one where it has none. A question that
is not answered, or with an error, makes the folder unknown in which it was asked, for a folder the one above: more is
unknown then, never less.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext

from tasks.core.settings import DiscoverySettings
from tasks.discovery.folder import Entry, Reader, Tally


def by_scandir(folder: bytes, tally: Tally) -> AbstractContextManager[Iterator[Entry]]:  # noqa: ARG001 - asks nothing else
    """The entries as the system lists them, with their kinds; to be closed.

    Raises:
        OSError: the folder cannot be opened.
    """
    return os.scandir(folder)


def by_listdir(folder: bytes, tally: Tally) -> AbstractContextManager[Iterator[Entry]]:
    """The entries by their names, all of them in memory; whatever is asked of one is a system call.

    Raises:
        OSError: the folder cannot be listed.
    """
    return nullcontext(iter([NamedEntry(folder, name, tally) for name in os.listdir(folder)]))  # noqa: PTH208 - bytes


READERS: Mapping[str, Reader] = {"scandir": by_scandir, "listdir": by_listdir}
"""By the names in ``DiscoverySettings.walker``."""


def reader_of(settings: DiscoverySettings) -> Reader:
    """The way of ``settings`` to read a folder."""
    return READERS[settings.walker]


class NamedEntry:
    """An entry of which the name alone is known; it has the form of ``os.DirEntry`` and keeps no answer.

    Every question but the last, ``stat``, which the walk counts itself, is counted in ``tally`` when it is answered.
    Unlike ``os.DirEntry`` it says that it is gone: ``FileNotFoundError``, also where a kind is asked for.
    """

    __slots__ = ("_tally", "name", "path")

    def __init__(self, folder: bytes, name: bytes, tally: Tally) -> None:
        self.name = name
        self.path = os.path.join(folder, name)  # noqa: PTH118
        self._tally = tally

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a regular file."""
        return self._is(stat.S_ISREG, follow_symlinks)

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a folder."""
        return self._is(stat.S_ISDIR, follow_symlinks)

    def is_symlink(self) -> bool:
        """Whether it is a symbolic link."""
        return self._is(stat.S_ISLNK, follow_symlinks=False)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Size, times and the like."""
        return os.stat(self.path, follow_symlinks=follow_symlinks)  # noqa: PTH116

    def _is(self, of_kind: Callable[[int], bool], follow_symlinks: bool) -> bool:
        at = self.stat(follow_symlinks=follow_symlinks)
        self._tally.stat_count += 1
        return of_kind(at.st_mode)
