"""What a root looks like now: by this a disk that is away is told from files that were deleted. Reads the disk."""

from __future__ import annotations

import os
from typing import Any

from tasks.core.paths import as_text
from tasks.core.settings import DiscoverySettings
from tasks.discovery.deadline import asked
from tasks.discovery.folder import is_there
from tasks.discovery.mounts import mount_of, mount_table
from tasks.discovery.rules import RootPath, Rules


def appearance(root: bytes, settings: DiscoverySettings) -> dict[str, Any]:
    """The row of ``root_listings`` for ``root``, also where only a part of it is walked; without the profile.

    Raises:
        OSError: the root cannot be listed, or did not answer in time.
    """
    return asked(lambda: _appearance(root, settings), deadline_s=settings.deadline_s)


def _appearance(root: bytes, settings: DiscoverySettings) -> dict[str, Any]:
    path = RootPath(root)
    names = Rules.of(settings).entered(root, path)
    mount = mount_of(path.real, mount_table())
    return {
        "root": as_text(root),
        "path_bytes": root,
        "device": os.stat(root).st_dev,  # noqa: PTH116 - bytes
        "file_system": mount.file_system if mount else None,
        "top_folders": sorted(map(as_text, names)),
        "has_marker": is_there(os.path.join(root, os.fsencode(settings.marker))) if settings.marker else None,  # noqa: PTH118
    }
