"""What this process may use of the machine: cores, and the bounds that a container sets.

A container sees all cores and all memory of its host; what it may use stands in its control group (cgroup v2, the
kernel's Documentation/admin-guide/cgroup-v2.rst). Version 1, which distributions have given up, is not looked at.
"""

from __future__ import annotations

import math
import os
from pathlib import Path, PurePosixPath

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


def core_count() -> int:
    """Cores this process may use: those it is bound to, and no more than its container's share of time.

    A share of a core and a half counts as two, as the JVM and Go take it.
    """
    try:
        bound_count = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        bound_count = os.cpu_count() or 1
    shares = [cores for text in cgroup_texts("cpu.max") if (cores := cores_of(text)) is not None]
    return max(1, min([bound_count, *(math.ceil(share) for share in shares)]))


def memory_bound_bytes() -> int | None:
    """Memory that this process and all others of its container may use together; ``None`` where nothing bounds it."""
    bounds = [bound for text in cgroup_texts("memory.max") if (bound := memory_of(text)) is not None]
    return min(bounds, default=None)


def cgroup_texts(name: str, *, groups: Path = CGROUPS, own: Path = OWN_CGROUP) -> list[str]:
    """The file ``name`` of the process's control group and of all those it lies in, as each of them binds it.

    Empty where there are none, as on macOS. Inside a container the group is ``/``, whatever the host calls it.
    """
    try:
        (line,) = [line for line in own.read_text(encoding="utf-8").splitlines() if line.startswith("0::")]
    except (OSError, ValueError):
        return []
    group = PurePosixPath(line.removeprefix("0::").lstrip("/"))
    texts = []
    for place in (group, *group.parents):
        try:
            texts.append((groups / place / name).read_text(encoding="utf-8"))
        except OSError:  # the topmost group has no bounds
            continue
    return texts


def cores_of(cpu_max: str) -> float | None:
    """Cores that ``cpu.max`` allows: its first number (microseconds) in every second one; ``None`` without a bound.

    >>> cores_of("150000 100000")
    1.5
    >>> cores_of("max 100000") is None
    True
    """
    match cpu_max.split():
        case [quota, period] if quota.isdecimal() and period.isdecimal() and int(period):
            return int(quota) / int(period)
    return None


def memory_of(memory_max: str) -> int | None:
    """Bytes that ``memory.max`` allows; ``None`` for ``max``, which is no bound.

    >>> memory_of("2147483648")
    2147483648
    >>> memory_of("max") is None
    True
    """
    text = memory_max.strip()
    return int(text) if text.isdecimal() else None
