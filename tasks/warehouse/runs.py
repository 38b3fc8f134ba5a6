"""Records of runs: written beside the warehouse at the end of each, loaded when it is published the next time.

A run that changes nothing writes its record and leaves the warehouse alone.
"""

from __future__ import annotations

import json
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
from tasks.core.errors import Refused
from tasks.core.layout import DataFolder
from tasks.core.paths import from_parameter, is_below
from tasks.schema.runs import Failures, Quarantine, RunRoots, Runs, RunSkips, RunStages
from tasks.schema.table import Table

PARTS: tuple[type[Table], ...] = (RunStages, RunRoots, RunSkips, Failures, Quarantine)
NEEDED = ("run_id", "name", "started_at", "state")
"""Texts without which a file is no record of a run, whatever version wrote it."""


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


def record_in(path: Path) -> dict[str, Any]:
    """The record of a run in a file, as it was written.

    Raises:
        FileNotFoundError: there is none.
        Refused: it is none, as where a disk was full or a copy was cut off; says which file, and why.
    """
    content = path.read_bytes()
    try:
        record = orjson.loads(content)
    except orjson.JSONDecodeError as exc:
        raise _no_record(path, "it is not whole" if content.strip() else "it is empty") from exc
    if not isinstance(record, dict):
        raise _no_record(path, "it is no JSON object")
    for name in NEEDED:
        if not isinstance(record.get(name), str):
            raise _no_record(path, f"it has no {name}")
    try:
        has_zone = datetime.fromisoformat(record["started_at"]).tzinfo is not None
    except ValueError:
        has_zone = False
    if not has_zone:
        raise _no_record(path, "its started_at is no time with a zone")
    return record


def _no_record(path: Path, why: str) -> Refused:
    return Refused(f"{path} is no record of a run: {why}")


def read_run_record(data_dir: Path, run_id: str) -> dict[str, Any] | None:
    """The record of a run as it was written; ``None`` where there is none, or it is no record."""
    try:
        return record_in(DataFolder(data_dir).runs / f"{run_id}.json")
    except (FileNotFoundError, Refused):
        return None


def end_run_record(data_dir: Path, run_id: str, *, state: str, reason: str, at: datetime | None) -> bool:
    """Say in the record of a run that was ended from outside how and why; return whether there was something to say.

    A run whose record says that it has ended stays as it is, but for one that crashed and is found to be cancelled.

    Args:
        state: ``cancelled`` or ``crashed``.
        at: when it ended; ``None`` where nobody knows.
    """
    record = read_run_record(data_dir, run_id)
    if record is None or record.get("state") not in ("running", "crashed") or record["state"] == state:
        return False
    started_at = datetime.fromisoformat(record["started_at"])
    ended = {"finished_at": at, "wall_s": max(0.0, (at - started_at).total_seconds()) if at else None}
    notes = [note for note in record.get("notes", []) if note != reason]
    write_run_record(data_dir, record | ended | {"state": state, "notes": [*notes, reason]})
    return True


def run_records(data_dir: Path, *, newest: int = 20) -> list[dict[str, Any]]:
    """The records that were written last, the newest run first; what is no record is left out."""
    return read_run_records(data_dir, newest=newest)[0]


def read_run_records(data_dir: Path, *, newest: int = 20) -> tuple[list[dict[str, Any]], list[str]]:
    """The records that were written last, the newest run first, and for each file that is none the reason."""
    records, refused = [], []
    for path in record_paths(data_dir)[:newest]:
        try:
            records.append(record_in(path))
        except FileNotFoundError:
            continue
        except Refused as exc:
            refused.append(str(exc))
    return sorted(records, key=lambda record: str(record["started_at"]), reverse=True), refused


def record_paths(data_dir: Path) -> list[Path]:
    """The files with records of runs, what was written last first."""
    return sorted(DataFolder(data_dir).runs.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)


def why_not_again(data_dir: Path, record: Mapping[str, Any]) -> str | None:
    """Why a run that was executed before has nothing to redo; ``None`` if it has.

    Args:
        record: what its earlier execution has left.

    Raises:
        Refused: there is something to redo, but it cannot be done.
    """
    for other in run_records(data_dir):
        if (
            other["run_id"] != record["run_id"]
            and other.get("is_loaded")
            and datetime.fromisoformat(other["started_at"]) > datetime.fromisoformat(record["started_at"])
            and _share_folders(other["roots"], record["roots"])
        ):
            return f"a later run, {other['name']!r}, has done what was left of this one; retry that one"
    if DataFolder(data_dir).staging(record["run_id"]).is_dir():
        return None
    if record["state"] == "completed":
        return "all of this run is done; to look again, start a new one"
    if record["state"] == "incomplete" and not any(row["is_transient"] for row in record.get("failures", ())):
        return "what failed in it does not go better by doing it again; `reelhouse failures` says what helps"
    raise Refused("what this run has left was removed after two weeks, so it cannot go on; start a new one")


def _share_folders(one: str, other: str) -> bool:
    pairs = [(from_parameter(a), from_parameter(b)) for a in json.loads(one) for b in json.loads(other)]
    return any(is_below(a, b) or is_below(b, a) for a, b in pairs)


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
