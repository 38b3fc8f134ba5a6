"""Counts that a refresh may not exceed, by item, and what exceeds them. Pure but for reading the budget file.

Counts are the same on every machine, so they can fail a build; times never do.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tasks.core.errors import Refused

Measures = Mapping[str, float]
MEASURES: Mapping[str, tuple[str, str | None]] = {
    "calls": ("call_count", None),
    "calls_per_title": ("call_count", "title_count"),
    "image_requests_per_image": ("image_request_count", "image_count"),
    "image_requests": ("image_request_count", None),
    "connections": ("connection_count", None),
    "requests_at_once": ("most_at_once_count", None),
    "repeated_bytes": ("repeated_bytes", None),
    "probes_per_file": ("probe_count", "file_count"),
    "program_calls_per_file": ("program_call_count", "file_count"),
    "statements": ("statement_count", None),
    "transactions": ("transaction_count", None),
    "inserts": ("insert_count", None),
    "rows_per_insert": ("row_count", "insert_count"),
    "task_runs": ("task_run_count", None),
}
"""Name in the budget file -> columns of ``LabRuns``: what is counted, and by what it is divided."""


class Budget(NamedTuple):
    """What a run may come to."""

    most: Measures
    least: Measures


def read_budgets(path: Path) -> dict[str, Budget]:
    """The budgets of a file by the kind of run: ``cold`` and ``warm``.

    Raises:
        Refused: it names something that is not counted.
        OSError, tomllib.TOMLDecodeError: it cannot be read.
    """
    kinds = tomllib.loads(path.read_text(encoding="utf-8"))
    budgets = {kind: Budget(limits.get("most", {}), limits.get("least", {})) for kind, limits in kinds.items()}
    for budget in budgets.values():
        unknown = {*budget.most, *budget.least} - MEASURES.keys()
        if unknown:
            raise Refused(f"{path.name} names {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    return budgets


def measures(run: Mapping[str, Any]) -> dict[str, float]:
    """What a run (a row of ``LabRuns``) has come to; a share of nothing is missing."""
    shares = {name: (run[counted], 1 if by is None else run[by]) for name, (counted, by) in MEASURES.items()}
    return {name: amount / share for name, (amount, share) in shares.items() if share}


def exceeded(found: Measures, budget: Budget) -> list[str]:
    """What is above its most or below its least, a line each; empty where the budget is kept.

    A count that is in the budget and was not made is a line, too: nobody would see it grow.
    """
    lines = []
    for word, limits in (("at most", budget.most), ("at least", budget.least)):
        for name, limit in limits.items():
            if name not in found:
                lines.append(f"{name} was not counted, and should be {word} {limit:g}")
            elif (found[name] > limit) if word == "at most" else (found[name] < limit):
                lines.append(f"{name} is {found[name]:g}, and should be {word} {limit:g}")
    return lines
