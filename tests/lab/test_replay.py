"""The calls and writes of D3 are as many as it counts, and its model gives its own seconds."""

from __future__ import annotations

import pytest

from tasks.core.errors import Refused
from tasks.lab.replay import ASSUMED_WRITE_S, SHIPPED, Shape, of_profile, way_of, ways

D3 = Shape(show_count=100, season_count=5, episode_count=10)
WAYS = ways(D3.season_count, 8)


def test_calls_and_writes_are_those_of_the_account():
    """
    1 list + 100 lists of seasons + 100 redundant ones + 500 seasons are 701, without the redundant 601; 100 shows and
    5,000 episodes are 5,100 rows.
    """
    old, shipped, ours = WAYS.values()

    assert [701, 601, 601] == [way.call_count(D3) for way in (old, shipped, ours)]
    assert 5_100 == D3.row_count
    assert [5_101, 5_101, 1] == [way.transaction_count(D3) for way in (old, shipped, ours)]


@pytest.mark.parametrize(
    ("profile", "turns"),
    [
        ("baseline", 701),  # every call waits for the one before
        (SHIPPED, 1 + 20 * 2),  # 100 shows by fives, each its list and then its seasons at once
        ("optimized", 1 + 75),  # 600 calls by eights
    ],
)
def test_a_turn_is_what_no_other_call_hides(profile, turns):
    """
    The list of shows comes first, alone.
    """
    assert turns == WAYS[profile].turn_count(D3)


def test_the_model_gives_the_account_s_own_seconds():
    """
    701 calls of 200 ms are 140.2 s, 5,101 writes of 10 ms 51.0 s: the account says 140 and 51. With its writes as they
    were shipped its new design comes to 8.2 + 51.0 s.
    """
    old, shipped, ours = (way.expected_s(D3, call_s=0.2, write_s=0.01) for way in WAYS.values())

    assert (191.2, 59.2, 15.2) == pytest.approx((old, shipped, ours), abs=0.05)


def test_transactions_are_held_back_as_long_as_the_account_assumes():
    """
    10 ms with one row, 50 ms with many; whoever does not ask for it has the disk as it is.
    """
    held = ways(D3.season_count, 8, holds_writes=True)

    assert {"rows": 0.01, "tables": 0.05} == ASSUMED_WRITE_S
    assert [0.01, 0.01, 0.05] == [way.write_latency_s for way in held.values()]
    assert [0.0, 0.0, 0.0] == [way.write_latency_s for way in WAYS.values()]
    assert [way.turn_count(D3) for way in WAYS.values()] == [way.turn_count(D3) for way in held.values()]


def test_odd_numbers_of_shows_and_seasons_take_a_turn_more():
    """
    Seven shows by fives are two turns of a show; 1 + 7 * 3 - 1 = 21 calls by eights are three.
    """
    shape = Shape(7, 2, 1)
    _, shipped, ours = ways(shape.season_count, 8).values()

    assert 1 + 2 * 2 == shipped.turn_count(shape)
    assert 1 + 3 == ours.turn_count(shape)


def test_a_way_comes_back_from_a_manifest():
    """
    Its facts stand there as the settings of a profile do.
    """
    held = ways(D3.season_count, 8, holds_writes=True)
    facts = of_profile(SHIPPED, held)

    assert {"replay.insert", "replay.shows_at_once"} <= facts.keys()
    assert held[SHIPPED] == way_of(facts)


def test_a_manifest_of_a_time_without_delays_of_writes_is_read():
    """
    Results of earlier versions do not tell of them: there were none.
    """
    facts = of_profile(SHIPPED, WAYS)
    del facts["replay.write_latency_s"]

    assert WAYS[SHIPPED] == way_of(facts)


def test_a_way_that_is_not_there_is_refused():
    """
    The message says which there are.
    """
    with pytest.raises(Refused, match="baseline, d3-new, optimized"):
        of_profile("all-but-walk", WAYS)
