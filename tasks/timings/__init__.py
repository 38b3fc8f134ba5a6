"""Run timings: what ``tasks.core.stopwatch`` measures comes in, Parquet files, summaries and CSV come out.

``<data>/timings/run_id=<run>/*.parquet`` holds the rows of :class:`tasks.schema.timings.Timings`, readable while the
run works and after it has died. All functions take that ``timings`` folder.
"""

from __future__ import annotations

from tasks.timings.by_stage import stages
from tasks.timings.store import export_csv, read_timings, recording, runs
from tasks.timings.summary import durations, values, wall_s
from tasks.timings.text import as_text

__all__ = ["as_text", "durations", "export_csv", "read_timings", "recording", "runs", "stages", "values", "wall_s"]
