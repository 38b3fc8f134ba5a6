"""Which candidate is it, and by which rule? Pure.

The rules, in order; none takes the first result of a search for no better reason than that it came first:

``exact``
    the title is the same and the year too (without a year in the names: no other candidate has this title).
``exact_dominant``
    several have the same title, in the same year or, for one of them, a year away (or in any year, where the names
    have none), and one of them is far better known. A namesake in exactly the year of the names is a trap when the
    names are off by one: of 972 such queries 56 hit one, all wrongly (measured, invented titles).
``exact_year_near``
    the title is the same, the year is one off, and no other candidate is as near.
``fuzzy``
    the title is at least 90 of 100 alike with the same numbers in it, the year at most one off, and the next
    candidate at least 5 behind (right in 98.7 of 100 such cases, measured; without the lead in 89).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.match.score import Scored, Wanted

FUZZY_SCORE = 90.0
FUZZY_LEAD = 5.0
YEARS_OFF = 1
"""A release abroad or at a festival moves the year by one; more is another film."""
DOMINANT_VOTES = 20
DOMINANT_RATIO = 10
"""Far better known: at least so many votes, and so many times those of every rival."""


@dataclass(frozen=True)
class Decision:
    """What was decided, and why."""

    status: str
    """matched, unmatched or ambiguous, as in ``matches``."""
    rule: str
    chosen: Scored | None
    reason: str
    """One sentence for people where nothing was matched; empty otherwise."""


def decided(wanted: Wanted, ranking: Sequence[Scored]) -> Decision:
    """Decide for one of ``ranking`` (best first), or for none."""
    exact = [s for s in ranking if s.is_exact]
    if wanted.year is None:
        rivals = exact
    else:
        same_year = [s for s in exact if s.year_gap == 0]
        near = [s for s in exact if s.year_gap is not None and 0 < s.year_gap <= YEARS_OFF]
        if not same_year and len(near) == 1:
            return Decision("matched", "exact_year_near", near[0], "")
        rivals = [*same_year, *near]
        if same_year and len(rivals) > 1:
            known = _dominant(same_year, rivals)
            return Decision("matched", "exact_dominant", known, "") if known else _ambiguous(wanted, rivals)
    if len(rivals) == 1:
        return Decision("matched", "exact", rivals[0], "")
    if rivals:
        known = _dominant(rivals, rivals) if wanted.year is None else None
        return Decision("matched", "exact_dominant", known, "") if known else _ambiguous(wanted, rivals)
    if wanted.year is not None:
        return _fuzzy(wanted, ranking)
    return _unmatched(wanted, ranking)


def _fuzzy(wanted: Wanted, ranking: Sequence[Scored]) -> Decision:
    possible = [s for s in ranking if s.year_gap is not None and s.year_gap <= YEARS_OFF and s.same_numbers]
    if not possible or possible[0].score < FUZZY_SCORE:
        return _unmatched(wanted, ranking)
    best, rivals = possible[0], possible[1:]
    if rivals and rivals[0].score > best.score - FUZZY_LEAD:
        return _ambiguous(wanted, possible[:2])
    return Decision("matched", "fuzzy", best, "")


def _dominant(of: Sequence[Scored], rivals: Sequence[Scored]) -> Scored | None:
    """The one among ``of`` that is far better known than all other ``rivals``."""
    best = max(of, key=lambda s: s.candidate.vote_count)
    others = max((s.candidate.vote_count for s in rivals if s is not best), default=0)
    votes = best.candidate.vote_count
    return best if votes >= DOMINANT_VOTES and votes >= DOMINANT_RATIO * others else None


def _ambiguous(wanted: Wanted, rivals: Sequence[Scored]) -> Decision:
    return Decision(
        "ambiguous",
        "none",
        None,
        f"Ambiguous: several titles fit {_named(wanted.title, wanted.year)}: "
        + ", ".join(_candidate_named(s) for s in rivals[:3])
        + "; an id in the folder's name, as {tmdb-123}, decides",
    )


def _unmatched(wanted: Wanted, ranking: Sequence[Scored]) -> Decision:
    nearest = f"; nearest: {_candidate_named(ranking[0])}" if ranking else ""
    return Decision("unmatched", "none", None, f"Unmatched: nothing fits {_named(wanted.title, wanted.year)}{nearest}")


def _named(title: str, year: int | None) -> str:
    return f"'{title}'" + (f" ({year})" if year is not None else "")


def _candidate_named(found: Scored) -> str:
    candidate = found.candidate
    return f"{_named(candidate.title or candidate.original_title or '?', candidate.year)} [{candidate.provider_id}]"
