"""How much is a candidate like what the names say? Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rapidfuzz import fuzz

from tasks.core.titles import normal_title
from tasks.providers.provider import Candidate

_ROMAN = {"ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8", "ix": "9", "x": "10"}
_WORD = re.compile(r"\w+")
_TRAILING_ARTICLE = re.compile(r"^(?P<rest>.+), (?P<article>the|a|an)$", re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """What the names say a title is."""

    kind: str
    title: str
    year: int | None
    tmdb_id: int | None = None
    imdb_id: str | None = None
    tvdb_id: int | None = None


@dataclass(frozen=True)
class Scored:
    """A candidate with its likeness."""

    candidate: Candidate
    score: float
    """0 to 100; 100 only where title and numbers are the same."""
    is_exact: bool
    """Title or original title are the same, once spelling is set aside."""
    same_numbers: bool
    """The titles hold the same numbers: a sequel is one digit away."""
    year_gap: int | None
    """Years between; ``None`` where one of them is not known."""


def title_keys(title: str) -> set[str]:
    """The spellings under which a title may be known: as it is, its article in front, Roman numerals as digits.

    >>> sorted(title_keys("Iron Harbour II")), sorted(title_keys("Quiet Orchard, The"))
    (['ironharbour2', 'ironharbourii'], ['quietorchardthe', 'thequietorchard'])
    """
    keys = {normal_title(title), normal_title(" ".join(_with_digits(title)))}
    turned = _TRAILING_ARTICLE.match(title.strip())
    if turned:
        keys.add(normal_title(f"{turned['article']} {turned['rest']}"))
    return keys - {""}


def scored(wanted: Wanted, candidate: Candidate) -> Scored:
    """How much ``candidate`` is like what is ``wanted``, by its title or original title, whichever is closer."""
    own = title_keys(wanted.title)
    best, is_exact, same_numbers = 0.0, False, False
    for title in {candidate.title, candidate.original_title} - {None}:
        theirs = title_keys(str(title))
        likeness = max((fuzz.ratio(a, b) for a in own for b in theirs), default=0.0)
        if likeness > best:
            best, same_numbers = likeness, _numbers(wanted.title) == _numbers(str(title))
        is_exact = is_exact or bool(own & theirs)
    gap = None if wanted.year is None or candidate.year is None else abs(wanted.year - candidate.year)
    return Scored(candidate, best, is_exact, same_numbers or is_exact, gap)


def ranked(wanted: Wanted, candidates: list[Candidate]) -> list[Scored]:
    """Every candidate once, best first: by likeness, then nearness of the year, then votes, then id."""
    distinct = {candidate.provider_id: candidate for candidate in reversed(candidates)}
    return sorted(
        (scored(wanted, candidate) for candidate in distinct.values()),
        key=lambda s: (
            -s.score,
            s.year_gap if s.year_gap is not None else 999,
            -s.candidate.vote_count,
            s.candidate.provider_id,
        ),
    )


def _with_digits(title: str) -> list[str]:
    """The words of a title, Roman numerals after the first word as digits; ``I`` is more often a word."""
    words = _WORD.findall(title.casefold())
    return [words[0], *(_ROMAN.get(word, word) for word in words[1:])] if words else [title]


def _numbers(title: str) -> list[str]:
    return re.findall(r"\d+", " ".join(_with_digits(title)))
