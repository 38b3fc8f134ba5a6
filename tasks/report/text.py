"""The report for a terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tasks.core.units import printable
from tasks.report.facts import RunFacts
from tasks.report.sections import Grid, Section, headline, sections

_INDENT = 2
_GAPS = (2, 1)
"""Blanks between columns, and where the terminal is too narrow for those."""
_STYLES = {"plain": "", "good": "bold green", "bad": "bold red", "note": "bold yellow"}


def as_text(facts: RunFacts, *, width: int, colour: bool) -> str:
    """The report, no line longer than ``width`` characters, with or without colours."""
    return sections_as_text(*headline(facts), sections(facts), width=width, colour=colour)


def sections_as_text(sentence: str, tone: str, parts: Sequence[Section], *, width: int, colour: bool) -> str:
    """A sentence in its ``tone`` and ``parts`` below it, no line longer than ``width`` characters."""
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
    console.print(Text(sentence, style=_STYLES[tone]))
    for section in parts:
        console.print()
        console.print(Text(section.title, style=_STYLES[section.tone] or "bold"))
        if section.grid:
            console.print(Padding(_table(section.grid, width - _INDENT), (0, 0, 0, _INDENT)))
        for line in section.lines:
            console.print(Padding(Text(line), (0, 0, 0, 2)))
        for text, address in section.links:
            console.print(Padding(Text(f"{text}: {printable(address)}" if address else text), (0, 0, 0, 2)))
        if section.command:
            console.print(Padding(Text(section.command, style="bold"), (0, 0, 0, 2)))
        if section.query:
            console.print(Padding(Text(f'reelhouse sql "{section.query}"', style="dim"), (0, 0, 0, 2)))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _table(grid: Grid, width: int) -> Table:
    shown, gap = _fitting(grid, width)
    table = Table(
        box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="dim", show_footer=grid.total is not None
    )
    footer = grid.total or ("",) * len(grid.head)
    for column in shown:
        head = grid.head[column]
        right = head in grid.numbers
        table.add_column(
            head,
            footer=Text(footer[column]),
            footer_style="dim",
            justify="right" if right else "left",
            overflow="fold",
            no_wrap=right,
        )
    for row in grid.rows:
        table.add_row(*(Text(row[column]) for column in shown))
    return table


def _fitting(grid: Grid, width: int) -> tuple[list[int], int]:
    """The columns to show, and the gap between them, so that numbers leave the words of the other columns whole.

    Where even the fewest columns are too wide, words are broken.
    """
    lines = [grid.head, *grid.rows, *([grid.total] if grid.total else [])]
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(grid.head))]
    shown = list(range(len(grid.head)))
    is_account = all(head in grid.numbers for head in grid.head[1:])  # a last column of words may be broken instead
    for spare in (None, *grid.spare):
        shown = [column for column in shown if grid.head[column] != spare]
        for gap in _GAPS:
            if not is_account or sum(widths[column] + gap for column in shown) - gap <= width:
                return shown, gap
    return shown, _GAPS[-1]
