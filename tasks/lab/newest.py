"""Which of the stored benchmarks answers a question, and what is said of where its answer comes from. Pure.

A question is about profiles: the newest benchmark that has them answers it, however many newer ones of the same preset
were made without them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from tasks.lab.profiles import ALL_BUT, OPTIMIZED
from tasks.lab.store import Benchmark, Manifest


def newest_with(kept: Sequence[Benchmark], preset: str, *profiles: str) -> Benchmark | None:
    """The newest benchmark of ``preset`` that measured first refreshes, or replays, with all of ``profiles``.

    Args:
        kept: benchmarks, the newest first.
    """
    return _newest(kept, preset, lambda measured: measured >= set(profiles))


def newest_ablation(kept: Sequence[Benchmark], preset: str) -> Benchmark | None:
    """The newest benchmark of ``preset`` that measured what we ship, and that with a single thing done the old way."""
    return _newest(
        kept, preset, lambda measured: OPTIMIZED in measured and any(name.startswith(ALL_BUT) for name in measured)
    )


def _newest(kept: Sequence[Benchmark], preset: str, answers: Callable[[set[str]], bool]) -> Benchmark | None:
    of_preset = (one for one in kept if one.manifest.preset == preset)
    return next((one for one in of_preset if answers(set(one.runs.filter(is_warm=False)["profile"]))), None)


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
    """The kind of machine a benchmark was run on, for people."""
    host = manifest.host
    return f"{host['system']} {host['machine']}, {host['cores']} cores, Python {host['python']}"


def is_same_machine(one: Manifest, other: Manifest) -> bool:
    """Whether two benchmarks were run on a machine of one kind.

    Memory is left out: another kernel tells some bytes more or less of the same.
    """
    mine, yours = ({name: fact for name, fact in of.host.items() if name != "memory_bytes"} for of in (one, other))
    return mine == yours
