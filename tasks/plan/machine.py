"""What the machine offers for a run: cores, memory, and the kinds of disks its folders lie on. Reads the kernel."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from tasks.core.machine import core_count, memory_bound_bytes
from tasks.plan.adapt import Disk, Machine

DEVICES = Path("/sys/dev/block")
VIRTUAL_VENDORS = frozenset({"QEMU", "VMware", "VMware,", "Msft", "VBOX", "Google", "Xen", "Nutanix", "OPENSTAC"})
"""Makers of disks of virtual machines, as SCSI disks name them."""


def machine_of(roots: Iterable[tuple[str, int | None]]) -> Machine:
    """What is there for a run over ``roots``: of each the profile it is walked by, and its device number if known.

    Folders are not touched, as a disk may not answer: ``root_listings`` says both.
    """
    disks = {
        (profile, device): Disk(profile, None if device is None or profile == "remote" else is_rotational(device))
        for profile, device in sorted(roots, key=str)
    }
    available_bytes = psutil.virtual_memory().available
    bound_bytes = memory_bound_bytes()
    return Machine(
        cores=core_count(),
        available_bytes=available_bytes if bound_bytes is None else min(available_bytes, bound_bytes),
        disks=tuple(disks.values()),
    )


def is_rotational(device: int, *, devices: Path = DEVICES) -> bool | None:
    """Whether the disk of a device number turns; ``None`` where the kernel does not know, as for btrfs and ZFS.

    Disks of virtual machines, and what is put together of disks (LVM, RAID), count as turning for the kernel where
    nobody has told it otherwise, so that a yes is believed of real disks only. A partition's folder lies in its disk's.
    """
    try:
        place = (devices / f"{os.major(device)}:{os.minor(device)}").resolve(strict=True)
    except OSError:
        return None
    for disk in (place, place.parent):
        with suppress(OSError):
            is_said_to = (disk / "queue" / "rotational").read_text(encoding="ascii").strip() == "1"
            return (True if _is_real(disk) else None) if is_said_to else False
    return None


def _is_real(disk: Path) -> bool:
    if not disk.name.startswith("sd"):
        return False
    try:
        vendor = (disk / "device" / "vendor").read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return False
    return vendor not in VIRTUAL_VENDORS
