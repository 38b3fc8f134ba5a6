"""What the runs of a benchmark say: the whole first, then its scopes, its counts and its switches. Pure.

All functions take frames as :func:`tasks.lab.store.read_benchmark` gives them and return frames that can be shown as
they are. Both sides are compared round by round, so that what disturbs the machine for a while disturbs both.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from tasks.lab.profiles import ALL_BUT, BASELINE, OPTIMIZED, SWITCHES
from tasks.lab.statistics import FEWEST_RUNS, median_of, ratio_of, verdict
from tasks.schema.lab import LabRuns

LEAST_GROWTH_RATIO = 1.1
"""A scope that takes less than a tenth longer is not flagged."""
LEAST_SHARE_RATIO = 0.01
"""Nor is one whose growth is less than this share of the run."""
_GROUP = ("preset", "is_warm")
_MEASURES = {
    "base_s": pl.Float64, "base_low_s": pl.Float64, "base_high_s": pl.Float64,
    "other_s": pl.Float64, "other_low_s": pl.Float64, "other_high_s": pl.Float64,
    "ratio": pl.Float64, "ratio_low": pl.Float64, "ratio_high": pl.Float64, "verdict": pl.String,
}  # fmt: skip


def end_to_end(
    runs: pl.DataFrame, *, base: str = BASELINE, other: str = OPTIMIZED, value: str = "wall_s"
) -> pl.DataFrame:
    """How long whole runs took: a row for each preset, cold and warm.

    Columns: ``preset, is_warm, n, base_s, other_s`` (medians, with ``_low`` and ``_high``), ``ratio`` (how many times
    as long ``base`` took, with its interval) and ``verdict``: ``no difference`` where that interval holds 1, and
    ``too few runs`` below five rounds.

    Args:
        value: what is compared: ``wall_s`` or ``cpu_s``.
    """
    rows = [
        {**group, "n": len(first), **_compared(first[value].to_list(), second[value].to_list())}
        for group, first, second in sides(runs, base, other)
    ]
    return pl.DataFrame(rows, schema={"preset": pl.String, "is_warm": pl.Boolean, "n": pl.Int64, **_MEASURES})


def scopes_side_by_side(
    runs: pl.DataFrame, scopes: pl.DataFrame, *, base: str = BASELINE, other: str = OPTIMIZED
) -> pl.DataFrame:
    """How long each scope was open, on both sides: a row for each preset, cold or warm, and scope, the longest first.

    Columns beside those of :func:`end_to_end`, whose seconds are here the time in which the scope was open:
    ``base_count, other_count`` (medians; null where the scope is not there), ``base_total_s, other_total_s`` (sums of
    the durations) and ``base_concurrency, other_concurrency``. A scope contains others: do not add their times.
    """
    rows: list[dict[str, Any]] = []
    for group, first, second in sides(runs, base, other):
        of_run = scopes.filter(pl.col("run_id").is_in([*first["run_id"], *second["run_id"]])).partition_by(
            "run_id", "name", as_dict=True
        )
        for name in sorted({str(name) for _, name in of_run}):
            of_sides = [[of_run.get((run_id, name)) for run_id in side["run_id"]] for side in (first, second)]
            busy = [[frame["busy_s"].item() if frame is not None else 0.0 for frame in side] for side in of_sides]
            row = {**group, "name": name, "n": len(first), **_compared(*busy)}
            for side, frames in zip(("base", "other"), of_sides, strict=True):
                there = [frame for frame in frames if frame is not None]
                row[f"{side}_count"] = _middle([frame["count"].item() for frame in there])
                row[f"{side}_total_s"] = _middle([frame["total_s"].item() for frame in there])
                row[f"{side}_concurrency"] = _middle([frame["concurrency"].item() for frame in there])
            rows.append(row)
    numbers = [f"{side}_{what}" for what in ("count", "total_s", "concurrency") for side in ("base", "other")]
    schema = {
        "preset": pl.String, "is_warm": pl.Boolean, "name": pl.String, "n": pl.Int64, **_MEASURES,
        **dict.fromkeys(numbers, pl.Float64),
    }  # fmt: skip
    longest = pl.max_horizontal("base_s", "other_s")
    return pl.DataFrame(rows, schema=schema).sort(*_GROUP, longest, "name", descending=[False, False, True, False])


def unshared_scopes(side_by_side: pl.DataFrame) -> list[str]:
    """Names of scopes that only one side has: what they measure cannot be compared."""
    one_sided = side_by_side.filter(pl.col("base_count").is_null() | pl.col("other_count").is_null())
    return sorted(one_sided["name"].unique())


def counts(runs: pl.DataFrame, *, base: str = BASELINE, other: str = OPTIMIZED) -> pl.DataFrame:
    """What was counted on both sides: ``preset, is_warm, count, words, base, other``; medians of the rounds."""
    counted = [
        c for c in LabRuns.columns() if c.name.endswith("_count") or c.name in ("received_bytes", "repeated_bytes")
    ]
    rows = [
        {
            **group,
            "count": column.name,
            "words": column.words,
            "base": _middle(first[column.name].drop_nulls().to_list()),
            "other": _middle(second[column.name].drop_nulls().to_list()),
        }
        for group, first, second in sides(runs, base, other)
        for column in counted
    ]
    schema = {"preset": pl.String, "is_warm": pl.Boolean, "count": pl.String, "words": pl.String}
    return pl.DataFrame(rows, schema={**schema, "base": pl.Float64, "other": pl.Float64})


def switches_worth(runs: pl.DataFrame, *, value: str = "wall_s") -> pl.DataFrame:
    """What each switch is worth: a run with everything as we ship it but one thing, beside one as we ship it.

    Columns: ``preset, is_warm, switch, words, n, base_s`` (without it), ``other_s`` (as we ship it), intervals,
    ``ratio``, ``verdict`` and ``worth_s`` with ``worth_low_s`` and ``worth_high_s`` (the median of the differences of
    each round, with its interval), what is worth most first. Switches do not add up: two that save the same waiting
    save it once, and one that is part of another's old way (``Switch.needs``) is run with it.
    """
    rows = []
    for switch in SWITCHES:
        for group, first, second in sides(runs, f"{ALL_BUT}{switch.name}", OPTIMIZED):
            without, with_it = first[value].to_list(), second[value].to_list()
            worth = median_of([base - other for base, other in zip(without, with_it, strict=True)])
            told = {"worth_s": worth.value, "worth_low_s": worth.low, "worth_high_s": worth.high}
            named = {"switch": switch.name, "words": switch.words, "n": worth.n}
            rows.append({**group, **named, **_compared(without, with_it), **told})
    texts = dict.fromkeys(("switch", "words"), pl.String)
    numbers = dict.fromkeys(("worth_s", "worth_low_s", "worth_high_s"), pl.Float64)
    schema = {"preset": pl.String, "is_warm": pl.Boolean, **texts, "n": pl.Int64, **_MEASURES, **numbers}
    in_order = pl.DataFrame(rows, schema=schema)
    return in_order.sort(*_GROUP, "worth_s", "switch", descending=[False, False, True, False])


def regressions(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Scopes that are open for longer than they were, the one that grew most first.

    Runs of before and after were not made in turn, so nothing pairs them: a scope is flagged where the intervals of its
    medians do not touch. Of five runs each all five must take longer, which chance does for one scope in 252; many
    scopes are looked at. What more is done at once takes no longer, though the sum of its durations may grow.

    Args:
        before, after: rows of ``LabScopes`` (``run_id, name, busy_s``) of some runs.

    Returns:
        ``name, n`` (runs of the side that has fewer), ``before_s, after_s`` (medians of the time in which it was open),
        ``growth_s`` and ``is_certain``: that runs enough say so (``FEWEST_RUNS``). A scope contains others; the first
        row is where to look.
    """
    of_sides = [frame.partition_by("run_id", maintain_order=True) for frame in (before, after)]
    open_s = [[dict(run.select("name", "busy_s").iter_rows()) for run in side] for side in of_sides]
    n = min(map(len, open_s))
    names = sorted({name for side in open_s for run in side for name in run}) if n else []
    whole_s = max((statistics.median(_of(open_s[0], name)) for name in names), default=0.0)
    rows = []
    for name in names:
        earlier, later = (median_of(_of(side, name)) for side in open_s)
        growth_s = later.value - earlier.value
        is_small = growth_s < LEAST_SHARE_RATIO * whole_s or later.value < LEAST_GROWTH_RATIO * earlier.value
        if is_small or later.low <= earlier.high:
            continue
        told = {"before_s": earlier.value, "after_s": later.value, "growth_s": growth_s}
        rows.append({"name": name, "n": n, **told, "is_certain": n >= FEWEST_RUNS})
    numbers = dict.fromkeys(("before_s", "after_s", "growth_s"), pl.Float64)
    schema = {"name": pl.String, "n": pl.Int64, **numbers, "is_certain": pl.Boolean}
    return pl.DataFrame(rows, schema=schema).sort("growth_s", "name", descending=[True, False])


def _of(runs: Sequence[dict[str, float]], name: str) -> list[float]:
    return [run.get(name, 0.0) for run in runs]


def sides(runs: pl.DataFrame, base: str, other: str) -> Iterator[tuple[dict[str, Any], pl.DataFrame, pl.DataFrame]]:
    """For each preset, cold and warm: the runs of both sides, round by round; rounds that one of them lacks are out."""
    for preset, is_warm in runs.select(_GROUP).unique(maintain_order=True).iter_rows():
        of_group = runs.filter(preset=preset, is_warm=is_warm).sort("round")
        first, second = (of_group.filter(profile=profile) for profile in (base, other))
        shared = set(first["round"]) & set(second["round"])
        if shared:
            both = pl.col("round").is_in(sorted(shared))
            yield {"preset": preset, "is_warm": is_warm}, first.filter(both), second.filter(both)


def _compared(base: Sequence[float], other: Sequence[float]) -> dict[str, Any]:
    of_base, of_other = median_of(base), median_of(other)
    ratio = ratio_of(base, other) if min(other) > 0 else None
    return {
        "base_s": of_base.value, "base_low_s": of_base.low, "base_high_s": of_base.high,
        "other_s": of_other.value, "other_low_s": of_other.low, "other_high_s": of_other.high,
        "ratio": ratio and ratio.value, "ratio_low": ratio and ratio.low, "ratio_high": ratio and ratio.high,
        "verdict": verdict(ratio) if ratio else None,
    }  # fmt: skip


def _middle(values: Sequence[float]) -> float | None:
    return float(statistics.median(values)) if values else None
