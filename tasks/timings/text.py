"""The summary of a run's timings as tables for a terminal, and as lines for a log. Pure."""

from __future__ import annotations

import io

import polars as pl
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from tasks.core.units import human_duration, human_size, printable
from tasks.timings.by_stage import stages
from tasks.timings.summary import durations, values, wall_s
from tasks.timings.suspects import suspects
from tasks.timings.titles import title_times


def as_text(timings: pl.DataFrame, *, width: int = 100, colour: bool = False) -> str:
    """The summary as tables for a terminal ``width`` characters wide, names in full where they fit."""
    if not timings.height:
        return "No timings yet: they are made by `reelhouse refresh`.\n"
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, no_color=not colour, highlight=False)
    spans, of_stages, numbers = durations(timings), stages(timings), values(timings)
    titles, causes = title_times(timings), suspects(timings).filter(pl.col("mean").is_not_null())
    run_ids = timings["run_id"].unique(maintain_order=True).to_list()
    console.print(Text(f"Run {printable(', '.join(run_ids))}: {human_duration(wall_s(timings))} wall time"))
    if spans.height:
        console.print(_table(spans, _SPAN_COLUMNS, width))
    if of_stages.height:
        told = {head: name for head, name in _STORAGE_COLUMNS.items() if of_stages[name].count()}
        console.print(_table(of_stages, _STAGE_COLUMNS | told, width))
    if titles.height:
        console.print(_table(titles, _TITLE_COLUMNS, width))
    if causes.height:
        console.print(_table(causes, _CAUSE_COLUMNS, width))
    if numbers.height:
        console.print(_table(numbers, _VALUE_COLUMNS, width))
    return out.getvalue()


def as_lines(totals: pl.DataFrame, *, limit: int) -> list[str]:
    """A line for each of the first ``limit`` scopes of ``tasks.timings.summary.totals``, and how many are left out.

    They are sentences, not a table: the pages that show logs break lines, and not all have letters of one width.
    """
    lines = []
    for row in totals.head(limit).iter_rows(named=True):
        numbers = (
            "of unknown length"  # none of them is finite
            if row["mean_s"] is None
            else f"{human_duration(row['total_s'])} in all, mean {human_duration(row['mean_s'])}, "
            f"max {human_duration(row['max_s'])}"
        )
        errors = f", {row['error_count']:,} ended with an error" if row["error_count"] else ""
        lines.append(f"{printable(row['name'])}: {row['count']:,} x, {numbers}{errors}")
    if totals.height > limit:
        lines.append(f"... and {totals.height - limit:,} more scopes")
    return lines


_SPAN_COLUMNS = {
    "scope": "name", "count": "count", "errors": "error_count", "mean": "mean_s", "p50": "p50_s", "p95": "p95_s",
    "max": "max_s", "total": "total_s", "of wall": "wall_ratio", "at once": "concurrency",
}  # fmt: skip
_STAGE_COLUMNS = {
    "stage": "stage", "steps": "step_count", "at work": "busy_s", "CPU": "cpu_s", "most memory": "peak_bytes"
}  # fmt: skip
_STORAGE_COLUMNS = {"read": "read_bytes", "written": "written_bytes"}
_TITLE_COLUMNS = {
    "titles": "kind", "count": "count", "p50": "p50_s", "p95": "p95_s", "max": "max_s", "answers": "answer_count"
}  # fmt: skip
_CAUSE_COLUMNS = {
    "suspected cause": "cause", "measure": "measure", "unit": "unit", "count": "count", "mean": "mean", "p50": "p50",
    "p95": "p95",
}  # fmt: skip
_VALUE_COLUMNS = {
    "value": "name", "unit": "unit", "count": "count", "min": "min", "mean": "mean", "p50": "p50", "p95": "p95",
    "max": "max", "total": "total",
}  # fmt: skip
_LESS_IMPORTANT = ("p50", "min", "max", "at once", "errors", "unit")
"""Left out in this order where the terminal is too narrow: two thirds of a table are worth more than cut numbers."""


def _table(frame: pl.DataFrame, columns: dict[str, str], width: int) -> Grid:
    rows = frame.to_dicts()
    cells = {head: [_cell(name, row[name], row.get("unit")) for row in rows] for head, name in columns.items()}
    for head in _LESS_IMPORTANT:
        if sum(max(len(c) for c in (h, *column)) + 2 for h, column in cells.items()) - 2 <= width:
            break
        cells.pop(head, None)
    grid = Grid(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for head in cells:
        first = head == next(iter(cells))
        grid.add_column(
            head,
            justify="left" if first or head in ("unit", "measure") else "right",
            overflow="fold",
            no_wrap=not first,
        )
    for line in zip(*cells.values(), strict=True):
        grid.add_row(
            *(Text(c, style="red" if h == "errors" and c != "0" else "") for h, c in zip(cells, line, strict=True))
        )
    return grid


def _cell(name: str, value: str | float | None, unit: str | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return printable(value)
    if name.endswith("_s"):
        return human_duration(value)
    if name == "wall_ratio":
        return f"{value:.0%}"
    if name == "concurrency":
        return f"{value:.1f}"
    if name.endswith("_bytes") or (name != "count" and unit == "byte"):
        return human_size(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
