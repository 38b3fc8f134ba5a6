"""What a container lets a process use, read from texts as the kernel writes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.core.machine import cgroup_texts, core_count, cores_of, memory_of


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("max 100000\n", None),
        ("200000 100000\n", 2.0),
        ("150000 100000\n", 1.5),
        ("50000 100000\n", 0.5),
        ("10000 20000\n", 0.5),
        ("", None),
        ("100000 0\n", None),
        ("-1 100000\n", None),
    ],
)
def test_cores_of_a_share_of_time(text, cores):
    """
    Microseconds of work in so many microseconds; "max" is no bound, and neither is what nobody can read.
    """
    assert cores == cores_of(text)


@pytest.mark.parametrize(
    ("text", "size_bytes"), [("max\n", None), ("1073741824\n", 2**30), ("", None), ("many\n", None)]
)
def test_memory_of_a_group(text, size_bytes):
    """
    Bytes, or no bound.
    """
    assert size_bytes == memory_of(text)


def a_group(groups: Path, place: str, cpu_max: str) -> None:
    (groups / place).mkdir(parents=True, exist_ok=True)
    (groups / place / "cpu.max").write_text(cpu_max, encoding="utf-8")


@pytest.mark.parametrize(
    ("own", "texts"),
    [
        ("0::/system.slice/reelhouse.service\n", ["100000 100000\n", "max 100000\n"]),
        ("12:cpu,cpuacct:/elsewhere\n0::/system.slice\n", ["max 100000\n"]),
        ("0::/\n", []),
        ("12:cpu,cpuacct:/system.slice\n", []),
        ("0::/gone\n", []),
    ],
)
def test_a_group_is_bound_by_all_it_lies_in(tmp_path, own, texts):
    """
    Its own bounds come first, then those of the groups above; the topmost one has none. Version 1 says nothing.
    """
    a_group(tmp_path / "groups", "system.slice", "max 100000\n")
    a_group(tmp_path / "groups", "system.slice/reelhouse.service", "100000 100000\n")
    (tmp_path / "own").write_text(own, encoding="utf-8")

    assert texts == cgroup_texts("cpu.max", groups=tmp_path / "groups", own=tmp_path / "own")


def test_inside_a_container_its_group_is_the_root(tmp_path):
    """
    The kernel shows a container its own group as the topmost one, with its bounds.
    """
    a_group(tmp_path / "groups", ".", "50000 100000\n")
    (tmp_path / "own").write_text("0::/\n", encoding="utf-8")

    assert ["50000 100000\n"] == cgroup_texts("cpu.max", groups=tmp_path / "groups", own=tmp_path / "own")


def test_without_control_groups_nothing_is_bound(tmp_path):
    """
    As on macOS, where there is no /proc.
    """
    assert [] == cgroup_texts("cpu.max", groups=tmp_path, own=tmp_path / "none")


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be bound to cores here")
def test_a_process_bound_to_one_core_has_one():
    """
    As with taskset, or docker run --cpuset-cpus.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert 1 == core_count()
    finally:
        os.sched_setaffinity(0, before)
