"""One answer from up to three: two parsers that agree are right nine times in ten, two that differ half the time."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence

from tasks.identify.reading import Reading

_PART_LAST = re.compile(
    r"[ ,:-]+(?:vol|volume|part|chapter)[ .]*(?:\d{1,2}|[ivx]{1,4}|one|two|three|four|five)$", re.IGNORECASE
)
AGREED = 0.9
"""Share of names that are right where two parsers agree on title, season and episodes (measured: 0.88 to 0.92)."""
OUTVOTED = 0.7
"""The same where the two parsers agree against our own reading (measured: 0.72)."""
DISPUTED = 0.5
"""The same where they differ (measured: 0.53 to 0.61)."""


def agree(first: Reading, second: Reading) -> bool:
    """Whether two readings say the same in all that decides what a file is."""
    return (
        first.kind == second.kind
        and bool(first.title)
        and first.same_title(second)
        and first.same_numbers(second)
        and first.year == second.year
    )


def decide(readings: Sequence[Reading]) -> Reading:
    """One reading from several, the most trusted first: each field as two of them read it, else as the first did.

    The confidence says whether any two agreed on everything.
    """
    chosen = dataclasses.replace(readings[0])
    pairs = [(a, b) for i, a in enumerate(readings) for b in readings[i + 1 :]]
    agreed = next((a for a, b in pairs if agree(a, b)), None)
    first = readings[0]
    is_settled = first.is_sure and bool(first.episodes or first.date)
    numbers = first if is_settled else agreed or _majority(pairs, _same_numbers) or first
    chosen.kind = numbers.kind
    for name in ("season", "last_season", "episodes", "absolute", "date", "is_sure"):
        setattr(chosen, name, getattr(numbers, name))
    titled = agreed or _majority(pairs, lambda a, b: bool(a.title) and a.same_title(b)) or _titled(readings)
    if not (first.title and _PART_LAST.sub("", first.title) == titled.title and first.title != titled.title):
        chosen.title = titled.title  # "Vol. 1" at the end of a title is part of it, though both parsers drop it
    year = agreed or _majority(pairs, lambda a, b: a.year is not None and a.year == b.year) or readings[0]
    chosen.year = year.year
    for name in ("edition", "part", "resolution", "source", "group"):
        setattr(chosen, name, next((v for r in readings if (v := getattr(r, name)) is not None), None))
    chosen.rule = "+".join(r.rule for r in readings)
    chosen.confidence_ratio = DISPUTED
    if agreed and numbers.same_numbers(agreed):
        chosen.confidence_ratio = AGREED if agreed is first else OUTVOTED
    return chosen


def _majority(pairs: Sequence[tuple[Reading, Reading]], same: Callable[[Reading, Reading], bool]) -> Reading | None:
    return next((a for a, b in pairs if same(a, b)), None)


def _same_numbers(first: Reading, second: Reading) -> bool:
    return first.kind == second.kind and first.same_numbers(second)


def _titled(readings: Sequence[Reading]) -> Reading:
    """The first with a title; none where the name begins with its number, for then others make titles of chapters."""
    return readings[0] if readings[0].is_sure else next((r for r in readings if r.title), readings[0])
