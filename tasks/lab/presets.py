"""Libraries and services that benchmarks are run on, with their sizes and delays stated. Pure.

Five published accounts of other programs claim large gains; each of the first presets has the shape of one:

* D0: a media manager that scrapes films in bulk: 50 films, 6.4 pictures each.
* D1: the analysis of a slip in D0's way of saving pictures; its figures are a test of ours.
* D2: an organiser that finds and reads names of 417 files.
* D3: a client that synchronises the episodes of 100 shows of 5 seasons of 10 episodes, at 200 ms a call.
* D4: an organiser that measures 1,000 files with the program ffprobe, and is to do so with 10,000.

Delays are those of the stand-in, before every answer; processor and disk are real. Videos are half a second long and
hard links of two dozen: measuring them costs less than measuring films does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.core.errors import Refused
from tasks.core.settings import ScrapeSettings
from tasks.lab.profiles import BASELINE, OPTIMIZED, overlay
from tasks.lab.replay import SHIPPED, Shape, Way, of_profile, ways

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
    episode_count: int = 0
    """Episodes of every season: there is no library then, and what is measured is no refresh but the replay of calls
    and writes (``tasks.lab.replay``)."""
    holds_writes: bool = False
    """Of a replay: every transaction is held back for as long as the account assumes."""
    twice_every: int = 0
    """Every so many-th film is there a second time: in another folder and quality, under the name of a release."""
    ids_in_names: bool = False
    """Folders of films and shows have TMDB's id in their names, as media managers write it; second copies have none."""
    file_count: int = 0
    """Files of a mixed library: three films to two episodes; instead of the counts above."""
    asks_service: bool = True
    """Without it there is no token: nothing is looked up, and no picture fetched."""
    latency_s: float = 0.0
    image_latency_s: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of all profiles, by their paths."""
    document: str | None = None
    """The account that it stands for: its baseline has the old ways of which this one tells, and no others, which would
    drown them."""
    is_long: bool = False
    """A round of the old ways takes hours or days: they are run only where they, or an ablation, are named."""

    @property
    def replayed(self) -> Shape | None:
        """The shows whose calls and writes are replayed; ``None`` where a library is refreshed."""
        return Shape(self.show_count, self.season_count, self.episode_count) if self.episode_count else None

    @property
    def ways(self) -> Mapping[str, Way]:
        """The ways of a replay, by the names of their profiles."""
        return ways(self.season_count, ScrapeSettings().connections, holds_writes=self.holds_writes)

    @property
    def profiles(self) -> tuple[str, ...]:
        """The profiles that are compared if nobody names others."""
        if self.is_long:
            return (OPTIMIZED,)
        return (BASELINE, OPTIMIZED) if self.replayed is None else (BASELINE, OPTIMIZED, SHIPPED)

    def settings_of(self, profile: str) -> dict[str, Any]:
        """What is not as we ship it in a profile, by the paths of settings; of a replay the facts of its way.

        Raises:
            Refused: there is no such profile.
        """
        if self.replayed is not None:
            return of_profile(profile, self.ways)
        return {**self.settings, **overlay(profile, self.document)}


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
        document="D0",
    ),
    Preset("d2", "417 files, found and named without a service", file_count=417, asks_service=False, document="D2"),
    Preset(
        "d2-answers",
        "50 films, one in five of them twice, and 3 shows of 5 seasons; ids in the names of folders, no pictures",
        film_count=50,
        show_count=3,
        season_count=5,
        twice_every=5,
        ids_in_names=True,
        settings={"artwork.enabled": False, "scrape.rate_hz": UNPACED_HZ},
        document="D2",
    ),
    Preset(
        "d3",
        "100 shows of 5 seasons with 6 to 13 episodes each, no pictures; 200 ms an answer",
        show_count=100,
        season_count=5,
        latency_s=0.2,
        settings={"artwork.enabled": False},
        document="D3",
    ),
    Preset(
        "d3-calls",
        "no refresh: D3's calls and writes for 100 shows of 5 seasons of 10 episodes, replayed; 200 ms an answer",
        show_count=100,
        season_count=5,
        episode_count=10,
        latency_s=0.2,
    ),
    Preset(
        "d3-assumed",
        "d3-calls with D3's other assumption: a transaction takes 10 ms more, or 50 ms with many rows",
        show_count=100,
        season_count=5,
        episode_count=10,
        latency_s=0.2,
        holds_writes=True,
    ),
    Preset(
        "d4",
        "1,000 files, found and measured without a service",
        file_count=1_000,
        asks_service=False,
        document="D4",
    ),
    Preset(
        "d4-10k",
        "10,000 files, found and measured without a service",
        file_count=10_000,
        asks_service=False,
        document="D4",
    ),
    Preset(
        "1k",
        "1,000 files, films and episodes; TMDB's pace, 72 ms an answer and a picture",
        file_count=1_000,
        latency_s=TMDB_LATENCY_S,
        image_latency_s=TMDB_LATENCY_S,
    ),
    Preset(
        "10k",
        "10,000 files, films and episodes; TMDB's pace, 72 ms an answer and a picture",
        file_count=10_000,
        latency_s=TMDB_LATENCY_S,
        image_latency_s=TMDB_LATENCY_S,
        is_long=True,
    ),
    Preset(
        "100k",
        "100,000 files, films and episodes; TMDB's pace, 72 ms an answer and a picture",
        file_count=100_000,
        latency_s=TMDB_LATENCY_S,
        image_latency_s=TMDB_LATENCY_S,
        is_long=True,
    ),
    Preset(
        "1m",
        "1,000,000 files, found and measured without a service",
        file_count=1_000_000,
        asks_service=False,
        is_long=True,
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


def chosen_profiles(presets: Sequence[str], profiles: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """For each preset its profiles and what is not as we ship it in them; those of the preset where none is named.

    Raises:
        Refused: a preset or profile is not known.
    """
    wanted = [preset(name) for name in presets]
    return {one.name: {profile: one.settings_of(profile) for profile in profiles or one.profiles} for one in wanted}
