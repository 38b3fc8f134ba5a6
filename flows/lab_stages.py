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
    """CPU time and memory of the stages of a first refresh: medians of the first two profiles, side by side.

    Empty where the benchmark stored no stages.
    """
    first_runs = benchmark.runs.filter(~pl.col("is_warm"))
    profiles = list(benchmark.manifest.profiles)[:2]
    sides = [
        _medians(benchmark.stages.join(first_runs.filter(profile=profile), on="run_id", how="semi"))
        for profile in profiles
    ]
    rows = [
        [name, *(cell for side in sides for cell in _cells(side.get(name)))]
        for name in _in_order(sides)
        if any(_is_telling(side, name) for side in sides)
    ]
    if not rows:
        return ""
    heads = [head for profile in profiles for head in (f"{profile}: at work", "CPU", "most memory")]
    return f"{table(('stage of a first refresh', *heads), rows)}\n\n{_NOTE}{_words_on_prefect(first_runs, profiles)}"


_NOTE = (
    f"CPU: threads of the steps, and workers. {NETWORK} is the thread that talks to hosts. {REST} is the time without "
    "a step, and all other CPU time of the run: Prefect, threads of Polars and DuckDB. Memory is that of run and "
    "workers together, known every half second; stages that work at the same time share it."
)


def _words_on_prefect(runs: pl.DataFrame, profiles: Sequence[str]) -> str:
    """A sentence on the time inside the flow that Prefect's scopes alone explain; none where no run tells it."""
    shares = {profile: runs.filter(profile=profile)["prefect_ratio"].drop_nulls().to_list() for profile in profiles}
    told = [f"{statistics.median(found):.1%} ({profile})" for profile, found in shares.items() if found]
    return f" Of the time inside the flow Prefect alone was at work in {', '.join(told)}." if told else ""


_Row = dict[str, float | None]
_MEASURES = ("busy_s", "cpu_s", "peak_bytes")


def _medians(stages_of_runs: pl.DataFrame) -> dict[str, _Row]:
    """Stage -> medians over the runs, in the order of the stages."""
    return {
        str(name): {
            measure: statistics.median(known) if (known := rows[measure].drop_nulls().to_list()) else None
            for measure in _MEASURES
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


def _cells(row: _Row | None) -> list[str]:
    if row is None:
        return ["", "", ""]
    busy_s, cpu_s, peak_bytes = (row[measure] for measure in _MEASURES)
    return [
        "" if busy_s is None else f"{busy_s:.2f} s",
        "" if cpu_s is None else f"{cpu_s:.2f} s",
        "" if peak_bytes is None else human_size(peak_bytes),
    ]
