"""One measured refresh of the lab, and the row it becomes: what it took, what it counted, how long its scopes were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from flows.benchmark_refresh import measured_flow_run
from flows.benchmark_runs import Run, program
from flows.lab_stages import stages_of
from flows.run import quieten_prefect
from tasks.core.layout import DataFolder
from tasks.core.secrets import VARIABLES
from tasks.core.settings import Settings
from tasks.lab.store import MeasuredRun
from tasks.schema.lab import LabScopes
from tasks.schema.titles import Titles
from tasks.standin.faults import Entry, RequestLog
from tasks.standin.running import StandInAt
from tasks.timings import durations, read_timings
from tasks.timings.by_stage import WHOLE_RUN
from tasks.warehouse.query import query
from tasks.warehouse.runs import read_run_record

PREFECT = "prefect."
"""Begin of the names of scopes in which Prefect is asked for something."""


def refresh_in_process(root: str, settings: Mapping[str, Any]) -> Run:
    """Refresh ``root`` as a flow run of the server that ``PREFECT_API_URL`` names; for a process of its own.

    Raises:
        RefreshError: it was stopped, by a full disk for example.
        SystemExit: the run is not Completed.
    """
    quieten_prefect(debug=False)
    run, record = measured_flow_run(root, Settings.model_validate(settings))
    return replace(run, item_count=record["file_count"], found={"run_id": record["run_id"]})


def measured_refresh(root: str, settings: Mapping[str, Any], *, token: str, service: str | None) -> MeasuredRun:
    """Refresh ``root`` in a process of its own.

    Args:
        settings: all settings of the run, as the model takes them; with the data folder.
        token: the service's; empty for a run that asks nobody.
        service: address of the stand-in, whose log is begun anew; ``None`` where nobody is asked.

    Raises:
        SystemExit: the refresh failed.
    """
    standin = None if service is None else StandInAt(service)
    if standin is not None:
        standin.clear()
    environment = {**dict.fromkeys(VARIABLES.values(), ""), VARIABLES["tmdb"]: token}
    run = program("refresh_on_server", {"root": root, "settings": dict(settings)}, environment)
    log = RequestLog() if standin is None else standin.requests()
    data = DataFolder(Path(settings["data_dir"]))
    run_id = run.found["run_id"]
    record = read_run_record(data.path, run_id)
    assert record is not None
    timings = read_timings(data.timings, run_id)
    row = {
        "run_id": run_id,
        "wall_s": run.work.wall_s,
        "cpu_s": run.work.cpu_s,
        "peak_bytes": record["peak_memory_bytes"],
        "worker_peak_bytes": record["counters"].get("worker_peak_memory_bytes"),
        "attributed_ratio": attributed_ratio(timings),
        "prefect_ratio": prefect_ratio(timings),
        "file_count": record["file_count"],
        "title_count": query(data.warehouse, f"SELECT count(*) FROM {Titles.table_name()}").item(),
        "probe_count": record["probe_count"],
        "image_count": record["image_count"],
        "task_run_count": record["task_run_count"],
        **counts_of_service(log),
        **counts_of_timings(timings),
    }
    return MeasuredRun(row, scopes_of(timings, run_id), stages_of(timings, run_id))


def counts_of_service(log: RequestLog) -> dict[str, int]:
    """What the service has seen of a run."""
    asked = [entry.address for entry in log.entries if entry.kind != "image"]
    return {
        "call_count": log.api_count,
        "repeated_call_count": len(asked) - len(set(asked)),
        "image_request_count": log.count("image"),
        "connection_count": log.connections,
        "most_at_once_count": log.max_concurrent,
        "received_bytes": log.sent_bytes,
        "repeated_bytes": _repeated_bytes(log.entries),
    }


def _repeated_bytes(entries: list[Entry]) -> int:
    """Bytes of answers to what was asked before: the same address, or the same picture in another size.

    The largest answer counts as the one that was wanted.
    """
    sizes: dict[str, list[int]] = defaultdict(list)
    for entry in entries:
        what = entry.address.rpartition("/")[2] if entry.kind == "image" else entry.address
        sizes[what].append(entry.sent_bytes)
    return sum(sum(of_one) - max(of_one) for of_one in sizes.values())


def counts_of_timings(timings: pl.DataFrame) -> dict[str, int]:
    """What a run has counted itself: programs started, statements and rows of its load."""
    values = timings.filter(kind="value")
    sums = dict(values.group_by("name").agg(pl.col("value").sum().cast(pl.Int64)).iter_rows())
    # One thread loads: the record of how many rows a statement had follows the scope in which they were inserted.
    inserted = timings.filter(name="load.insert").sort("started_at", "span_id")
    rows = inserted["attributes"].str.json_path_match("$.rows").cast(pl.Int64).to_list()
    of_statement = values.filter(name="load.rows_per_statement").sort("started_at", "span_id")["value"].to_list()
    return {
        "program_call_count": sums.get("probe.program_calls", 0),
        "row_count": sum(rows),
        "insert_count": sum(round(n / m) if m else 1 for n, m in zip(rows, of_statement, strict=True)),
        "statement_count": sums.get("load.statements", 0),
        "transaction_count": sums.get("load.transactions", 0),
    }


def attributed_ratio(timings: pl.DataFrame) -> float | None:
    """Share of a run's time in which a scope below it was open; ``None`` where the run has no scope of its own.

    The run is the body of the flow: what Prefect does before and after it can hold no scope of ours.
    A scope that contains others counts where it measures something itself, as a step or the waiting for one does: what
    lies in it and in none of its own is its own work, or Prefect's (:func:`prefect_ratio`). The one that spans the
    whole run does not count: it would explain everything.
    """
    whole_s = float(timings.filter(name=WHOLE_RUN)["value"].sum())
    if not whole_s:
        return None
    within = timings.filter((pl.col("kind") == "duration") & (pl.col("name") != WHOLE_RUN))
    busy_s = float(durations(within.with_columns(pl.lit("any").alias("name")))["busy_s"].sum())
    return busy_s / whole_s


def prefect_ratio(timings: pl.DataFrame) -> float | None:
    """Share of a run's time that scopes of Prefect's alone explain: no step was at work, and nothing else of ours."""
    explained, by_us = map(attributed_ratio, (timings, timings.filter(~pl.col("name").str.starts_with(PREFECT))))
    return None if explained is None or by_us is None else max(0.0, explained - by_us)


def scopes_of(timings: pl.DataFrame, run_id: str) -> pl.DataFrame:
    """The scopes of a run as rows of ``LabScopes``."""
    return LabScopes.fitted(
        durations(timings).with_columns(pl.lit(run_id).alias("run_id")).select(list(LabScopes.dtypes()))
    )
