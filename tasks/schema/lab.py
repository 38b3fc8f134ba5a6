"""Tables of a benchmark: its runs, how long the scopes of each took, and its stages; Parquet beside each other."""

from __future__ import annotations

import polars as pl

from tasks.schema.table import Table, column


class LabRuns(Table, staged_only=True):
    """One measured refresh; written by ``lab``, read by its comparisons and the notebooks."""

    benchmark_id: str = column("Benchmark.", key=True)
    run_id: str = column("Run.", key=True)
    preset: str = column("Library and service that were refreshed.")
    profile: str = column("Settings it was done with: baseline, optimized, all-but-SWITCH or only-SWITCH.")
    round: pl.Int64 = column("Round, from 1: in each all profiles have their turn.", ge=1)
    is_warm: bool = column("A second refresh of the same data folder; else the first one of a new folder.")
    wall_s: float = column("From the call of the flow to its return.", unit="s", gt=0)
    cpu_s: float = column("Processor time of the run's process and all it started.", unit="s", ge=0)
    peak_bytes: pl.Int64 = column("Largest memory of the run's process.", unit="byte", nullable=True, ge=0)
    worker_peak_bytes: pl.Int64 = column("Largest memory of a worker; null without one.", unit="byte", nullable=True)
    attributed_ratio: float = column("Share of the run in which a scope below it was open.", nullable=True, ge=0)
    prefect_ratio: float = column(
        "Share of the run in which only scopes of Prefect's were open; null in older benchmarks.", nullable=True, ge=0
    )
    file_count: pl.Int64 = column("Video files found.", ge=0)
    title_count: pl.Int64 = column("Movies and shows in the warehouse.", ge=0)
    probe_count: pl.Int64 = column("Files measured.", ge=0)
    program_call_count: pl.Int64 = column("Times ffprobe was started.", ge=0)
    call_count: pl.Int64 = column("Requests to the metadata service, as it counts them.", ge=0)
    repeated_call_count: pl.Int64 = column(
        "Of these, requests for what it had answered before in the run; null in older benchmarks.", nullable=True, ge=0
    )
    image_request_count: pl.Int64 = column("Requests for pictures, as the service counts them.", ge=0)
    connection_count: pl.Int64 = column("Connections the service was asked over.", ge=0)
    most_at_once_count: pl.Int64 = column("Most requests at work at the same moment.", ge=0)
    image_count: pl.Int64 = column("Pictures kept.", ge=0)
    received_bytes: pl.Int64 = column("Bytes of all bodies the service sent.", unit="byte", ge=0)
    repeated_bytes: pl.Int64 = column("Of these, bytes of what it had sent before in the run.", unit="byte", ge=0)
    row_count: pl.Int64 = column("Rows inserted into the warehouse.", ge=0)
    insert_count: pl.Int64 = column("INSERT statements.", ge=0)
    statement_count: pl.Int64 = column("SQL statements of the load.", ge=0)
    transaction_count: pl.Int64 = column("Transactions of the load.", ge=0)
    task_run_count: pl.Int64 = column("Prefect task runs.", ge=0)


class LabScopes(Table, staged_only=True):
    """How long the scopes of one name took in one measured run; written by ``lab``, read by its comparisons."""

    run_id: str = column("Run.", key=True)
    name: str = column("Scope, dotted, as artwork.download.", key=True)
    count: pl.Int64 = column("How often it was entered.", ge=1)
    error_count: pl.Int64 = column("How often it was left by an error.", ge=0)
    total_s: float = column("Sum of the durations.", unit="s", ge=0)
    busy_s: float = column("Time in which at least one was open.", unit="s", ge=0)
    p50_s: float = column("Median duration.", unit="s", ge=0)
    p95_s: float = column("Duration that 95 of 100 did not exceed.", unit="s", ge=0)
    max_s: float = column("Longest.", unit="s", ge=0)
    concurrency: float = column("How many were open on average while any was.", nullable=True, ge=0)
    bytes: pl.Int64 = column("Bytes of all of them; null where the scope has none.", unit="byte", nullable=True)


class LabStages(Table, staged_only=True):
    """What the stages of one measured run took of the machine; written by ``lab``, read by its table.

    The rows ``(network)`` and ``(rest)`` are no stages: ``tasks.timings.by_stage`` says what they are.
    """

    run_id: str = column("Run.", key=True)
    stage: str = column("Stage, named after its step, as probe or plan files.", key=True)
    step_count: pl.Int64 = column("Steps; 0 for what is no stage.", ge=0)
    busy_s: float = column("Time in which a step of it was at work; null for (network).", unit="s", nullable=True, ge=0)
    cpu_s: float = column(
        "CPU time of the threads of its steps and of the workers that measured for it.", unit="s", nullable=True, ge=0
    )
    peak_bytes: pl.Int64 = column(
        "Most memory of run and workers while it was at work, shared by stages of the same time.",
        unit="byte",
        nullable=True,
        ge=0,
    )
    read_bytes: pl.Int64 = column(
        "Read from storage by run and workers while it was at work, divided among stages of the same time; what the "
        "page cache answers is not in it. Null where the system does not tell, and in older benchmarks.",
        unit="byte",
        nullable=True,
        ge=0,
    )
    written_bytes: pl.Int64 = column("Written to storage, in the same way.", unit="byte", nullable=True, ge=0)
