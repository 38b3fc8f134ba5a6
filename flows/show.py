"""Print what a run left: its report, its timings, rows of a query, the settings."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.parameters import Loaded
from tasks.core.errors import Refused
from tasks.core.layout import DataFolder
from tasks.core.units import printable
from tasks.report.facts import facts
from tasks.report.text import as_text
from tasks.timings.export import check_targets, export_csv, export_parquet
from tasks.timings.store import read_timings, runs
from tasks.timings.summary import SLOWEST_SHOWN, durations, slowest
from tasks.timings.text import as_text as timings_as_text
from tasks.warehouse.runs import record_in, record_paths

LONGEST_TABLE = 1_000
"""Rows of a query shown as a table; more are what --csv and --json are for."""


def record_of(data: DataFolder, run_id: str | None) -> dict[str, Any] | None:
    """The record of a run, of the newest one without an id; ``None`` where there is none.

    A file that is no record is left out, with a line on stderr that names it.
    """
    for path in [data.runs / f"{run_id}.json"] if run_id else record_paths(data.path):
        try:
            return record_in(path)
        except FileNotFoundError:
            continue
        except Refused as exc:
            print(f"reelhouse: {printable(str(exc))}; it is left out", file=sys.stderr)
    return None


def show_record(data: DataFolder, record: dict[str, Any], *, as_json: bool) -> None:
    """Print the report of a run, or its record as one JSON line."""
    if as_json:
        sys.stdout.buffer.write(orjson.dumps({"event": "report", **record}, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()
        return
    spans = read_timings(data.timings, record["run_id"])
    found = facts(
        record,
        warehouse=data.warehouse,
        durations=durations(spans) if spans.height else None,
        slowest=slowest(spans.lazy(), limit=SLOWEST_SHOWN),
    )
    print(as_text(found, width=terminal_width(), colour=sys.stdout.isatty()))


def show_report(data: DataFolder, run_id: str | None) -> None:
    """Print the report of an earlier run."""
    record = record_of(data, run_id)
    if record is None:
        raise Refused(f"there is no run {run_id or ''} in {data.path}".replace("  ", " "))
    show_record(data, record, as_json=False)


def show_timings(data: DataFolder, run_id: str | None, *, csv: Path | None, parquet: Path | None) -> None:
    """Print the summary of a run's timings, and write the records to ``csv`` and ``parquet`` if asked.

    Raises:
        Refused: there are no timings, or a file that is named cannot be one.
        StorageFull: there is no room for a file.
        StorageNotWritable: the operating system refuses to write there.
    """
    known = runs(data.timings)
    if not known or (run_id is not None and run_id not in known):
        raise Refused(f"there are no timings{f' of run {run_id}' if run_id else ''} in {data.path}")
    check_targets(csv, parquet)
    spans = read_timings(data.timings, run_id or known[0])
    for target, export in ((csv, export_csv), (parquet, export_parquet)):
        if target is not None:
            export(spans, target)
            print(f"{spans.height:,} records written to {printable(str(target))}", file=sys.stderr)
    print(timings_as_text(spans, width=terminal_width(), colour=sys.stdout.isatty()))


def show_frame(frame: pl.DataFrame, *, as_csv: bool, as_json: bool) -> None:
    """Print the rows of a query: a table for people, CSV or JSON lines for programs."""
    if as_json:
        for row in frame.iter_rows(named=True):
            sys.stdout.buffer.write(orjson.dumps(row, default=_plain, option=orjson.OPT_APPEND_NEWLINE))
        return
    if as_csv:
        nested = [name for name, dtype in frame.schema.items() if dtype.is_nested() or dtype == pl.Binary]
        flat = frame.with_columns(
            pl.Series(name, [json.dumps(v, default=_plain) for v in frame[name].to_list()], dtype=pl.String)
            for name in nested
        )
        sys.stdout.write(flat.write_csv())
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, dtype in frame.schema.items():
        table.add_column(Text(printable(name)), justify="right" if dtype.is_numeric() else "left", overflow="fold")
    for values in frame.head(LONGEST_TABLE).iter_rows():
        table.add_row(*(Text(_cell(value)) for value in values))
    console = Console(width=None if sys.stdout.isatty() else 10_000, highlight=False)
    console.print(table)
    if frame.height > LONGEST_TABLE:
        print(f"... {frame.height:,} rows in all; --csv or --json prints every one", file=sys.stderr)


def show_settings(loaded: Loaded) -> None:
    """Print every setting with its value, origin and meaning; a secret is only said to be set or not."""
    from tasks.core import secrets

    table = Table(box=None, header_style="bold", pad_edge=False)
    for head in ("setting", "value", "from", "what it does"):
        table.add_column(head, overflow="fold")
    for origin in loaded.origins:
        value = ", ".join(map(str, origin.value)) if isinstance(origin.value, tuple) else str(origin.value)
        table.add_row(*(Text(printable(cell)) for cell in (origin.name, value, origin.whence, origin.words)))
    for provider, variable in secrets.VARIABLES.items():
        state = "set" if secrets.token_of(provider) else "not set"
        table.add_row(variable, state, "environment", f"{secrets.WORDS[provider]}; never shown, stored or logged.")
    Console(highlight=False, width=None if sys.stdout.isatty() else 10_000).print(table)


def terminal_width() -> int:
    """Characters in a line of the terminal; 100 where there is none."""
    return shutil.get_terminal_size((100, 24)).columns


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    if isinstance(value, list):
        return ", ".join(_cell(v) for v in value)
    return printable(str(value))


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
