"""The report for a terminal."""

from __future__ import annotations

import io

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tasks.report.facts import RunFacts
from tasks.report.sections import Grid, headline, sections

_STYLES = {"plain": "", "good": "bold green", "bad": "bold red", "note": "bold yellow"}


def as_text(facts: RunFacts, *, width: int, colour: bool) -> str:
    """The report, no line longer than ``width`` characters, with or without colours."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colour,
        no_color=not colour,
        color_system="standard" if colour else None,
        highlight=False,
        legacy_windows=False,
    )
    sentence, tone = headline(facts)
    console.print(Text(sentence, style=_STYLES[tone]))
    for section in sections(facts):
        console.print()
        console.print(Text(section.title, style=_STYLES[section.tone] or "bold"))
        if section.grid:
            console.print(Padding(_table(section.grid), (0, 0, 0, 2)))
        for line in section.lines:
            console.print(Padding(Text(line), (0, 0, 0, 2)))
        if section.query:
            console.print(Padding(Text(f'reelhouse sql "{section.query}"', style="dim"), (0, 0, 0, 2)))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _table(grid: Grid) -> Table:
    table = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_footer=grid.total is not None
    )
    footer = grid.total or ("",) * len(grid.head)
    for head, foot in zip(grid.head, footer, strict=True):
        right = head in grid.numbers
        table.add_column(
            head,
            footer=Text(foot),
            footer_style="dim",
            justify="right" if right else "left",
            overflow="fold",
            no_wrap=right,
        )
    for row in grid.rows:
        table.add_row(*(Text(cell) for cell in row))
    return table
