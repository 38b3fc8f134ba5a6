"""Libraries and services that benchmarks are run on, with their sizes and delays stated. Pure.

Five published accounts of other programs claim large gains; each of the first presets has the shape of one:

* D0: a media manager that scrapes films in bulk: 50 films, 6.4 pictures each.
* D1: the analysis of a slip in D0's way of saving pictures; its figures are a test of ours.
* D2: an organiser that finds and reads names of 417 files.
* D3: a client that synchronises the episodes of 100 shows of 5 seasons of 10 episodes, at 200 ms a call.
* D4: an organiser that measures 1,000 files with the program ffprobe.

Delays are those of the stand-in, before every answer; processor and disk are real. Videos are half a second long and
hard links of two dozen: measuring them costs less than measuring films does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.core.errors import Refused

UNPACED_HZ = 10_000.0
"""A pace that a stand-in without delays never reaches."""
TMDB_LATENCY_S = 0.072
"""Median of TMDB's answers in recordings of 2024 and 2025."""


@dataclass(frozen=True)
class Preset:
    """One library, and the service that is asked about it."""

    name: str
    words: str
    film_count: int = 0
    """Films, each in a folder of its own."""
    show_count: int = 0
    """Shows with as many seasons as ``season_count``."""
    season_count: int = 0
    file_count: int = 0
    """Files of a mixed library: three films to two episodes; instead of the counts above."""
    asks_service: bool = True
    """Without it there is no token: nothing is looked up, and no picture fetched."""
    latency_s: float = 0.0
    image_latency_s: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of all profiles, by their paths."""
    without: tuple[str, ...] = ()
    """Switches that stay in the new position: what the account is not about, and would drown what it is about."""


PRESETS: tuple[Preset, ...] = (
    Preset(
        "tiny",
        "20 files, films and episodes, a service without delays: the counts of the budget, and the tests",
        file_count=20,
        settings={"scrape.rate_hz": UNPACED_HZ},
    ),
    Preset(
        "d0",
        "50 films with about 6 pictures each; 64 ms an answer, 128 ms a picture",
        film_count=50,
        latency_s=0.064,
        image_latency_s=0.128,
        settings={"artwork.per_kind": 3},
    ),
    Preset("d2", "417 files, found and named without a service", file_count=417, asks_service=False),
    Preset(
        "d3",
        "100 shows of 5 seasons with 6 to 13 episodes each, no pictures; 200 ms an answer; files are found and "
        "measured in one way by all",
        show_count=100,
        season_count=5,
        latency_s=0.2,
        settings={"artwork.enabled": False},
        without=("walk", "program", "program-calls", "files-at-once"),
    ),
    Preset("d4", "1,000 files, found and measured without a service", file_count=1_000, asks_service=False),
    Preset(
        "10k",
        "10,000 files, films and episodes; TMDB's pace, 72 ms an answer and a picture",
        file_count=10_000,
        latency_s=TMDB_LATENCY_S,
        image_latency_s=TMDB_LATENCY_S,
    ),
    Preset(
        "100k",
        "100,000 files, films and episodes; TMDB's pace, 72 ms an answer and a picture",
        file_count=100_000,
        latency_s=TMDB_LATENCY_S,
        image_latency_s=TMDB_LATENCY_S,
    ),
)


def preset(name: str) -> Preset:
    """The preset called ``name``.

    Raises:
        Refused: there is none.
    """
    for known in PRESETS:
        if known.name == name:
            return known
    raise Refused(f"there is no preset {name!r}; there are {', '.join(known.name for known in PRESETS)}")
