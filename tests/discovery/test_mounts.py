"""Which file system a folder lies on, and how it is walked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.core.settings import DiscoverySettings
from tasks.discovery.mounts import REMOTE, Mount, mount_of, mount_table, profile_of

MOUNTS = [
    Mount(b"/", b"/dev/sda1", "ext4"),
    Mount(b"/nas", b"nas:/films", "nfs4"),
    Mount(b"/nas/usb", b"/dev/sdb1", "ntfs3"),
    Mount(b"/pool", b"a:b", "fuse.mergerfs"),
    Mount(b"/auto", b"auto.nas", "autofs"),
    Mount(b"/auto", b"//nas/films", "cifs"),
    Mount(b"/caf\xe9", b"[red]:\xe9\n", "fuse.sshfs"),
]


@pytest.mark.parametrize(
    ("path", "point"),
    [
        (b"/home/films", b"/"),
        (b"/nas", b"/nas"),
        (b"/nas/films", b"/nas"),
        (b"/nas2/films", b"/"),
        (b"/nas/usb/films", b"/nas/usb"),
    ],
)
def test_the_longest_mount_point_holds_a_path(path, point):
    """
    A mount inside another one hides what lies below it; a name that begins alike is another folder.
    """
    found = mount_of(path, MOUNTS)

    assert found is not None
    assert point == found.point


def test_of_two_mounts_in_one_place_the_later_one_holds():
    """
    An automounter's own mount stands first, the share it has mounted over itself covers it.
    """
    assert MOUNTS[5] == mount_of(b"/auto/films", MOUNTS)


@pytest.mark.parametrize(
    ("path", "profile", "name", "reason"),
    [
        (b"/films", "auto", "local", "ext4 mount of /dev/sda1: folders are listed one after the other"),
        (b"/nas/films", "auto", "remote", "nfs4 mount of nas:/films: folders are listed 16 at a time"),
        (b"/pool/films", "auto", "local", "fuse.mergerfs mount of a:b: folders are listed one after the other"),
        (b"/caf\xe9/x", "auto", "remote", "fuse.sshfs mount of [red]:\\xe9\\n: folders are listed 16 at a time"),
        (b"/films", "remote", "remote", "the setting discovery.profile says remote: folders are listed 16 at a time"),
        (
            b"/nas/films",
            "local",
            "local",
            "the setting discovery.profile says local: folders are listed one after the other",
        ),
    ],
)
def test_the_profile_and_its_reason(path, profile, name, reason):
    """
    What is set holds, else the kind of mount; the reason is a sentence for people.
    """
    found = profile_of(path, DiscoverySettings(profile=profile), MOUNTS)

    assert (name, reason) == (found.name, found.reason)


@pytest.mark.parametrize("kind", sorted(REMOTE))
def test_every_remote_kind_is_walked_by_threads(kind):
    """
    Each kind of the list leads to the remote profile and says in a word what it is.
    """
    found = profile_of(b"/x", DiscoverySettings(remote_threads=5), [Mount(b"/", b"x", kind)])

    assert ("remote", kind) == (found.name, found.file_system)
    assert found.reason.endswith("5 at a time")
    assert REMOTE[kind]


def test_the_walker_for_comparisons_is_told_as_it_is():
    """
    A share stays one, but its folders are listed one after the other.
    """
    found = profile_of(b"/x", DiscoverySettings(walker="listdir"), [Mount(b"/", b"nas:/films", "nfs4")])

    assert ("remote", "nfs4 mount of nas:/films: folders are listed one after the other") == (found.name, found.reason)


def test_without_a_mount_table_it_is_local():
    """
    Where the system tells nothing, nothing is claimed.
    """
    found = profile_of(b"/x", DiscoverySettings(), [])

    assert ("local", None) == (found.name, found.file_system)


@pytest.mark.skipif(sys.platform != "linux", reason="needs stat of the GNU tools")
def test_the_mount_table_is_that_of_the_machine(tmp_path):
    """
    ``df`` says the same about a folder and about the kernel's own: kind and mount point.
    """
    table = mount_table()

    for path in (tmp_path, Path("/proc")):
        mount = mount_of(os.path.realpath(os.fsencode(path)), table)
        done = subprocess.run(["df", "--output=fstype,target", str(path)], capture_output=True, text=True, check=True)
        kind, point = done.stdout.splitlines()[1].split(maxsplit=1)
        assert mount is not None
        assert (kind, point) == (mount.file_system, os.fsdecode(mount.point))
