"""Table ``timings``: every measured duration and value of a run, kept as Parquet beside the warehouse."""

from __future__ import annotations

import polars as pl

from tasks.schema.files import Time
from tasks.schema.table import Table, column


class Timings(Table, staged_only=True):
    """One measured scope or value; written by ``timings`` while a run works, read by its summary and the notebooks.

    It lies in ``<data>/timings/run_id=<run>/*.parquet`` and not in the warehouse: a run that dies leaves its timings,
    and a warehouse without them stays small.
    """

    run_id: str = column("Run.", key=True)
    span_id: pl.Int64 = column("Id of the record, unique in its run over all its processes.", key=True)
    parent_id: pl.Int64 = column("Scope it was measured inside; null for an outermost one.", nullable=True)
    name: str = column("What was measured, dotted, as artwork.download.")
    kind: str = column("duration or value.", isin=["duration", "value"])
    started_at: Time = column("When it began; when it was recorded, for a value.")
    value: float = column("Length of a duration, or the value, in the row's unit; null if not finite.", nullable=True)
    unit: str = column("s for durations; null for a plain count.", nullable=True)
    ok: bool = column("False where the scope was left by an exception.")
    item: str = column("Item it was about, for people; null where it was about many.", nullable=True)
    thread_id: pl.Int64 = column("Thread in the process.")
    pid: pl.Int64 = column("Process.")
    host: str = column("Host that was asked; null where none was.", nullable=True)
    bytes: pl.Int64 = column("Bytes read, written or received, as the scope says.", unit="byte", nullable=True)
    status: pl.Int64 = column("HTTP status; null where nothing was asked.", nullable=True)
    engine: str = column("Program or library that did the work, where there are several.", nullable=True)
    attributes: str = column("All further attributes, as a JSON object; null without any.", nullable=True)
