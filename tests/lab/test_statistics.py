"""What may be said of few measurements, with answers that are known."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.lab.statistics import FEWEST_RUNS, coverage_ratio, interval_words, median_of, ratio_of, verdict

unhurried = settings(deadline=None)
TIMES = st.lists(st.floats(0.001, 1_000), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("n", "rank", "coverage"),
    [
        (1, 1, 0.0),
        (2, 1, 0.5),
        (3, 1, 0.75),
        (5, 1, 0.9375),
        (6, 1, 0.9688),
        (8, 1, 0.9922),
        (9, 2, 0.9609),
        (10, 2, 0.9785),
        (12, 3, 0.9614),
        (15, 4, 0.9648),
        (20, 6, 0.9586),
        (25, 8, 0.9567),
    ],
)
def test_the_interval_is_that_of_the_tables(n, rank, coverage):
    """
    Ranks and coverage of the interval of a median as tables of the sign test have them, which are sums of the binomial
    distribution: of eight values the whole range, and of five the range as well, which is less than 95 %.
    """
    values = [float(number) for number in range(1, n + 1)]

    found = median_of(values[::-1])

    assert ((n + 1) / 2, rank, n + 1 - rank, n) == (found.value, found.low, found.high, found.n)
    assert coverage == pytest.approx(coverage_ratio(n), abs=0.00005)


@pytest.mark.parametrize("n", [5, 6, 7, 8, 9, 12])
def test_an_interval_holds_the_true_median_as_often_as_it_says(n):
    """
    Of 4,000 draws from a skewed distribution whose median is exp(0) = 1: what is told, give or take three standard
    errors, sqrt(p * (1 - p) / 4,000).
    """
    dice = random.Random(n)
    held = [
        found.low <= 1 <= found.high
        for found in (median_of([dice.lognormvariate(0, 1) for _ in range(n)]) for _ in range(4_000))
    ]

    told = coverage_ratio(n)
    assert told == pytest.approx(sum(held) / 4_000, abs=3 * math.sqrt(told * (1 - told) / 4_000))
    assert n == 5 or told >= 0.95


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


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (3, "whole range, which holds the true median 75.0% of the time"),
        (8, "whole range, which holds the true median 99.2% of the time"),
        (9, "interval, which holds the true median 96.1% of the time"),
    ],
)
def test_a_table_says_what_its_intervals_are(n, words):
    """
    By the number of rounds: up to eight it is the range.
    """
    assert words == interval_words(n)


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
    assert 0.0 == coverage_ratio(ratio.n)


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
