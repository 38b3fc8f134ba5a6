"""What a film, a show, a collection and a person are in the stand-in. Values only.

Fields are what the answers need; ``None`` and empty strings stand where TMDB sends null and empty strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class Text:
    """What a title says in one language; an empty string is what TMDB sends where nobody has written anything."""

    title: str = ""
    overview: str = ""
    tagline: str = ""


@dataclass(frozen=True)
class Pictures:
    """How many pictures of each kind a title has; 0 makes its path null."""

    posters: int = 4
    backdrops: int = 3
    logos: int = 2
    svg_logo: bool = False
    """Whether the best logo is an SVG drawing, as some at TMDB are."""


@dataclass(frozen=True)
class Credit:
    """One person's part in a title."""

    person_id: int
    character: str | None = None
    department: str = "Acting"
    job: str | None = None


@dataclass(frozen=True)
class Film:
    """One film."""

    id: int
    title: str
    """Title in English; ``original_title`` where there is no English one."""
    released_on: date | None
    overview: str
    original_title: str
    original_language: str = "en"
    country: str = "US"
    premiered_on: date | None = None
    """First showing at a festival, which may lie in an earlier year."""
    tagline: str = ""
    runtime_min: int = 0
    imdb_number: int | None = None
    collection_id: int | None = None
    popularity: float = 1.0
    vote_average: float = 0.0
    vote_count: int = 0
    budget_usd: int = 0
    revenue_usd: int = 0
    homepage: str = ""
    genre_ids: tuple[int, ...] = ()
    certification: str = ""
    translations: Mapping[str, Text] = field(default_factory=dict)
    """Language -> text, English left out."""
    alternative_titles: tuple[tuple[str, str], ...] = ()
    """Country and title."""
    pictures: Pictures = Pictures()
    credits: tuple[Credit, ...] = ()
    """Empty where they are made by number (``tasks.standin.generated``)."""
    drawn: bool = False
    """Whether every picture is drawn for itself; else scenes are shared (``tasks.standin.pictures``)."""

    @property
    def year(self) -> int | None:
        """Year of release."""
        return self.released_on.year if self.released_on else None


@dataclass(frozen=True)
class Episode:
    """One episode."""

    season_number: int
    number: int
    title: str
    overview: str
    aired_on: date | None
    runtime_min: int | None
    has_still: bool = True
    vote_count: int = 0


@dataclass(frozen=True)
class Season:
    """One season; number 0 holds the specials."""

    number: int
    name: str
    overview: str
    episodes: tuple[Episode, ...]
    has_poster: bool = True

    @property
    def aired_on(self) -> date | None:
        """Day of its first episode."""
        return self.episodes[0].aired_on if self.episodes else None


@dataclass(frozen=True)
class Show:
    """One show with all its seasons."""

    id: int
    title: str
    seasons: tuple[Season, ...]
    overview: str
    original_title: str
    original_language: str = "en"
    country: str = "US"
    tagline: str = ""
    status: str = "Ended"
    imdb_number: int | None = None
    popularity: float = 1.0
    vote_average: float = 0.0
    vote_count: int = 0
    homepage: str = ""
    genre_ids: tuple[int, ...] = ()
    rating: str = ""
    network: str = "Channel Ombeska"
    translations: Mapping[str, Text] = field(default_factory=dict)
    alternative_titles: tuple[tuple[str, str], ...] = ()
    pictures: Pictures = Pictures()
    credits: tuple[Credit, ...] = ()
    """Empty where they are made by number (``tasks.standin.generated``)."""
    drawn: bool = False

    @property
    def first_aired_on(self) -> date | None:
        """Day of the first episode that is no special."""
        return next((s.aired_on for s in self.seasons if s.number > 0), None)

    @property
    def year(self) -> int | None:
        """Year of the first broadcast."""
        return self.first_aired_on.year if self.first_aired_on else None

    def season(self, number: int) -> Season | None:
        """The season with this number."""
        return next((s for s in self.seasons if s.number == number), None)

    def episodes(self) -> list[Episode]:
        """All episodes, specials left out."""
        return [e for s in self.seasons if s.number > 0 for e in s.episodes]


@dataclass(frozen=True)
class Collection:
    """Films that belong together."""

    id: int
    name: str
    overview: str
    film_ids: tuple[int, ...]
    translations: Mapping[str, Text] = field(default_factory=dict)
    pictures: Pictures = Pictures(posters=2, backdrops=2, logos=0)
    drawn: bool = False


@dataclass(frozen=True)
class Person:
    """Somebody who does not exist."""

    id: int
    name: str
    gender: int
    popularity: float
    has_profile: bool
