"""The account of a run: for every stage, total = unchanged + done + quarantined + failed + deferred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tasks.schema.files import Skips
from tasks.schema.runs import Costs, Failures, Outcomes, Quarantine
from tasks.staging import Collected, latest_outcomes, read_staged

_STAGE_OF_TABLE: Mapping[str, str] = {
    "probes": "probe",
    "content_hashes": "hash",
    "identities": "identify",
    "matches": "match",
    "titles": "scrape",
    "collections": "collections",
    "artwork": "artwork",
}
"""Table with one row an item -> stage: a row that the table's checks refuse is an item set aside, not one done."""


@dataclass(frozen=True)
class StageTask:
    """What a stage was responsible for."""

    total_count: int
    planned_count: int
    """Items that needed work; the others are unchanged."""
    is_deferred: bool = False
    """The stage did not run, because something it needs was missing."""


@dataclass(frozen=True)
class Account:
    """What became of everything, and what it cost; rows without ``run_id``."""

    stages: list[dict[str, Any]]
    skips: list[dict[str, Any]]
    failures: list[dict[str, Any]]
    quarantine: list[dict[str, Any]]
    costs: dict[str, int]
    """Counter -> amount over all stages: calls, cache_hits, downloads."""

    @property
    def failed_count(self) -> int:
        """Items that failed and may be tried again."""
        return sum(stage["failed_count"] for stage in self.stages)


def account(staging: Path, collected: Collected, tasks: Mapping[str, StageTask]) -> Account:
    """Add up what the batches of a run left in ``staging`` and what ``collect`` made of it."""
    outcomes = latest_outcomes(read_staged(Outcomes, staging=staging))
    counts = {
        (stage, outcome): count for stage, outcome, count in outcomes.group_by("stage", "outcome").len().iter_rows()
    }
    quarantine = _rows(Quarantine, collected)
    refused = quarantine.filter(pl.col("refused_by").is_in(list(_STAGE_OF_TABLE)))
    for table, count in refused.group_by("refused_by").len().iter_rows():
        stage = _STAGE_OF_TABLE[table]
        counts[stage, "done"] = counts.get((stage, "done"), 0) - count
        counts[stage, "quarantined"] = counts.get((stage, "quarantined"), 0) + count
    skips = (
        read_staged(Skips, staging=staging, stage="discover")
        .group_by("root", "reason")
        .agg(pl.col("skip_count").sum(), pl.col("example_path").sort().first())
        .sort("root", "reason")
    )
    costs = read_staged(Costs, staging=staging).group_by("counter").agg(pl.col("amount").sum()).sort("counter")
    return Account(
        stages=[
            {
                "stage": stage,
                "total_count": task.total_count,
                "unchanged_count": task.total_count - task.planned_count,
                "done_count": counts.get((stage, "done"), 0),
                "quarantined_count": counts.get((stage, "quarantined"), 0),
                "failed_count": counts.get((stage, "failed"), 0),
                "deferred_count": task.planned_count if task.is_deferred else counts.get((stage, "deferred"), 0),
            }
            for stage, task in tasks.items()
        ],
        skips=skips.to_dicts(),
        failures=_rows(Failures, collected).drop("run_id").to_dicts(),
        quarantine=quarantine.drop("run_id").to_dicts(),
        costs=dict(costs.iter_rows()),
    )


def _rows(table: type[Failures] | type[Quarantine], collected: Collected) -> pl.DataFrame:
    path = collected.path(table)
    return pl.read_parquet(path, glob=False) if path.exists() else table.frame()
