"""Which of the stored benchmarks answers a question, and what is said of where its answer comes from. Pure.

A question is about profiles: the newest benchmark that has them answers it, however many newer ones of the same preset
were made without them.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tasks.lab.profiles import ALL_BUT, OPTIMIZED
from tasks.lab.store import Benchmark, Manifest


def newest_with(kept: Sequence[Benchmark], preset: str, *profiles: str) -> Benchmark | None:
    """The newest benchmark of ``preset`` that measured first refreshes, or replays, with all of ``profiles``.

    Args:
        kept: benchmarks, the newest first.
    """
    return next((one for one in kept if one.manifest.preset == preset and _measured(one) >= set(profiles)), None)


def newest_ablation(kept: Sequence[Benchmark], preset: str) -> Benchmark | None:
    """The benchmark of ``preset`` in which most things were done the old way one by one, beside what we ship.

    Of several the newest: one old way tried alone later hides no table of all of them.
    """
    tried = [(one, _switches_tried(one)) for one in kept if one.manifest.preset == preset]
    found, most = max(tried, key=lambda pair: pair[1], default=(None, 0))  # the first of equals, which is the newest
    return found if most else None


def _measured(one: Benchmark) -> set[str]:
    """Profiles with a first refresh, or a replay."""
    return set(one.runs.filter(is_warm=False)["profile"])


def _switches_tried(one: Benchmark) -> int:
    measured = _measured(one)
    return sum(name.startswith(ALL_BUT) for name in measured) if OPTIMIZED in measured else 0


def round_count(runs: pl.DataFrame) -> int:
    """Rounds in which all profiles in ``runs`` had their turn: of a benchmark that was stopped fewer than planned."""
    first = runs.filter(is_warm=False)
    of_round = first.group_by("round").agg(pl.col("profile").n_unique())
    return of_round.filter(profile=first["profile"].n_unique()).height


def commit_words(manifest: Manifest) -> str:
    """The commit that was measured, for people."""
    if manifest.commit is None:
        return "no checkout"
    return manifest.commit[:10] + (" and changes" if manifest.commit.endswith("+") else "")


def machine_words(manifest: Manifest) -> str:
    """The kind of machine a benchmark was run on, for people; what its manifest does not say is called unknown."""
    host = dict.fromkeys(("system", "machine", "cores", "python"), "unknown") | dict(manifest.host)
    return f"{host['system']} {host['machine']}, {host['cores']} cores, Python {host['python']}"


def is_same_machine(one: Manifest, other: Manifest) -> bool:
    """Whether two benchmarks were run on a machine of one kind.

    Memory is left out: another kernel tells some bytes more or less of the same.
    """
    mine, yours = ({name: fact for name, fact in of.host.items() if name != "memory_bytes"} for of in (one, other))
    return mine == yours
