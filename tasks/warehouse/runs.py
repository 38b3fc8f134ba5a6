"""Records of runs: written beside the warehouse at the end of each, loaded when it is published the next time.

A run that changes nothing writes its record and leaves the warehouse alone.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from pandera.errors import SchemaError

from tasks.core import atomic
from tasks.core.layout import DataFolder
from tasks.schema.runs import Failures, Quarantine, RunRoots, Runs, RunSkips, RunStages
from tasks.schema.table import Table

PARTS: tuple[type[Table], ...] = (RunStages, RunRoots, RunSkips, Failures, Quarantine)


@dataclass(frozen=True)
class RunRecord:
    """One run, as rows of its tables."""

    run_id: str
    frames: Mapping[type[Table], pl.DataFrame]
    """``runs`` and those of its parts that the record names; a part it does not name stays as it was loaded."""


def write_run_record(data_dir: Path, record: Mapping[str, Any]) -> Path:
    """Write the record of a run; a second one of the same run takes the first's place.

    Args:
        record: columns of ``runs``, and under ``run_stages``, ``run_roots``, ``run_skips``, ``failures`` and
            ``quarantine`` lists of rows without their ``run_id``. Further keys are kept for the report and not loaded.

    Raises:
        KeyError, TypeError, pandera.errors.SchemaError: it is no record of a run; our bug, better seen now than by
            every later load.
        StorageFull: the disk is full.
    """
    run_id = record["run_id"]
    if not re.fullmatch(r"[\w.-]+", run_id):
        raise ValueError(f"a run id names a file: {run_id!r}")
    content = orjson.dumps(dict(record), option=orjson.OPT_INDENT_2)
    _parsed(content)
    path = DataFolder(data_dir).runs / f"{run_id}.json"
    atomic.write_bytes(path, content)
    return path


def pending_records(
    data_dir: Path, *, loaded: Collection[str], since_ns: int
) -> tuple[list[RunRecord], list[dict[str, Any]]]:
    """Records to be loaded, and rows for ``quarantine`` (without ``run_id``) of those that cannot be.

    Args:
        loaded: runs that stand in the warehouse.
        since_ns: when the warehouse was written; a record that is younger is loaded again, because a run writes its
            record before its load and once more at its end.
    """
    records, refused = [], []
    for path in sorted(DataFolder(data_dir).runs.glob("*.json")):
        if path.stem in loaded and path.stat().st_mtime_ns < since_ns:
            continue
        try:
            records.append(_parsed(path.read_bytes()))
        except (ValueError, KeyError, TypeError, SchemaError) as exc:
            reason = f"no record of a run, so it was not loaded: {type(exc).__name__}: {exc}"
            refused.append(
                {"refused_by": Runs.table_name(), "row_key": path.stem, "item": str(path), "reason": reason[:500]}
            )
    return records, refused


def _parsed(content: bytes) -> RunRecord:
    record = orjson.loads(content)
    run_id = record["run_id"]
    frames: dict[type[Table], pl.DataFrame] = {Runs: _frame(Runs, [{name: record.get(name) for name in Runs.dtypes()}])}
    for table in PARTS:
        if table.table_name() in record:
            frames[table] = _frame(table, [row | {"run_id": run_id} for row in record[table.table_name()]])
    return RunRecord(run_id, frames)


def _frame(table: type[Table], rows: list[dict[str, Any]]) -> pl.DataFrame:
    times = {name for name, dtype in table.dtypes().items() if isinstance(dtype, pl.Datetime)}
    frame = table.frame(
        {n: datetime.fromisoformat(v) if n in times and v is not None else v for n, v in row.items()} for row in rows
    )
    table.validate(frame)
    return frame
