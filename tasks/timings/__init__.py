"""Run timings: what ``tasks.core.stopwatch`` measures comes in, Parquet files, summaries, CSV and one Parquet come out.

``<data>/timings/run_id=<run>/*.parquet`` holds the rows of :class:`tasks.schema.timings.Timings`, readable while the
run works and after it has died. Each run has an id and begins with nothing; what was kept of others stays.

::

    timings = read_timings(folder, run_id)      # the newest run without an id; runs(folder) lists them
    durations(timings)                          # all scopes, a row each
    scope(timings, "artwork.download")          # one of them
    values(timings)                             # numbers that are no durations
"""

from __future__ import annotations

from tasks.timings.by_stage import stages
from tasks.timings.export import export_csv, export_parquet
from tasks.timings.store import read_timings, recording, runs
from tasks.timings.summary import durations, scope, values, wall_s
from tasks.timings.text import as_text

__all__ = [
    "as_text", "durations", "export_csv", "export_parquet", "read_timings", "recording", "runs", "scope", "stages",
    "values", "wall_s",
]  # fmt: skip
