"""What the benchmark may say about two sets of runs."""

from __future__ import annotations

from flows.benchmark import _beyond


def test_a_difference_within_the_spread_is_not_claimed():
    """
    Medians 8.5 and 8.7 s in runs that spread over 2.4 s: nothing can be said but that.
    """
    words = _beyond([8.0, 8.5, 10.4], [7.8, 8.7, 9.8])

    assert "less than these runs spread (2.4 s)" in words


def test_a_difference_beyond_the_spread_is_said():
    """
    Medians 12 and 8 s in runs that spread over 1 s: 4 s.
    """
    assert "costs 4.0 s" in _beyond([11.5, 12.0, 12.5], [7.5, 8.0, 8.5])
