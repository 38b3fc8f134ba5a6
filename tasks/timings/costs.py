"""What work will cost, by what it cost in past runs: the model behind ``refresh --plan``. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.timings.summary import durations, wall_s

FEWEST_ITEMS = 10
"""Items a stage must have worked on to count: a run of three files says what a start costs, not what a file costs."""
FEWEST_RUNS = 3
"""Runs that must have told of a library before their prediction is judged."""
_WORKED_ON = ("done_count", "quarantined_count", "failed_count")


@dataclass(frozen=True)
class PastRun:
    """A run as its record and its timings tell it."""

    record: Mapping[str, Any]
    timings: pl.DataFrame


@dataclass(frozen=True)
class Lesson:
    """What one run tells: little, however long its timings are. A stage or ratio that it does not tell is missing."""

    run_id: str
    wall_s: float
    items: Mapping[str, int]
    """Stage -> items it worked on; of ``discover`` the files, which are what it costs."""
    busy_s: Mapping[str, float]
    """Stage -> seconds in which at least one of its steps was at work."""
    item_s: Mapping[str, float]
    """Stage -> seconds of wall time an item."""
    fixed_s: float | None
    """Seconds beside the mapped stages; ``None`` where none was timed."""
    ratios: Mapping[str, float]
    call_s: Mapping[str, float]
    """Host -> seconds in which it gave nine of ten answers."""


@dataclass(frozen=True)
class Costs:
    """What past runs teach; a stage or ratio that no run tells is missing."""

    item_s: Mapping[str, float]
    """Stage -> seconds of wall time an item, median over the runs."""
    fixed_s: float | None
    """Seconds of a run beside its mapped stages, median; ``None`` without runs."""
    ratios: Mapping[str, float]
    """``matched`` titles by title asked for, ``collections`` and ``pictures`` by title scraped, ``calls`` by item."""
    call_s: Mapping[str, float]
    """Host -> seconds in which it gave nine of ten answers, median over the runs."""
    run_count: int


@dataclass(frozen=True)
class Prediction:
    """What would have been told of a run before it, by what the runs before it had taught."""

    run_id: str
    told_s: float
    took_s: float

    @property
    def error_ratio(self) -> float:
        """0.1 for 11 s told of a run of 10 s."""
        return self.told_s / self.took_s - 1


def lesson(run: PastRun) -> Lesson:
    """What a run tells of the next ones."""
    record = run.record
    counts = {row["stage"]: sum(row[name] for name in _WORKED_ON) for row in record.get("run_stages", ())}
    done = {row["stage"]: row["done_count"] for row in record.get("run_stages", ())}
    busy = dict(durations(run.timings).select("name", "busy_s").iter_rows()) if run.timings.height else {}
    staged_s = {stage: busy[f"{stage}.step"] for stage in counts if f"{stage}.step" in busy}
    asked = sum(counts.get(stage, 0) for stage in ("match", "scrape", "collections"))
    ratios = (
        ("matched", done.get("match", 0), counts.get("match", 0)),
        ("collections", done.get("collections", 0), done.get("scrape", 0)),
        ("pictures", counts.get("artwork", 0), done.get("scrape", 0)),
        ("calls", record.get("call_count", 0), asked),
    )
    counts["discover"] = record.get("file_count", 0)  # what it costs is files, what it counts is folders
    took_s = wall_s(run.timings)
    return Lesson(
        run_id=record.get("run_id", ""),
        wall_s=took_s,
        items=counts,
        busy_s=staged_s,
        item_s={stage: s / counts[stage] for stage, s in staged_s.items() if counts[stage] >= FEWEST_ITEMS},
        fixed_s=max(0.0, took_s - whole_s(staged_s)) if staged_s else None,
        ratios={name: part / whole for name, part, whole in ratios if whole >= FEWEST_ITEMS},
        call_s=dict(_answers(run.timings).iter_rows()),
    )


def learnt(past: Iterable[Lesson]) -> Costs:
    """The costs that past runs teach."""
    lessons = list(past)
    fixed_s = [one.fixed_s for one in lessons if one.fixed_s is not None]
    return Costs(
        item_s=_medians(one.item_s for one in lessons),
        fixed_s=statistics.median(fixed_s) if fixed_s else None,
        ratios=_medians(one.ratios for one in lessons),
        call_s=_medians(one.call_s for one in lessons),
        run_count=len(fixed_s),
    )


def _medians(told: Iterable[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for one in told:
        for name, value in one.items():
            found.setdefault(name, []).append(value)
    return {name: statistics.median(values) for name, values in found.items()}


def predictions(past: Sequence[Lesson]) -> list[Prediction]:
    """How well the time of each run would have been told, by the runs before it; for the fourth run and later ones.

    The work is taken as it turned out, so this judges the costs and not how the work was counted. A run with a stage
    that no earlier one tells of is left out.

    Args:
        past: runs of one library, the oldest first.
    """
    found = []
    for number, run in enumerate(past[FEWEST_RUNS:], start=FEWEST_RUNS):
        told_s, unknown = expected_s(learnt(past[:number]), run.items)
        if told_s is not None and not unknown and run.wall_s > 0:
            found.append(Prediction(run.run_id, told_s, run.wall_s))
    return found


def _answers(timings: pl.DataFrame) -> pl.DataFrame:
    """Seconds in which a host gave nine of ten answers, for each that gave enough of them: ``host, answer_s``."""
    return (
        timings.filter((pl.col("name") == "http.request") & pl.col("ok") & pl.col("host").is_not_null())
        .group_by("host", maintain_order=True)
        .agg(pl.len().alias("count"), pl.col("value").quantile(0.9, "linear").alias("answer_s"))
        .filter(pl.col("count") >= FEWEST_ITEMS)
        .select("host", "answer_s")
    )


def expected_s(costs: Costs, items: Mapping[str, int]) -> tuple[float | None, list[str]]:
    """Seconds that work on ``items`` (stage -> number) will take, and the stages of which nothing is known.

    ``None`` where no past run tells anything. Disk and network work at the same time, so the longer one counts.
    """
    if costs.fixed_s is None:
        return None, [stage for stage, count in items.items() if count]
    unknown = [stage for stage, count in items.items() if count and stage not in costs.item_s]
    known = {stage: count * costs.item_s[stage] for stage, count in items.items() if stage in costs.item_s}
    return costs.fixed_s + whole_s(known), unknown


_ALONE = ("discover", "fingerprint", "hash")
_DISK = ("probe",)


def whole_s(stage_s: Mapping[str, float]) -> float:
    """Wall time of the stages of a run together: one after the other, but for the disk's beside the network's."""
    alone = _sum(stage_s, _ALONE)
    disk = _sum(stage_s, _DISK)
    network = sum(stage_s.values()) - alone - disk
    return alone + max(disk, network)


def _sum(stage_s: Mapping[str, float], stages: Sequence[str]) -> float:
    return sum(stage_s.get(stage, 0.0) for stage in stages)
