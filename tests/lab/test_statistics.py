"""What may be said of few measurements, with answers that are known."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.lab.statistics import FEWEST_RUNS, median_of, ratio_of, verdict

unhurried = settings(deadline=None)
TIMES = st.lists(st.floats(0.001, 1_000), min_size=1, max_size=12)


def test_of_five_values_the_interval_is_the_range():
    """
    In a resample of five the smallest is the median when it is drawn three times or more: 5.8 % of resamples, which is
    more than the 2.5 % beyond the interval's end. So is the largest.
    """
    found = median_of([5.0, 1.0, 4.0, 2.0, 3.0])

    assert (3.0, 1.0, 5.0, 5) == (found.value, found.low, found.high, found.n)
    assert 1 - 2 / 2**5 == found.coverage_ratio


def test_an_interval_narrows_with_the_number_of_values():
    """
    Of 101 values of a normal distribution the median's standard error is 1.2533 / sqrt(101) = 0.125: the interval is
    within three of them, which few would not be, and wider than one.
    """
    dice = random.Random(7)
    found = median_of([dice.gauss(10, 1) for _ in range(101)])

    error = math.sqrt(math.pi / 2) / math.sqrt(101)
    assert error < found.high - found.low < 6 * error
    assert found.low < 10 < found.high


def test_the_same_seed_gives_the_same_interval():
    """
    A table that is printed again is the same table.
    """
    values = [float(n * n % 17) for n in range(15)]

    assert median_of(values) == median_of(values)


@unhurried
@given(TIMES)
def test_an_interval_holds_its_value_and_lies_within_the_range(values):
    """
    Whatever was measured.
    """
    found = median_of(values)

    assert min(values) <= found.low <= found.value <= found.high <= max(values)


@unhurried
@given(TIMES, st.sampled_from([0.25, 0.5, 2.0, 4.0]))
def test_the_unit_does_not_matter(values, factor):
    """
    Times in other units give the same interval in those units; powers of two, so that nothing is rounded.
    """
    one, other = median_of(values), median_of([value * factor for value in values])

    assert (one.low * factor, one.high * factor) == (other.low, other.high)


@unhurried
@given(TIMES)
def test_equal_runs_are_no_difference(values):
    """
    The ratio of each round is 1; below five rounds not even that is said.
    """
    ratio = ratio_of(values, values)

    few = {1: "one run: not known", 2: "too few runs", 3: "too few runs", 4: "too few runs"}
    assert (1.0, 1.0, 1.0) == (ratio.value, ratio.low, ratio.high)
    assert few.get(len(values), "no difference") == verdict(ratio)


@unhurried
@given(TIMES.filter(lambda values: len(values) >= FEWEST_RUNS))
def test_half_the_time_is_faster_and_twice_the_time_is_slower(values):
    """
    However much rounds differ from each other: they are compared one by one.
    """
    halves = [value / 2 for value in values]

    assert 2.0 == ratio_of(values, halves).value
    assert "faster" == verdict(ratio_of(values, halves))
    assert "slower" == verdict(ratio_of(halves, values))


def test_a_difference_that_one_round_in_five_denies_is_none():
    """
    Four rounds a tenth faster, one a tenth slower: the interval holds 1.
    """
    ratio = ratio_of([1.1, 1.1, 1.1, 1.1, 0.9], [1.0] * 5)

    assert 1.1 == ratio.value
    assert "no difference" == verdict(ratio)


@pytest.mark.parametrize(("n", "said"), [(4, "too few runs"), (5, "faster")])
def test_nothing_is_called_faster_below_five_rounds(n, said):
    """
    However clear it looks: of four rounds an interval misses the truth in one case of eight (1 - 2 ** -3).
    """
    ratio = ratio_of([10.0] * n, [1.0] * n)

    assert (10.0, 10.0) == (ratio.low, ratio.high)
    assert said == verdict(ratio)


def test_a_document_with_one_run_a_side_says_nothing():
    """
    D2 ran 417 files once in 2.27 s and once in 2.30 s, and called the second one optimised.
    """
    ratio = ratio_of([2.27], [2.30])

    assert ratio.value < 1
    assert "one run: not known" == verdict(ratio)
    assert 0.0 == ratio.coverage_ratio


@pytest.mark.parametrize("bad", [[], [0.0], [-1.0]])
def test_what_took_no_time_is_not_compared(bad):
    """
    It was not measured.
    """
    with pytest.raises(ValueError, match="no"):
        ratio_of([1.0] * len(bad), bad)


def test_rounds_must_match():
    """
    A round has a run of each side.
    """
    with pytest.raises(ValueError, match="shorter"):
        ratio_of([1.0, 1.0], [1.0])
