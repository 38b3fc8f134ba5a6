"""What few measurements allow to say: medians and ratios with their intervals. Pure.

How time grows with work is told by ``tasks.timings.history.scaling``, with its interval too; how many were at work at
once is a column of ``tasks.timings.durations``.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

RESAMPLES = 2_000
COVERAGE_RATIO = 0.95
FEWEST_RUNS = 5
"""Rounds from which on a side is called faster or slower, or no different."""

Verdict = Literal["faster", "slower", "no difference", "too few runs", "one run: not known"]


@dataclass(frozen=True)
class Estimate:
    """A value with the interval in which it lies.

    The interval is the percentile bootstrap of the median, at 95 %. Of five or fewer values it is their whole range,
    whose own coverage is less: ``1 - 2 ** (1 - n)``, so 93.75 % of five and 75 % of three.
    """

    value: float
    low: float
    high: float
    n: int

    @property
    def coverage_ratio(self) -> float:
        """How often such an interval holds the true median, at least; 0 of one value."""
        return min(COVERAGE_RATIO, 1 - 2.0 ** (1 - self.n))


def median_of(values: Sequence[float], *, seed: int = 1) -> Estimate:
    """The median of ``values`` with its interval; the same seed gives the same interval.

    Raises:
        ValueError: there are none.
    """
    if not values:
        raise ValueError("no values, so no median")
    dice = random.Random(seed)
    medians = sorted(statistics.median(dice.choices(values, k=len(values))) for _ in range(RESAMPLES))
    tail = (1 - COVERAGE_RATIO) / 2
    low, high = medians[math.floor(tail * RESAMPLES)], medians[math.ceil((1 - tail) * RESAMPLES) - 1]
    return Estimate(statistics.median(values), low, high, len(values))


def ratio_of(base: Sequence[float], other: Sequence[float], *, seed: int = 1) -> Estimate:
    """How many times as long ``base`` took as ``other``: the median of the ratios of each round.

    What disturbs the machine for a round disturbs both, so rounds are compared, not medians.

    Raises:
        ValueError: they are not the same number, there are none, or one of ``other`` took no time.
    """
    if any(value <= 0 for value in other):
        raise ValueError("a run that took no time cannot be compared")
    return median_of([a / b for a, b in zip(base, other, strict=True)], seed=seed)


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
