"""Which candidate is it? The rules of a match, one case each."""

from __future__ import annotations

import pytest

from tasks.match.decide import decided
from tasks.match.score import Wanted, ranked, title_keys
from tasks.providers.provider import Candidate


def a_wanted(title="Iron Harbour", year=1999):
    return Wanted("movie", title, year)


def a_candidate(provider_id=1, title="Iron Harbour", year=1999, *, original_title=None, vote_count=0):
    return Candidate(str(provider_id), title, original_title, year, vote_count)


def decide(wanted, *candidates):
    decision = decided(wanted, ranked(wanted, list(candidates)))
    return decision.status, decision.rule, decision.chosen and decision.chosen.candidate.provider_id


@pytest.mark.parametrize(
    ("wanted", "candidates", "expected"),
    [
        # Same title, same year.
        (a_wanted(), [a_candidate(7)], ("matched", "exact", "7")),
        (a_wanted("iron harbour!"), [a_candidate(7)], ("matched", "exact", "7")),
        (a_wanted("Port de fer"), [a_candidate(7, original_title="Port de Fer")], ("matched", "exact", "7")),
        (a_wanted("Iron Harbour II"), [a_candidate(7, "Iron Harbour 2")], ("matched", "exact", "7")),
        (a_wanted("Harbour, The"), [a_candidate(7, "The Harbour")], ("matched", "exact", "7")),
        # A remake: the year overturns popularity, and the first result is not taken for being first.
        (
            a_wanted(year=2018),
            [a_candidate(1, year=1977, vote_count=9000), a_candidate(2, year=2018, vote_count=1)],
            ("matched", "exact", "2"),
        ),
        # A right title in a wrong year is another film.
        (a_wanted(year=2018), [a_candidate(1, year=1999)], ("unmatched", "none", None)),
        (a_wanted(year=2018), [a_candidate(1, year=None)], ("unmatched", "none", None)),
        # One year off: only a single candidate.
        (a_wanted(), [a_candidate(1, year=2000)], ("matched", "exact_year_near", "1")),
        (a_wanted(), [a_candidate(1, year=2000), a_candidate(2, year=1998)], ("ambiguous", "none", None)),
        # A namesake a year away makes the exact year a trap, unless it is hardly known.
        (a_wanted(), [a_candidate(1), a_candidate(2, year=2000)], ("ambiguous", "none", None)),
        (
            a_wanted(),
            [a_candidate(1, vote_count=500), a_candidate(2, year=2000, vote_count=3)],
            ("matched", "exact_dominant", "1"),
        ),
        (
            a_wanted(),
            [a_candidate(1, vote_count=3), a_candidate(2, year=2000, vote_count=500)],
            ("ambiguous", "none", None),
        ),
        # Twins of one year.
        (a_wanted(), [a_candidate(1), a_candidate(2)], ("ambiguous", "none", None)),
        (
            a_wanted(),
            [a_candidate(1, vote_count=2), a_candidate(2, vote_count=200)],
            ("matched", "exact_dominant", "2"),
        ),
        (a_wanted(), [a_candidate(1), a_candidate(1)], ("matched", "exact", "1")),
        # Without a year only a title that is the only one, or by far the best known.
        (a_wanted(year=None), [a_candidate(1)], ("matched", "exact", "1")),
        (a_wanted(year=None), [a_candidate(1), a_candidate(2, year=1950)], ("ambiguous", "none", None)),
        (
            a_wanted(year=None),
            [a_candidate(1, vote_count=400), a_candidate(2, year=1950, vote_count=40)],
            ("matched", "exact_dominant", "1"),
        ),
        (a_wanted("Iron Harbor", None), [a_candidate(1)], ("unmatched", "none", None)),
        # Nearly the same title: at least 90 alike, the same numbers, and a lead of 5.
        (a_wanted("Iron Harbor"), [a_candidate(1)], ("matched", "fuzzy", "1")),
        (a_wanted("Iron Harbor"), [a_candidate(1, year=2000)], ("matched", "fuzzy", "1")),
        (a_wanted("Iron Harbor"), [a_candidate(1, year=2001)], ("unmatched", "none", None)),
        (a_wanted("Iron Harbor"), [a_candidate(1), a_candidate(2, "Iron Harbours")], ("ambiguous", "none", None)),
        (a_wanted("Iron Harbor"), [a_candidate(1, "Iron Garden")], ("unmatched", "none", None)),
        (a_wanted("Fast Iron Harbour 7"), [a_candidate(1, "Fast Iron Harbour 8")], ("unmatched", "none", None)),
        (
            a_wanted("Fast Iron Harbour VII"),
            [a_candidate(1, "Fast Iron Harbour VIII")],
            ("unmatched", "none", None),
        ),
        # Other alphabets, and titles of signs only.
        (a_wanted("呪術廻戦"), [a_candidate(3, "呪術廻戦"), a_candidate(4, "呪術")], ("matched", "exact", "3")),
        (a_wanted("!!!"), [a_candidate(3, "!!!"), a_candidate(4, "???")], ("matched", "exact", "3")),
        (a_wanted(), [], ("unmatched", "none", None)),
        (a_wanted(), [a_candidate(1, title=None)], ("unmatched", "none", None)),
    ],
)
def test_the_rules(wanted, candidates, expected):
    """
    Each rule of tasks/match/decide.py, with the trap it was made for.
    """
    assert expected == decide(wanted, *candidates)


def test_the_order_of_results_does_not_matter():
    """
    A service may list its results in any order: the decision is the same.
    """
    candidates = [a_candidate(n, year=1990 + n, vote_count=n) for n in range(12)]

    there, back = decide(a_wanted(), *candidates), decide(a_wanted(), *reversed(candidates))

    assert there == back


def test_the_reason_tells_a_person_what_to_do():
    """
    What is not matched says what fits nearly, or what fits equally and how to choose.
    """
    wanted = a_wanted()
    ambiguous = decided(wanted, ranked(wanted, [a_candidate(1), a_candidate(2)]))
    unmatched = decided(wanted, ranked(wanted, [a_candidate(5, "Iron Garden", 1980)]))

    assert "'Iron Harbour' (1999) [1], 'Iron Harbour' (1999) [2]" in ambiguous.reason
    assert "tmdb-123" in ambiguous.reason
    assert "nearest: 'Iron Garden' (1980) [5]" in unmatched.reason


@pytest.mark.parametrize("title", ["", " ", "\n", "\0", "II", "🎬", "a" * 5000, "[red]", "\udce9"])
def test_any_title_has_keys(title):
    """
    Names hold anything: keys are made of all of it, and only of blanks there is none.
    """
    assert bool(title.strip()) == bool(title_keys(title))
