"""What few measurements allow to say: medians and ratios with their intervals. Pure.

How time grows with work is told by ``tasks.timings.history.scaling``, with its interval too; how many were at work at
once is a column of ``tasks.timings.durations``.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

COVERAGE_RATIO = 0.95
"""How often an interval holds the true median, at least, where there are values enough: from six on."""
FEWEST_RUNS = 5
"""Rounds from which on a side is called faster or slower, or no different."""

Verdict = Literal["faster", "slower", "no difference", "too few runs", "one run: not known"]


@dataclass(frozen=True)
class Estimate:
    """A median with the interval in which the true one lies as often as :func:`coverage_ratio` says."""

    value: float
    low: float
    high: float
    n: int


def median_of(values: Sequence[float]) -> Estimate:
    """The median of ``values`` with its interval, from one of the smallest of them to one of the largest.

    It takes for granted that no value depends on another, and nothing of how they are distributed: a value lies below
    the true median as often as a coin shows heads, so how often the k smallest all do is arithmetic. Up to eight values
    it takes their whole range.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("no values, so no median")
    in_order, rank = sorted(values), _rank(len(values))
    return Estimate(statistics.median(values), in_order[rank - 1], in_order[-rank], len(values))


def coverage_ratio(n: int) -> float:
    """How often the interval of ``n`` values holds the true median: 0 of one, which is no interval.

    >>> [coverage_ratio(n) for n in (1, 3, 5, 6)]
    [0.0, 0.75, 0.9375, 0.96875]
    """
    return 1 - _missed_ratio(n, _rank(n))


def interval_words(n: int) -> str:
    """What the interval of ``n`` values is, for the head of a table.

    >>> interval_words(5)
    'whole range, which holds the true median 93.8% of the time'
    """
    name = "whole range" if _rank(n) == 1 else "interval"
    return f"{name}, which holds the true median {coverage_ratio(n):.1%} of the time"


def _rank(n: int) -> int:
    """Of the values that end the interval, counted from the smallest and from the largest."""
    rank = 1
    while _missed_ratio(n, rank + 1) <= 1 - COVERAGE_RATIO:
        rank += 1
    return rank


def _missed_ratio(n: int, rank: int) -> float:
    """How often fewer than ``rank`` of ``n`` values lie on one side of the true median."""
    return 2 * sum(math.comb(n, heads) for heads in range(rank)) / (1 << n)


def ratio_of(base: Sequence[float], other: Sequence[float]) -> Estimate:
    """How many times as long ``base`` took as ``other``: the median of the ratios of each round.

    What disturbs the machine for a round disturbs both, so rounds are compared, not medians.

    Raises:
        ValueError: they are not the same number, there are none, or one of ``other`` took no time.
    """
    if any(value <= 0 for value in other):
        raise ValueError("a run that took no time cannot be compared")
    return median_of([a / b for a, b in zip(base, other, strict=True)])


def verdict(ratio: Estimate) -> Verdict:
    """What a ratio (see :func:`ratio_of`) allows to say of the other side.

    Where the interval holds 1 there is no difference that these runs show. Below ``FEWEST_RUNS`` the interval misses
    the true ratio too often to say anything: that of three runs in one case of four.
    """
    if ratio.n < 2:
        return "one run: not known"
    if ratio.n < FEWEST_RUNS:
        return "too few runs"
    if ratio.low <= 1 <= ratio.high:
        return "no difference"
    return "faster" if ratio.low > 1 else "slower"
