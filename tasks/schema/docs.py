"""The documentation of all tables and views, made from their definitions."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from tasks.schema import warehouse_tables
from tasks.schema.table import Table
from tasks.schema.views import View, views


def words(table: type[Table]) -> str:
    """What a table holds, who writes it and who reads it: its docstring, one paragraph a line."""
    paragraphs = inspect.cleandoc(table.__doc__ or "").split("\n\n")
    return "\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def as_markdown(
    tables: Sequence[type[Table]] | None = None,
    views_for_people: Sequence[View] | None = None,
) -> str:
    """Tables with their columns, then the views, as Markdown; those of the warehouse unless told otherwise."""
    tables = warehouse_tables() if tables is None else tables
    views_for_people = views() if views_for_people is None else views_for_people
    parts = ["# Tables", *(_table(table) for table in tables), "# Views", *(_view(view) for view in views_for_people)]
    return "\n\n".join(parts) + "\n"


def _table(table: type[Table]) -> str:
    lines = [f"## {table.table_name()}", "", words(table).replace("\n", "\n\n"), ""]
    lines.append(f"One row for each {', '.join(f'`{name}`' for name in table.key())}.")
    if owner := table.part_of():
        lines.append(f"Part of `{owner}`: replaced together with its row there.")
    lines += ["", "| column | type | unit | null | what it holds |", "|---|---|---|---|---|"]
    lines += [
        f"| {column.name} | {column.duckdb_type} | {column.unit or ''} | {'yes' if column.nullable else 'no'} "
        f"| {_cell(column.words)} |"
        for column in table.columns()
    ]
    return "\n".join(lines)


def _view(view: View) -> str:
    return f"## {view.name}\n\n{view.words}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
