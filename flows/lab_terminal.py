"""What a benchmark says, on a terminal: its Markdown in lines that fit, its tables with columns that stand in line."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

from rich.cells import cell_len

from flows.show import terminal_width

PIPED_WIDTH = 120
"""Characters in a line of a list where nobody says how many there is room for."""
TALLEST_ROW = 6
"""Lines of a row of a table; where one would take more, each row is told in sentences instead."""
_GAPS = (2, 1)
"""Blanks between columns, and where the terminal is too narrow for those."""
_HEADING = re.compile(r"^#+ ")
_RULE = re.compile(r"\|( ---+ \|)+")
_WORDS = re.compile(r"\S+\s*")
_PIECES = re.compile(r"\S*?\w-(?=\w)(?!\d\d[-,])|\S+\s*")
"""Words, those with hyphens in parts; dates are whole."""


def list_width() -> int:
    """Characters in a line of a list that is printed to stdout now."""
    return terminal_width() if sys.stdout.isatty() else PIPED_WIDTH


def show_markdown(text: str) -> None:
    """Print Markdown of ours: as it is for a file or a program, and in lines that fit for a person's terminal."""
    print(for_terminal(text, width=terminal_width()) if sys.stdout.isatty() else text, end="", flush=True)


def for_terminal(text: str, *, width: int) -> str:
    """Headings, paragraphs and tables as :func:`flows.benchmark_runs.table` writes them, wrapped to ``width``.

    A table that would have to break words, or whose rows would be very tall, is told row by row. Words that are longer
    than a line, as paths may be, stay whole.
    """
    lines: list[str] = []
    for is_table, block in groupby(text.splitlines(), key=lambda line: line.startswith("|")):
        if is_table:
            source = list(block)
            head, *rows = (_cells(line) for line in source if not _RULE.fullmatch(line))
            is_even = all(len(head) == len(row) for row in rows)  # not where a cell holds our mark between cells
            lines += _table(head, rows, width) if is_even else source
        else:
            for line in block:
                lines += _prose(line, width)
    return "\n".join(lines) + "\n"


def hanging(start: str, text: str, *, width: int) -> str:
    """``text`` behind ``start``, wrapped to ``width``; its lines after the first begin where it begins."""
    return textwrap.fill(
        text,
        width,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split(" | ")]


def _prose(line: str, width: int) -> list[str]:
    heading = _HEADING.sub("", line, count=1)
    wrapped = _wrapped(heading, width, _WORDS)
    return wrapped if heading == line else [*wrapped, "=" * max(map(cell_len, wrapped))]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """The layout with the lowest rows of those that leave words whole, or else of those that part them at hyphens."""
    for pieces in (_WORDS, _PIECES):
        layouts = [_Layout.of([head, *rows], width, gap, pieces) for gap in _GAPS]
        fitting = [one for one in layouts if one is not None and one.tallest <= TALLEST_ROW]
        if fitting:
            return list(min(fitting, key=lambda one: one.tallest).lines())
    return list(_told(head, rows, width))


@dataclass(frozen=True)
class _Layout:
    """A table as it would be printed: for each row its cells, for each cell its lines."""

    rows: tuple[tuple[list[str], ...], ...]
    widths: tuple[int, ...]
    gap: int

    @classmethod
    def of(cls, rows: Sequence[Sequence[str]], width: int, gap: int, pieces: re.Pattern[str]) -> _Layout | None:
        """Columns as narrow as their longest pieces, then wider where cells are tallest; ``None`` where none fit."""
        columns = list(zip(*rows, strict=True))
        widths = [
            max(cell_len(piece.rstrip()) for cell in ("", *column) for piece in (pieces.findall(cell) or [""]))
            for column in columns
        ]
        left = width - gap * (len(columns) - 1) - sum(widths)
        if left < 0:
            return None
        wrapped = [
            [_wrapped(cell, wide, pieces) for cell in column] for column, wide in zip(columns, widths, strict=True)
        ]
        for _ in range(left):
            needs = [_need(column) for column in wrapped]
            neediest = needs.index(max(needs))
            if needs[neediest] == _SATISFIED:
                break
            widths[neediest] += 1
            wrapped[neediest] = [_wrapped(cell, widths[neediest], pieces) for cell in columns[neediest]]
        used = tuple(max(cell_len(line) for cell in column for line in cell) for column in wrapped)
        return cls(tuple(zip(*wrapped, strict=True)), used, gap)

    @property
    def tallest(self) -> int:
        """Lines of the tallest row below the head."""
        return max((len(cell) for row in self.rows[1:] for cell in row), default=0)

    def lines(self) -> Iterator[str]:
        """The lines of the table, with empty ones between its rows where most have several."""
        head, *rows = ([self._line(texts) for texts in zip_longest(*row, fillvalue="")] for row in self.rows)
        is_spaced = sum(map(len, rows)) > 1.5 * len(rows)
        yield from head
        yield (" " * self.gap).join("-" * width for width in self.widths)
        for place, row in enumerate(rows):
            if is_spaced and place:
                yield ""
            yield from row

    def _line(self, texts: Sequence[str]) -> str:
        padded = (text + " " * (width - cell_len(text)) for text, width in zip(texts, self.widths, strict=True))
        return (" " * self.gap).join(padded).rstrip()


def _need(column: Sequence[list[str]]) -> tuple[int, int, int]:
    """How much a column needs to be wider: lines of its tallest cell, how many are as tall, and lines of its head."""
    head, *heights = map(len, column)
    tallest = max(heights, default=1)
    return tallest, heights.count(tallest) if tallest > 1 else 0, head


_SATISFIED = (1, 0, 1)


def _told(head: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Each row in a few lines: its first cell, and the others with the names of their columns."""
    yield from (head[0], "-" * cell_len(head[0]))
    for place, (first, *others) in enumerate(rows):
        if place:
            yield ""
        yield from _wrapped(first, width, _WORDS)
        told = [f"{name}: {cell}" if name else cell for name, cell in zip(head[1:], others, strict=True) if cell]
        yield from (f"  {line}" for line in _wrapped("; ".join(told), width - 2, _WORDS))


def _wrapped(text: str, width: int, pieces: re.Pattern[str]) -> list[str]:
    """Lines of at most ``width``; a piece that is longer has a line of its own."""
    lines = [""]
    for piece in pieces.findall(text):
        if lines[-1] and cell_len((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]
