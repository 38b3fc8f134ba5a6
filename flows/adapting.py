"""Choose how much is done at once, from machine, library and past runs; once a run, so that a retry does the same.

What is decided, and why, stands in ``tasks/plan/adapt.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
from prefect import get_run_logger

from flows.running import Run
from tasks.core.atomic import write_bytes
from tasks.core.layout import DataFolder
from tasks.core.settings import Settings
from tasks.core.stopwatch import span
from tasks.plan.adapt import Facts, adapt
from tasks.plan.machine import machine_of
from tasks.schema.files import RootListings
from tasks.staging import read_staged
from tasks.timings.costs import Lesson, PastRun, learnt, lesson
from tasks.timings.store import read_timings
from tasks.warehouse.runs import run_records

RUNS_LEARNT_FROM = 10


def choose(run: Run, items: Mapping[str, int], *, when: str) -> Settings:
    """The settings of the run with all that nobody has set filled in; each choice goes to the run's log.

    Args:
        items: stage -> items with work, as far as they are counted.
        when: name of this moment of the run; a retry finds under it what was chosen before.

    Raises:
        SettingsRefused: ``flow.memory_limit_bytes`` cannot be kept.
    """
    with span("settings.choose", item=when):
        return _chosen(run, items, Path(run.staging, "known", f"chosen-{when}.json"))


def _chosen(run: Run, items: Mapping[str, int], kept: Path) -> Settings:
    if kept.exists():
        return Settings.model_validate_json(kept.read_bytes())
    roots = read_staged(RootListings, staging=Path(run.staging), stage="discover").select("profile", "device").rows()
    if run.costs is None:  # reading the timings of past runs once is enough
        run.costs = learnt(lessons(run.data))
    costs = run.costs
    host = httpx.URL(run.settings.scrape.base_url).host
    adapted = adapt(
        run.settings, Facts(machine_of(roots), items=items, item_s=costs.item_s, call_s=costs.call_s.get(host))
    )
    write_bytes(kept, adapted.settings.model_dump_json().encode())
    for reason in adapted.reasons:
        get_run_logger().info(reason)
    return adapted.settings


def lessons(data: DataFolder) -> Iterator[Lesson]:
    """What the newest runs tell that came to their end, the newest first; the timings of one at a time are read."""
    for record in run_records(data.path, newest=RUNS_LEARNT_FROM):
        if record.get("run_stages"):
            yield lesson(PastRun(record, read_timings(data.timings, record["run_id"])))
