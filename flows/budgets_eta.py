"""Measure how far the time to go that a person is shown is from what a stage really takes."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from flows.benchmark_runs import spread, table
from tasks.core.progress import Progress, StageProgress

SHARES = (0.25, 0.5, 0.75)
"""Shares of a stage's items after which its time to go is read."""
ERROR_BUDGET_RATIO = 0.25
SHORTEST_S = 3.0
"""Of a stage that is shorter nobody needs to know how long it takes."""
UNEVEN = ("collect", "load")
"""Stages that count tables, or rows by the table: their load is not even, so that the budget does not hold for them."""
_SAMPLES_HZ = 4
"""As often as the bars move."""

Samples = Mapping[str, Sequence[tuple[float, StageProgress]]]
"""``time.monotonic()`` and how far a stage was then, by stage."""


@dataclass
class Sampled:
    """How far the stages of a run were, again and again."""

    samples: dict[str, list[tuple[float, StageProgress]]] = field(default_factory=dict)

    def take(self, source: Progress) -> None:
        """Note how far every stage is now."""
        for stage in source.snapshot():
            self.samples.setdefault(stage.stage, []).append((monotonic(), stage))


@contextmanager
def sampling(source: Progress) -> Iterator[Sampled]:
    """Note how far the stages of ``source`` are until the block ends, four times a second and at the end."""
    sampled, ending = Sampled(), threading.Event()

    def work() -> None:
        while not ending.wait(1 / _SAMPLES_HZ):
            sampled.take(source)

    thread = threading.Thread(target=work, name="samples", daemon=True)
    thread.start()
    try:
        yield sampled
    finally:
        ending.set()
        thread.join()
        sampled.take(source)


def eta_errors(samples: Samples) -> list[dict[str, Any]]:
    """``stage, items, took_s, errors, beside`` of every stage that took long enough and whose items were counted.

    An error is what a person was told over what was really left, minus 1, when the share of the items was first seen
    to be done: 0.5 for 15 s told and 10 s left. ``None`` where nothing was left by then. Beside it were the stages that
    ended while it was at work, and left the machine to it.
    """
    found = []
    ends = {name: seen[-1][1].finished_s for name, seen in samples.items()}
    for name, seen in samples.items():
        last = seen[-1][1]
        if last.finished_s is None or not last.total or last.finished_s - last.started_s < SHORTEST_S:
            continue
        errors = [_error(seen, last.finished_s, share) for share in SHARES]
        took_s = last.finished_s - last.started_s
        beside = [other for other, end in ends.items() if end and last.started_s < end < last.finished_s]
        found.append({"stage": name, "items": last.total, "took_s": took_s, "errors": errors, "beside": beside})
    return found


def _error(seen: Sequence[tuple[float, StageProgress]], finished_s: float, share: float) -> float | None:
    for now_s, stage in seen:
        if stage.total and share <= stage.done / stage.total:
            told_s = stage.remaining_s(now_s)
            return None if told_s is None or now_s >= finished_s else told_s / (finished_s - now_s) - 1
    return None


def eta_rows(what: str, runs: Sequence[Sequence[Mapping[str, Any]]]) -> list[Sequence[str]]:
    """Rows of the table: a stage each, with the errors of all ``runs`` that had it; ``what`` says what was run."""
    by_stage: dict[str, list[Mapping[str, Any]]] = {}
    for stage in (stage for run in runs for stage in run):
        by_stage.setdefault(stage["stage"], []).append(stage)
    rows: list[Sequence[str]] = []
    for name, found in by_stage.items():
        errors = [[stage["errors"][n] for stage in found if stage["errors"][n] is not None] for n in range(len(SHARES))]
        rows.append(
            (
                what,
                name,
                f"{found[0]['items']:,}",
                middle_and_range([stage["took_s"] for stage in found], unit=" s"),
                *(_percents(values) for values in errors),
                "not an even load" if name in UNEVEN else _verdict(errors, found[0]["beside"]),
            )
        )
    return rows


def _percents(errors: Sequence[float]) -> str:
    if not errors:
        return "nothing left"
    middle, *ends = (f"{value * 100:+.0f}" for value in (statistics.median(errors), min(errors), max(errors)))
    return f"{middle} %" if len(errors) == 1 else f"{middle} % ({' to '.join(ends)})"


def _verdict(errors: Sequence[Sequence[float]], beside: Sequence[str]) -> str:
    medians = [abs(statistics.median(values)) for values in errors if values]
    if not medians:
        return "not measured"
    if max(medians) <= ERROR_BUDGET_RATIO:
        return "kept"
    return f"not an even load: {', '.join(beside)} ended meanwhile" if beside else "NOT KEPT"


def middle_and_range(values: Sequence[float], *, unit: str) -> str:
    """Median, smallest and largest value, or the only one.

    >>> middle_and_range([3.0, 1.0, 2.04], unit=" s"), middle_and_range([2.04], unit=" s")
    ('2.0 s (1.0-3.0)', '2.0 s')
    """
    return spread(values, unit=unit) if len(values) > 1 else f"{values[0]:.1f}{unit}"


def print_eta(rows: Sequence[Sequence[str]]) -> None:
    """Print the table of the stages."""
    print("\n### Time to go: what was told and what was left\n")
    print("What a person is told after a quarter, half and three quarters of the items, beside what was left then:")
    print(f"+10 % is 11 s told and 10 s left. Stages of at least {SHORTEST_S:g} s whose items are counted, looked at")
    print(f"{_SAMPLES_HZ} times a second; median (range). Budget: medians of at most {ERROR_BUDGET_RATIO * 100:g} %.\n")
    head = ("run", "stage", "items", "took", *(f"after {share * 100:g} %" for share in SHARES), "budget")
    print(table(head, rows), flush=True)
