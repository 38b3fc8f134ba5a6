"""The record of a run: what is kept of it beside the warehouse, and loaded with the next change; and its last log."""

from __future__ import annotations

import json
import platform
import time
from importlib.metadata import version
from logging import Logger
from pathlib import Path
from typing import Any

import polars as pl
from prefect.logging.loggers import LoggingAdapter

from flows.running import Run
from tasks.collect.account import Account
from tasks.core.clock import utc_now
from tasks.core.memory import peak_memory_bytes
from tasks.core.stopwatch import timed
from tasks.plan.events import first_events
from tasks.plan.task import FilePlan
from tasks.probe.task import peak_worker_memory_bytes
from tasks.schema.runs import FileEvents
from tasks.staging import read_staged
from tasks.timings.store import scan_timings
from tasks.timings.summary import totals
from tasks.timings.text import as_lines

EVENTS_SHOWN = 200
"""Events of files that the run's record repeats for its report; all of them are in ``file_events``."""
SCOPES_LOGGED = 100
"""Scopes of a run's timings in its log: all there are today, in less than half of what Prefect Cloud takes as one
message (25,000 characters; a server of ours takes a million)."""


@timed("record.make")
def record_of_run(run: Run, plan: FilePlan, accounted: Account) -> dict[str, Any]:
    """The record of the run, as ``tasks.warehouse`` loads it and ``tasks.report`` words it."""
    counts = {stage["stage"]: stage for stage in accounted.stages}
    are_roots_good = all(root["state"] == "good" for root in plan.run_roots)
    events = read_staged(FileEvents, staging=Path(run.staging))
    return {
        **_constant(run),
        **so_far(run),
        "state": "completed" if run.is_completed and not accounted.failed_count and are_roots_good else "incomplete",
        "file_count": plan.file_count,
        "probe_count": sum(counts["probe"][f"{outcome}_count"] for outcome in ("done", "quarantined", "failed")),
        "call_count": accounted.costs.get("calls", 0),
        "image_count": accounted.costs.get("downloads", 0),
        "task_run_count": run.task_run_count + 1,  # the load, which takes this record along, is still to come
        "counters": {
            **plan.counters,
            "replaced_files": events.filter(pl.col("event") == "replaced")["file_id"].n_unique(),
            "upgraded_files": events.filter("is_upgrade")["file_id"].n_unique(),
            "worker_peak_memory_bytes": peak_worker_memory_bytes(),
            **accounted.costs,
        },
        "run_roots": plan.run_roots,
        "file_events": first_events(events, limit=EVENTS_SHOWN),
        "notes": run.notes,
        "run_stages": accounted.stages,
        "run_skips": accounted.skips,
        "failures": accounted.failures,
        "quarantine": accounted.quarantine,
    }


def so_far(run: Run) -> dict[str, Any]:
    """End, length and largest memory of the run, if it ended now; the time that earlier executions took is added."""
    return {
        "finished_at": utc_now(),
        "wall_s": run.earlier_s + time.monotonic() - run.began_s,
        "peak_memory_bytes": peak_memory_bytes(),
    }


def record_of_begun_run(run: Run) -> dict[str, Any]:
    """The record of a run that has just begun: what is not known yet is 0."""
    return {
        **_constant(run),
        "finished_at": None,
        "wall_s": None,
        "state": "running",
        **dict.fromkeys(("file_count", "probe_count", "call_count", "image_count", "task_run_count"), 0),
        "peak_memory_bytes": None,
        "counters": {},
        "notes": run.notes,
    }


def _constant(run: Run) -> dict[str, Any]:
    """What a run's record holds from its beginning."""
    return {
        "run_id": run.run_id,
        "name": run.name,
        "started_at": run.started_at,
        "roots": json.dumps([folder for _, folder in run.folders]),
        "version": version("reelhouse"),
        "python_version": platform.python_version(),
        "settings": run.settings.model_dump_json(),
    }


def log_timings(timings: Path, run_id: str, log: Logger | LoggingAdapter) -> None:
    """Tell in the run's log what its time went to, a line for each measured scope, the largest sum first.

    One message, however many lines it has; of a run that was executed again, of all its executions. To be called when
    the recording has ended. Where there are no timings nothing is told, and timings that cannot be read cost the
    summary, not the run.

    Args:
        timings: folder of the timings of all runs.
    """
    spans = scan_timings(timings, run_id)
    if spans is None:
        return
    try:
        found = totals(spans)
    except (OSError, pl.exceptions.PolarsError) as exc:
        log.warning("the timings of this run cannot be summed up: %s", str(exc).partition("\n")[0])
        return
    head = f"Where the time went: {found.height:,} scopes, the largest sum first"
    words = "a scope holds those inside it, and those open at once add up"
    more = f"With percentiles, stages and single records: reelhouse timings {run_id}"
    log.info("%s", "\n".join((f"{head} ({words})", *as_lines(found, limit=SCOPES_LOGGED), more)))
