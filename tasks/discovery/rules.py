"""What a walk takes, enters and passes over: the settings in the form the walk needs."""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from tasks.core.paths import is_below
from tasks.core.settings import DiscoverySettings

ENDING_BYTES = 4
"""Dot and three letters: what most video files end in."""
SEPARATOR = os.sep.encode()
MARKERS = frozenset({b".nomedia", b".ignore"})
"""A folder that holds one of these is passed over, with all below: Android's and Kodi's sign, and Jellyfin's.

Sources: https://developer.android.com/training/data-storage/shared/media ,
https://jellyfin.org/docs/general/server/media/excluding-directory
"""

_CIRCLES = frozenset({errno.ELOOP, errno.ENAMETOOLONG})


class RootPath:
    """A root, and where it really lies."""

    def __init__(self, path: bytes) -> None:
        self.path = path

    @functools.cached_property
    def real(self) -> bytes:
        """The root without symbolic links, asked once: on a network share every part of the path is a question."""
        return os.path.realpath(self.path)

    def holds(self, real: bytes) -> bool:
        """Whether ``real``, a path without symbolic links, is the root or lies below it."""
        return is_below(real, self.real)


@dataclass(frozen=True)
class Rules:
    """The settings in the form the walk needs."""

    extensions: frozenset[bytes]
    endings: Mapping[bytes, bytes]
    """The extension in lower case for each spelling of those with three letters: a look-up in place of three calls."""
    ignored_folders: frozenset[str]
    ignore_hidden: bool
    follow_symlinks: bool

    @classmethod
    def of(cls, settings: DiscoverySettings) -> Rules:
        """The rules that ``settings`` state."""
        short = [e for e in settings.extensions if len(e) == ENDING_BYTES]
        return cls(
            extensions=frozenset(e.encode() for e in settings.extensions),
            endings={
                "".join(letters).encode(): e.encode()
                for e in short
                for letters in product(*({c, c.upper()} for c in e))
            },
            ignored_folders=frozenset(name.casefold() for name in settings.ignored_folders),
            ignore_hidden=settings.ignore_hidden,
            follow_symlinks=settings.follow_symlinks,
        )

    def passes_over(self, folder_name: bytes) -> str | None:
        """The reason why a folder of this name is not entered; ``None`` if it is."""
        if self.ignore_hidden and folder_name.startswith(b"."):
            return "hidden"
        return "ignored_folder" if os.fsdecode(folder_name).casefold() in self.ignored_folders else None

    def entered(self, folder: bytes, root: RootPath) -> list[bytes]:
        """Names of the folders in ``folder`` that the walk goes into, in the order of the system.

        An entry that cannot be examined is taken for one: the walk of it will tell what is wrong.

        Raises:
            OSError: the folder cannot be listed.
        """
        found = []
        with os.scandir(folder) as listed:
            for entry in listed:
                if entry.name in MARKERS:
                    return []
                if self._is_entered(entry, folder, root):
                    found.append(entry.name)
        return found

    def _is_entered(self, entry: os.DirEntry[bytes], folder: bytes, root: RootPath) -> bool:
        if self.passes_over(entry.name):
            return False
        try:
            return (not entry.is_symlink() or self.leads_out(entry.path, folder, root)) and entry.is_dir()
        except OSError:
            return True

    def leads_out(self, link: bytes, folder: bytes, root: RootPath) -> bool:
        """Whether the symbolic link ``link`` in ``folder`` may be followed: it leads out of the root, and in no circle.

        Raises:
            OSError: the link cannot be examined.
        """
        if not self.follow_symlinks:
            return False
        try:
            target = os.stat(link)  # noqa: PTH116 - bytes
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as exc:
            if exc.errno in _CIRCLES:
                return False
            raise
        if root.holds(os.path.realpath(link)):
            return False
        # Above a link that led out there may be the folder that this link leads to: a circle outside the root.
        here = folder
        while True:
            above = os.stat(here)  # noqa: PTH116
            if (above.st_dev, above.st_ino) == (target.st_dev, target.st_ino):
                return False
            if len(here) <= len(root.path):
                return True
            here = os.path.dirname(here)  # noqa: PTH120
