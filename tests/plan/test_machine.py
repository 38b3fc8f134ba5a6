"""What the machine offers: the kinds of its disks, and memory and cores of its own."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from tasks.plan.adapt import Disk
from tasks.plan.machine import is_rotational, machine_of


def a_disk(devices: Path, *, rotational: str, name: str = "sdb", vendor: str = "ATA") -> None:
    """A disk 8:16 with a partition 8:17, linked as the kernel does it."""
    disk = devices.parent / "devices" / name
    (disk / "device").mkdir(parents=True)
    (disk / "device" / "vendor").write_text(f"{vendor:8}\n", encoding="ascii")
    (disk / "sdb1").mkdir(parents=True)
    (disk / "queue").mkdir()
    (disk / "queue" / "rotational").write_text(f"{rotational}\n", encoding="ascii")
    devices.mkdir()
    (devices / "8:16").symlink_to(disk)
    (devices / "8:17").symlink_to(disk / "sdb1")


@pytest.mark.parametrize("minor", [16, 17], ids=["disk", "partition"])
@pytest.mark.parametrize(("rotational", "turns"), [("1", True), ("0", False)])
def test_a_disk_turns_as_the_kernel_says(tmp_path, minor, rotational, turns):
    """
    The file lies with the disk; a partition is asked through it.
    """
    a_disk(tmp_path / "block", rotational=rotational)

    assert turns is is_rotational(os.makedev(8, minor), devices=tmp_path / "block")


@pytest.mark.parametrize(
    ("name", "vendor", "rotational", "turns"),
    [("vda", "0x1af4", "1", None), ("sdb", "QEMU", "1", None), ("dm-0", "", "1", None), ("nvme0n1", "", "0", False)],
)
def test_a_virtual_disk_is_not_believed_to_turn(tmp_path, name, vendor, rotational, turns):
    """
    virtio and virtual SCSI disks say that they turn, whatever they lie on; a disk that says no is believed.
    """
    a_disk(tmp_path / "block", rotational=rotational, name=name, vendor=vendor)

    assert turns is is_rotational(os.makedev(8, 16), devices=tmp_path / "block")


def test_nobody_knows_of_a_device_without_a_disk(tmp_path):
    """
    btrfs, ZFS and overlay file systems have device numbers of their own.
    """
    a_disk(tmp_path / "block", rotational="1")

    assert is_rotational(os.makedev(0, 51), devices=tmp_path / "block") is None


def test_roots_on_one_disk_count_once():
    """
    Two folders of one device are one disk, two shares are one kind of waiting.
    """
    roots = [("local", 51), ("local", 51), ("remote", None), ("remote", None)]

    assert (Disk("local"), Disk("remote")) == machine_of(roots).disks


def test_there_are_a_core_and_some_memory():
    """
    No more than the machine has.
    """
    machine = machine_of([])

    assert 1 <= machine.cores <= (os.cpu_count() or 1)
    assert 0 < (machine.available_bytes or 0) <= psutil.virtual_memory().total
    assert () == machine.disks
