"""For how long scopes had been open at given moments, those open at the same time added up. Pure."""

from __future__ import annotations

import polars as pl


def open_s(begins_s: pl.Series, ends_s: pl.Series, edges_s: pl.Series) -> pl.Series:
    """For each of ``edges_s`` the seconds that scopes were open before it; the difference of two is what lies between.

    >>> open_s(pl.Series([1.0, 2.0]), pl.Series([3.0, 4.0]), pl.Series([0.0, 2.5, 9.0])).to_list()
    [0.0, 2.0, 4.0]
    """
    return _passed(begins_s, edges_s) - _passed(ends_s, edges_s)


def _passed(moments_s: pl.Series, edges_s: pl.Series) -> pl.Series:
    """For each edge the sum of the seconds that have passed since those of the moments that lie before it."""
    ordered = moments_s.sort()
    before = ordered.search_sorted(edges_s, side="right")
    sums_s = pl.concat([pl.Series([0.0]), ordered.cum_sum()])
    return edges_s * before - sums_s.gather(before)
