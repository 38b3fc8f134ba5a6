"""What the stages of a run took: time, CPU time, memory, storage. Pure; ``resources`` says what is recorded for it."""

from __future__ import annotations

from typing import Any

import polars as pl

from tasks.timings.resources import CPU, MEMORY
from tasks.timings.storage import storage_by_stage
from tasks.timings.summary import durations

STEP = ".step"
"""End of the name of the scope in which a step of a stage is at work."""
NETWORK, REST = "(network)", "(rest)"
"""Rows that are no stage: the thread that talks to hosts, for all stages, and whatever the run did besides."""
WHOLE_RUN = "refresh.run"
"""Scope that is open as long as the run is."""


def stages(timings: pl.DataFrame) -> pl.DataFrame:
    """One row a stage of a run, in the order in which they began, then what belongs to none.

    Columns: ``stage``; ``step_count``; ``busy_s``, time in which at least one of its steps was at work; ``cpu_s``, CPU
    time of the threads in which its steps ran and of the workers that measured files for it; ``peak_bytes``, most
    memory that the run and its workers had together while one of its steps was at work: stages that work at the same
    time share it, and what one keeps the next ones have, too. Memory is known every half second: a sample counts until
    the next one. ``read_bytes`` and ``written_bytes``, what run and workers transferred from and to storage meanwhile:
    what the page cache answers is not in it. It is sampled like memory, and stages that work at the same time divide
    it, so the rows add up to that of the run. Null where a run did not record it.

    The row ``(network)`` is the CPU time of the thread that talks to hosts for all stages. The row ``(rest)`` is the
    time in which no step was at work, and all other CPU time of the run's process: Prefect, and threads that Polars and
    DuckDB start for a step, which are those of all steps. So the CPU times of all rows are that of the whole run. What
    was transferred while no step was at work is there, too.
    """
    steps = timings.filter((pl.col("kind") == "duration") & pl.col("name").str.ends_with(STEP)).with_columns(
        pl.col("name").str.strip_suffix(STEP).alias("stage"), _attribute("cpu_s", pl.Float64)
    )
    cpu = timings.filter(name=CPU, kind="value").with_columns(_attribute("whose", pl.String))
    of_workers = (
        cpu.filter(whose="workers")
        .join(steps.select("span_id", "stage"), left_on="parent_id", right_on="span_id", how="left")
        .group_by("stage")
        .agg(pl.col("value").sum().alias("worker_s"))
    )
    busy = durations(steps.with_columns(pl.col("stage").alias("name"))).select(
        pl.col("name").alias("stage"), pl.col("count").alias("step_count"), "busy_s"
    )
    transferred = storage_by_stage(steps, timings, measuring=of_workers["stage"].drop_nulls().to_list())
    found = (
        steps.group_by("stage")
        .agg(pl.col("started_at").min(), _known_sum("cpu_s"))
        .join(busy, on="stage")
        .join(of_workers, on="stage", how="left")
        .join(_peaks(steps, timings), on="stage", how="left")
        .join(transferred, on="stage", how="left")
        .sort("started_at", "stage")
        .with_columns(pl.col("cpu_s") + pl.col("worker_s").fill_null(0))
        .select(list(_STAGES))
    )
    beside = _beside(timings, steps, cpu, transferred.filter(pl.col("stage").is_null()))
    return pl.concat([found, beside]) if steps.height else found


def _attribute(name: str, dtype: pl.DataType | type[pl.DataType]) -> pl.Expr:
    return pl.col("attributes").str.json_path_match(f"$.{name}").cast(dtype).alias(name)


def _known_sum(name: str) -> pl.Expr:
    """The sum, null where nothing is known."""
    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)


def _peaks(steps: pl.DataFrame, timings: pl.DataFrame) -> pl.DataFrame:
    """``stage, peak_bytes``; no rows where no memory was recorded."""
    samples = timings.filter(name=MEMORY).group_by("started_at").agg(pl.col("value").sum()).sort("started_at")
    peaks: dict[str, int] = {}
    if samples.height:
        ends = steps["started_at"] + pl.Series(steps["value"] * 1e6).round().cast(pl.Duration("us"))
        first = samples["started_at"].search_sorted(steps["started_at"], side="right").to_list()
        last = samples["started_at"].search_sorted(ends, side="right").to_list()
        known = samples["value"].cast(pl.Int64).to_list()
        for stage, begin, end in zip(steps["stage"], first, last, strict=True):
            begin = max(0, begin - 1)  # noqa: PLW2901 - the sample before the step began still counts
            peaks[stage] = max(peaks.get(stage, 0), *known[begin : max(end, begin + 1)])
    return pl.DataFrame({"stage": list(peaks), "peak_bytes": list(peaks.values())}, schema=_PEAKS)


_PEAKS = {"stage": pl.String(), "peak_bytes": pl.Int64()}


def _beside(timings: pl.DataFrame, steps: pl.DataFrame, cpu: pl.DataFrame, transferred: pl.DataFrame) -> pl.DataFrame:
    """The rows of what is no stage."""
    at_work_s = _sum(durations(steps.with_columns(pl.lit("any").alias("name"))), "busy_s")
    of_run, network, workers = (cpu.filter(whose=whose) for whose in ("run", "network", "workers"))
    here = pl.col("pid").is_in(of_run["pid"].to_list())  # steps may have run on other machines
    threads_s = _sum(steps.filter(here), "cpu_s") + _sum(network.filter(here))
    astray_s = _sum(workers.join(steps, left_on="parent_id", right_on="span_id", how="anti"))
    rows: list[dict[str, Any]] = [
        {"stage": NETWORK, "cpu_s": _sum(network) if network.height else None},
        {
            "stage": REST,
            "busy_s": max(0.0, _sum(timings.filter(name=WHOLE_RUN)) - at_work_s),
            "cpu_s": max(0.0, _sum(of_run) - threads_s) + astray_s if of_run.height else None,
            **next(transferred.drop("stage").iter_rows(named=True), {}),
        },
    ]
    return pl.DataFrame([{"step_count": 0, **row} for row in rows], schema=_STAGES)


_STAGES: dict[str, Any] = {
    "stage": pl.String, "step_count": pl.Int64, "busy_s": pl.Float64, "cpu_s": pl.Float64, "peak_bytes": pl.Int64,
    "read_bytes": pl.Int64, "written_bytes": pl.Int64,
}  # fmt: skip


def _sum(frame: pl.DataFrame, column: str = "value") -> float:
    return float(frame[column].sum())
