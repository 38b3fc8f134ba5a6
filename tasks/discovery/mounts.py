"""On which file system a folder lies, and by which profile it is walked."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import psutil

from tasks.core.paths import as_text, is_below
from tasks.core.settings import DiscoverySettings
from tasks.core.units import printable

REMOTE = {
    "9p": "folder of the host of a virtual machine, or of Windows under WSL",
    "afpfs": "Apple's AFP, on macOS",
    "afs": "Andrew file system",
    "beegfs": "BeeGFS cluster",
    "ceph": "Ceph cluster",
    "cifs": "Windows share (SMB), on Linux",
    "coda": "Coda",
    "davfs": "WebDAV",
    "fuse.ceph": "Ceph cluster",
    "fuse.ceph-fuse": "Ceph cluster",
    "fuse.curlftpfs": "FTP",
    "fuse.davfs2": "WebDAV",
    "fuse.gcsfuse": "Google Cloud Storage",
    "fuse.glusterfs": "Gluster cluster",
    "fuse.goofys": "S3",
    "fuse.google-drive-ocamlfuse": "Google Drive",
    "fuse.juicefs": "JuiceFS",
    "fuse.mount.cifs": "Windows share (SMB)",
    "fuse.nfs": "NFS",
    "fuse.onedriver": "OneDrive",
    "fuse.rclone": "any of rclone's services",
    "fuse.s3fs": "S3",
    "fuse.seaweedfs": "SeaweedFS cluster",
    "fuse.smbnetfs": "Windows shares (SMB)",
    "fuse.sshfs": "SSH",
    "fuse.vmhgfs-fuse": "folder of the host of a VMware machine",
    "fuse.zurg": "WebDAV of a debrid service",
    "glusterfs": "Gluster cluster",
    "lustre": "Lustre cluster",
    "ncpfs": "NetWare",
    "nfs": "NFS 2 and 3",
    "nfs4": "NFS 4",
    "smb3": "Windows share (SMB 3), on Linux",
    "smbfs": "Windows share (SMB), on macOS",
    "vboxsf": "folder of the host of a VirtualBox machine",
    "vmhgfs": "folder of the host of a VMware machine",
    "webdav": "WebDAV, on macOS",
}
"""Kinds of file systems on which each question goes over a network, or to a host, and what they are.

Not here: mergerfs, unionfs, encfs, ntfs-3g and other ``fuse`` ones that lie on local disks, where threads gain nothing.
"""


class Mount(NamedTuple):
    """A line of the mount table."""

    point: bytes
    source: bytes
    file_system: str


@dataclass(frozen=True)
class Profile:
    """How a folder is walked."""

    name: str
    """``local``: one folder after the other; ``remote``: many at once."""
    reason: str
    """Why, for people."""
    file_system: str | None
    """Kind of file system, as the mount table names it."""


def mount_table() -> list[Mount]:
    """The mounts of this machine; read from the kernel's list, so that a dead one is not touched."""
    return [
        Mount(os.fsencode(found.mountpoint), os.fsencode(found.device), found.fstype)
        for found in psutil.disk_partitions(all=True)
    ]


def mount_of(real: bytes, mounts: Iterable[Mount]) -> Mount | None:
    """The mount on which ``real`` lies, a path without symbolic links; of several in one place the last one covers."""
    found: Mount | None = None
    for mount in mounts:
        if is_below(real, mount.point) and (found is None or len(mount.point) >= len(found.point)):
            found = mount
    return found


def profile_of(real: bytes, settings: DiscoverySettings, mounts: Iterable[Mount]) -> Profile:
    """How to walk ``real``, a path without symbolic links: as the settings say, else many at once on network shares."""
    mount = mount_of(real, mounts)
    file_system = mount.file_system if mount else None
    is_set = settings.profile != "auto"
    is_remote = settings.profile == "remote" if is_set else file_system in REMOTE
    if is_set:
        reason = f"the setting discovery.profile says {settings.profile}"
    elif mount:
        reason = f"{file_system} mount of {printable(as_text(mount.source))}"
    else:
        reason = "on no known mount"
    are_many = is_remote and settings.walker == "scandir"
    how = f"{settings.remote_threads} at a time" if are_many else "one after the other"
    return Profile("remote" if is_remote else "local", f"{reason}: folders are listed {how}", file_system)
