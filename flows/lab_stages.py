"""What the stages of measured runs took of the machine: as rows of a benchmark, and as a table for people."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import polars as pl

from flows.benchmark_runs import table
from tasks.core.units import human_size
from tasks.lab.store import Benchmark
from tasks.schema.lab import LabStages
from tasks.timings.by_stage import NETWORK, REST, stages

LEAST_SHARE_RATIO = 0.01
"""Stages that take less of the time and of the CPU time of every profile are left out."""


def stages_of(timings: pl.DataFrame, run_id: str) -> pl.DataFrame:
    """The stages of a run as rows of ``LabStages``."""
    return LabStages.fitted(stages(timings).with_columns(pl.lit(run_id).alias("run_id")))


def stages_table(benchmark: Benchmark) -> str:
    """CPU time, memory and storage of the stages of a first refresh: medians of the first two profiles, side by side.

    Without storage where the benchmark tells none; empty where it stored no stages.
    """
    first_runs = benchmark.runs.filter(~pl.col("is_warm"))
    profiles = list(benchmark.manifest.profiles)[:2]
    sides = [
        _medians(benchmark.stages.join(first_runs.filter(profile=profile), on="run_id", how="semi"))
        for profile in profiles
    ]
    heads, note = dict(_HEADS), _NOTE
    if any(row[measure] is not None for side in sides for row in side.values() for measure in _STORAGE):
        heads, note = heads | _STORAGE, f"{_NOTE} {_STORAGE_NOTE}"
    rows = [
        [name, *(cell for side in sides for cell in _cells(side.get(name), list(heads)))]
        for name in _in_order(sides)
        if any(_is_telling(side, name) for side in sides)
    ]
    if not rows:
        return ""
    first_word, *words = heads.values()
    named = [word for profile in profiles for word in (f"{profile}: {first_word}", *words)]
    return f"{table(('stage of a first refresh', *named), rows)}\n\n{note}{_words_on_prefect(first_runs, profiles)}"


_HEADS = {"busy_s": "at work", "cpu_s": "CPU", "peak_bytes": "most memory"}
_STORAGE = {"read_bytes": "read", "written_bytes": "written"}
_NOTE = (
    f"CPU: threads of the steps, and workers. {NETWORK} is the thread that talks to hosts. {REST} is the time without "
    "a step, and all other CPU time of the run: Prefect, threads of Polars and DuckDB. Memory is that of run and "
    "workers together, known every half second; stages that work at the same time share it."
)
_STORAGE_NOTE = (
    "Read and written is what went from and to storage, not what the page cache answered; stages that work at the same "
    "time divide it."
)


def _words_on_prefect(runs: pl.DataFrame, profiles: Sequence[str]) -> str:
    """A sentence on the time inside the flow that Prefect's scopes alone explain; none where no run tells it."""
    shares = {profile: runs.filter(profile=profile)["prefect_ratio"].drop_nulls().to_list() for profile in profiles}
    told = [f"{statistics.median(found):.1%} ({profile})" for profile, found in shares.items() if found]
    return f" Of the time inside the flow Prefect alone was at work in {', '.join(told)}." if told else ""


_Row = dict[str, float | None]


def _medians(stages_of_runs: pl.DataFrame) -> dict[str, _Row]:
    """Stage -> medians over the runs, in the order of the stages."""
    return {
        str(name): {
            measure: statistics.median(known) if (known := rows[measure].drop_nulls().to_list()) else None
            for measure in (*_HEADS, *_STORAGE)
        }
        for (name,), rows in stages_of_runs.partition_by("stage", as_dict=True, maintain_order=True).items()
    }


def _in_order(sides: Sequence[dict[str, _Row]]) -> list[str]:
    """The stages of all sides in their order, what is no stage last."""
    names = dict.fromkeys(name for side in sides for name in side)
    return sorted(names, key=lambda name: name in (NETWORK, REST))


def _is_telling(side: dict[str, _Row], name: str) -> bool:
    for measure in ("busy_s", "cpu_s"):
        whole = sum(row[measure] or 0 for row in side.values())
        if ((side.get(name) or {}).get(measure) or 0) > LEAST_SHARE_RATIO * whole:
            return True
    return False


def _cells(row: _Row | None, measures: Sequence[str]) -> list[str]:
    known = row or {}
    return [_cell(measure, known.get(measure)) for measure in measures]


def _cell(measure: str, value: float | None) -> str:
    if value is None:
        return ""
    return human_size(value) if measure.endswith("_bytes") else f"{value:.2f} s"
