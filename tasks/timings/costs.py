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
_WORKED_ON = ("done_count", "quarantined_count", "failed_count")


@dataclass(frozen=True)
class PastRun:
    """A run as its record and its timings tell it."""

    record: Mapping[str, Any]
    timings: pl.DataFrame


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


def learnt(past: Iterable[PastRun]) -> Costs:
    """The costs that ``past`` runs teach."""
    item_s: dict[str, list[float]] = {}
    call_s: dict[str, list[float]] = {}
    ratios: dict[str, list[float]] = {}
    fixed_s = []
    for run in past:
        counts = {row["stage"]: sum(row[name] for name in _WORKED_ON) for row in run.record.get("run_stages", ())}
        busy = dict(durations(run.timings).select("name", "busy_s").iter_rows()) if run.timings.height else {}
        staged_s = {stage: busy[f"{stage}.step"] for stage in counts if f"{stage}.step" in busy}
        counts["discover"] = run.record.get("file_count", 0)  # what it costs is files, what it counts is folders
        for stage, stage_s in staged_s.items():
            if counts[stage] >= FEWEST_ITEMS:
                item_s.setdefault(stage, []).append(stage_s / counts[stage])
        if staged_s:
            fixed_s.append(max(0.0, wall_s(run.timings) - whole_s(staged_s)))
        for host, answer_s in _answers(run.timings).iter_rows():
            call_s.setdefault(host, []).append(answer_s)
        done = {row["stage"]: row["done_count"] for row in run.record.get("run_stages", ())}
        asked = sum(counts.get(stage, 0) for stage in ("match", "scrape", "collections"))
        for name, part, whole in (
            ("matched", done.get("match", 0), counts.get("match", 0)),
            ("collections", done.get("collections", 0), done.get("scrape", 0)),
            ("pictures", counts.get("artwork", 0), done.get("scrape", 0)),
            ("calls", run.record.get("call_count", 0), asked),
        ):
            if whole >= FEWEST_ITEMS:
                ratios.setdefault(name, []).append(part / whole)
    return Costs(
        item_s={stage: statistics.median(found) for stage, found in item_s.items()},
        fixed_s=statistics.median(fixed_s) if fixed_s else None,
        ratios={name: statistics.median(found) for name, found in ratios.items()},
        call_s={host: statistics.median(found) for host, found in call_s.items()},
        run_count=len(fixed_s),
    )


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
