"""What many runs tell together: tables of runs, stages and causes, drift, growth, and how far predictions held.

Pure. A run comes in as :class:`tasks.timings.costs.PastRun` (its record and its timings) and is reduced at once to what
is needed of it (:func:`told`), so that the timings of one run at a time are in memory. All functions take the runs in
the order of their start.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from tasks.timings.costs import FEWEST_ITEMS, Lesson, PastRun, expected_s, learnt, lesson, predictions

FEWEST_RUNS = 5
"""Runs that a statement about growth or drift rests on at least."""
LEAST_RANGE = 4.0
"""The largest run must be so many times the smallest to tell how time grows with work."""
ALIKE_RATIO = 3.0
"""Runs are alike that worked on at most so many times as many items: the fewer, the more a start adds to each."""
DRIFT_RATIO = 1.5
"""An item that takes so many times what it took is told, if no earlier run was as slow."""
WIDEST_INTERVAL = 1.0
"""An interval of exponents that is wider says nothing."""
NEARLY_ONE = 0.05
"""An exponent that differs from 1 by no more changes the time of ten times the work by an eighth at most."""
_RESAMPLES = 1_000
_TIME = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class ToldRun:
    """What is kept of a run."""

    record: Mapping[str, Any]
    lesson: Lesson

    @property
    def started_at(self) -> datetime:
        """When it began."""
        return datetime.fromisoformat(self.record["started_at"])


def told(run: PastRun) -> ToldRun:
    """What is needed of a run; its timings can be let go."""
    return ToldRun(run.record, lesson(run))


def runs_table(runs: Sequence[ToldRun]) -> pl.DataFrame:
    """One row a run.

    Columns: ``run_id, name, started_at, state, wall_s`` (null for a run that was cut off), ``file_count`` (files
    found), ``measured_count``, ``call_count``, ``cache_hit_count`` (answers taken from those kept),
    ``cache_hit_ratio`` (of all answers; null where none was needed), ``image_count``, ``failed_count``,
    ``set_aside_count``, ``work``: ``nothing new`` where no stage after the listing had work, else ``new work``.
    """
    rows = []
    for run in runs:
        record = run.record
        counters = record.get("counters") or {}
        hit_count, call_count = counters.get("cache_hits", 0), record.get("call_count", 0)
        worked_on = sum(count for stage, count in run.lesson.items.items() if stage != "discover")
        rows.append(
            {
                "run_id": record["run_id"],
                "name": record["name"],
                "started_at": run.started_at,
                "state": record["state"],
                "wall_s": record.get("wall_s"),
                "file_count": record.get("file_count", 0),
                "measured_count": record.get("probe_count", 0),
                "call_count": call_count,
                "cache_hit_count": hit_count,
                "cache_hit_ratio": hit_count / (hit_count + call_count) if hit_count + call_count else None,
                "image_count": record.get("image_count", 0),
                "failed_count": len(record.get("failures", ())),
                "set_aside_count": len(record.get("quarantine", ())),
                "work": "new work" if worked_on else "nothing new",
            }
        )
    return pl.DataFrame(rows, schema=_RUNS)


_RUNS: dict[str, Any] = {
    "run_id": pl.String, "name": pl.String, "started_at": _TIME, "state": pl.String, "wall_s": pl.Float64,
    "file_count": pl.Int64, "measured_count": pl.Int64, "call_count": pl.Int64, "cache_hit_count": pl.Int64,
    "cache_hit_ratio": pl.Float64, "image_count": pl.Int64, "failed_count": pl.Int64, "set_aside_count": pl.Int64,
    "work": pl.String,
}  # fmt: skip


def stages_table(runs: Sequence[ToldRun]) -> pl.DataFrame:
    """One row a run and stage.

    Columns: ``run_id, started_at, stage, total_count, unchanged_count, unchanged_ratio`` (share of the items that
    needed no work), ``worked_count``, ``busy_s`` (null without timings), ``item_s``: busy time an item, null where
    fewer than ten were worked on: that says what a start costs.
    """
    rows = []
    for run in runs:
        for row in run.record.get("run_stages", ()):
            stage = row["stage"]
            busy_s, worked_count = run.lesson.busy_s.get(stage), run.lesson.items[stage]
            total_count, unchanged_count = row["total_count"], row["unchanged_count"]
            rows.append(
                {
                    "run_id": run.record["run_id"],
                    "started_at": run.started_at,
                    "stage": stage,
                    "total_count": total_count,
                    "unchanged_count": unchanged_count,
                    "unchanged_ratio": unchanged_count / total_count if total_count else None,
                    "worked_count": worked_count,
                    "busy_s": busy_s,
                    "item_s": busy_s / worked_count if busy_s is not None and worked_count >= FEWEST_ITEMS else None,
                }
            )
    return pl.DataFrame(rows, schema=_STAGES)


_STAGES: dict[str, Any] = {
    "run_id": pl.String, "started_at": _TIME, "stage": pl.String, "total_count": pl.Int64, "unchanged_count": pl.Int64,
    "unchanged_ratio": pl.Float64, "worked_count": pl.Int64, "busy_s": pl.Float64, "item_s": pl.Float64,
}  # fmt: skip


def causes_table(runs: Sequence[ToldRun]) -> pl.DataFrame:
    """Items that failed or were set aside, by cause: ``run_id, started_at, stage, cause, outcome, item_count``.

    ``outcome`` is ``failed`` (the next refresh tries again) or ``set aside`` (it does not go better by itself). Where
    no error set an item aside, the first words of the reason stand for the cause.
    """
    rows = []
    for run in runs:
        found = [(row["stage"], row["cause"], "failed") for row in run.record.get("failures", ())]
        found += [
            (row["refused_by"], row.get("cause") or row["reason"].partition(":")[0], "set aside")
            for row in run.record.get("quarantine", ())
        ]
        rows += [
            {
                "run_id": run.record["run_id"],
                "started_at": run.started_at,
                "stage": stage,
                "cause": cause,
                "outcome": outcome,
            }
            for stage, cause, outcome in found
        ]
    by = ["run_id", "started_at", "stage", "cause", "outcome"]
    schema: dict[str, Any] = dict.fromkeys(by, pl.String) | {"started_at": _TIME}
    counted = pl.DataFrame(rows, schema=schema).group_by(by, maintain_order=True)
    return counted.agg(pl.len().cast(pl.Int64).alias("item_count"))


def drift(stages: pl.DataFrame) -> pl.DataFrame:
    """Whether an item of a stage takes longer now than it did, from :func:`stages_table`; one row a stage.

    The newest run is set beside those before that worked on a third to three times as many items.

    Columns: ``stage, run_count`` (such runs before), ``earlier_s`` (median of an item in them), ``least_s, most_s``
    (their range), ``newest_s, ratio`` (newest to median), ``verdict``: ``slower`` where the newest is beyond all of
    them and at least half as slow again as their median, ``faster`` where it is below all and at most two thirds,
    ``too few runs`` where there are fewer than four, else ``as before``.
    """
    rows = []
    for (stage,), group in stages.drop_nulls("item_s").group_by("stage", maintain_order=True):
        *before, (newest_count, newest_s) = group.sort("started_at").select("worked_count", "item_s").rows()
        earlier = [s for count, s in before if newest_count / ALIKE_RATIO <= count <= newest_count * ALIKE_RATIO]
        row = {"stage": stage, "run_count": len(earlier), "newest_s": newest_s, "verdict": "too few runs"}
        if earlier:
            middle = statistics.median(earlier)
            row |= {"earlier_s": middle, "least_s": min(earlier), "most_s": max(earlier), "ratio": newest_s / middle}
        if len(earlier) + 1 >= FEWEST_RUNS:
            is_slower = newest_s > max(earlier) and newest_s >= middle * DRIFT_RATIO
            is_faster = newest_s < min(earlier) and newest_s <= middle / DRIFT_RATIO
            row["verdict"] = "slower" if is_slower else "faster" if is_faster else "as before"
        rows.append(row)
    return pl.DataFrame(rows, schema=_DRIFT)


_DRIFT: dict[str, Any] = {
    "stage": pl.String, "run_count": pl.Int64, "earlier_s": pl.Float64, "least_s": pl.Float64, "most_s": pl.Float64,
    "newest_s": pl.Float64, "ratio": pl.Float64, "verdict": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Scaling:
    """How time grows with work: ``time ~ work ** exponent``, so that 1 means twice the work, twice the time."""

    exponent: float | None
    """Slope of log time over log work, by least squares; ``None`` where it cannot be told."""
    low: float | None
    """With ``high`` the interval that 95 % of resamples of the runs give."""
    high: float | None
    run_count: int
    why_not: str | None
    """Why it cannot be told."""

    @property
    def verdict(self) -> str:
        """The same in words."""
        if self.low is None or self.high is None:
            return f"cannot be told: {self.why_not}"
        if self.high - self.low > WIDEST_INTERVAL:
            return "cannot be told: the runs differ too much"
        if self.low >= 1 - NEARLY_ONE and self.high <= 1 + NEARLY_ONE:
            return "in step with the work, as far as these runs can tell"
        if self.low > 1:
            return "more than in step with the work"
        if self.high < 1:
            return "less than in step with the work, as where a fixed part is shared"
        return "in step with the work, as far as these runs can tell"


def scaling(points: Iterable[tuple[float, float]]) -> Scaling:
    """The exponent from ``(work, seconds)`` of runs; those without work or time are left out.

    The interval comes from drawing as many runs, with repetition, a thousand times (the dice always fall the same way).
    With few runs it is rather too narrow.
    """
    logs = [(math.log(work), math.log(taken_s)) for work, taken_s in points if work > 0 and taken_s > 0]
    if len(logs) < FEWEST_RUNS:
        reason = f"{len(logs)} run{'s' if len(logs) != 1 else ''} with work; it takes {FEWEST_RUNS}"
        return Scaling(None, None, None, len(logs), reason)
    spread = math.exp(max(work for work, _ in logs) - min(work for work, _ in logs))
    if spread < LEAST_RANGE:
        reason = f"the largest run is {spread:.1f} times the smallest; it takes {LEAST_RANGE:g} times"
        return Scaling(None, None, None, len(logs), reason)
    chance = random.Random(1)
    slopes = sorted(
        _slope(drawn)
        for drawn in (chance.choices(logs, k=len(logs)) for _ in range(_RESAMPLES))
        if len({work for work, _ in drawn}) > 1
    )
    low, high = slopes[int(0.025 * len(slopes))], slopes[int(0.975 * len(slopes))]
    return Scaling(_slope(logs), low, high, len(logs), None)


def _slope(logs: Sequence[tuple[float, float]]) -> float:
    return statistics.linear_regression([work for work, _ in logs], [taken for _, taken in logs]).slope


def scalings(runs: Sequence[ToldRun]) -> dict[str, Scaling]:
    """How the whole run (by files measured) and each stage (by its items) grow with the work; ``run`` first."""
    found = {
        "run": scaling(
            (run.record.get("probe_count", 0), run.record["wall_s"])
            for run in runs
            if run.record.get("probe_count", 0) >= FEWEST_ITEMS and run.record.get("wall_s")
        )
    }
    worked = stages_table(runs).drop_nulls("item_s")
    for (stage,), group in worked.group_by("stage", maintain_order=True):
        found[str(stage)] = scaling(group.select("worked_count", "busy_s").iter_rows())
    return found


def predictions_table(runs: Sequence[ToldRun]) -> pl.DataFrame:
    """What would have been told of each run from the fourth on by those before it, beside what it took; a row a run.

    Columns: ``run_id, started_at, measured_count, predicted_s, taken_s, error_ratio`` (0.1 for 11 s told of a run of
    10 s). Runs with work of a kind that no earlier run had enough of are left out.
    """
    by_id = {run.lesson.run_id: run for run in runs}
    rows = [
        {
            "run_id": found.run_id,
            "started_at": by_id[found.run_id].started_at,
            "measured_count": by_id[found.run_id].record.get("probe_count", 0),
            "predicted_s": found.told_s,
            "taken_s": found.took_s,
            "error_ratio": found.error_ratio,
        }
        for found in predictions([run.lesson for run in runs if run.record.get("run_stages")])
    ]
    schema: dict[str, Any] = {
        "run_id": pl.String, "started_at": _TIME, "measured_count": pl.Int64, "predicted_s": pl.Float64,
        "taken_s": pl.Float64, "error_ratio": pl.Float64,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema)


def forecast(runs: Sequence[ToldRun], new_files: Sequence[int]) -> pl.DataFrame:
    """How long a run would take that finds so many new files: ``new_files, predicted_s, unknown``.

    Titles, collections and pictures a file are those of the past runs together. ``unknown`` names stages with work of
    which no run tells the time. No rows without a run that measured at least ten files.
    """
    schema: dict[str, Any] = {"new_files": pl.Int64, "predicted_s": pl.Float64, "unknown": pl.String}
    items = [run.lesson.items for run in runs if run.lesson.items.get("probe", 0) >= FEWEST_ITEMS]
    if not items:
        return pl.DataFrame(schema=schema)
    costs = learnt(run.lesson for run in runs)
    measured = sum(each["probe"] for each in items)
    per_file = {stage: sum(each.get(stage, 0) for each in items) / measured for stage in items[-1]}
    known = next((run.record["file_count"] for run in reversed(runs) if run.record.get("file_count")), 0)
    rows = []
    for count in new_files:
        expected = {stage: round(count * ratio) for stage, ratio in per_file.items()} | {"discover": known + count}
        predicted_s, unknown = expected_s(costs, expected)
        rows.append({"new_files": count, "predicted_s": predicted_s, "unknown": ", ".join(unknown) or None})
    return pl.DataFrame(rows, schema=schema)
