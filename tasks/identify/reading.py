"""What one name was understood to say, before it becomes a row."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from tasks.core.titles import normal_title


@dataclass(slots=True)
class Reading:
    """One parser's answer about one name; ``None`` and ``()`` mean that the name does not say."""

    kind: str
    """``movie``, ``episode``, ``extra`` or ``unknown``."""
    rule: str
    """Rule or parser that answered."""
    title: str | None = None
    year: int | None = None
    season: int | None = None
    last_season: int | None = None
    """Last season of a name that spans several."""
    episodes: tuple[int, ...] = ()
    absolute: tuple[int, ...] = ()
    """Numbers counted from the show's start. A bare ``103`` may be that or S01E03: then both are given."""
    date: datetime.date | None = None
    edition: str | None = None
    part: int | None = None
    resolution: str | None = None
    source: str | None = None
    group: str | None = None
    extra_kind: str | None = None
    is_sure: bool = True
    """The numbers stand in a notation that means nothing else (``S01E02``, not a bare ``12``)."""
    confidence_ratio: float = 0.5

    def same_title(self, other: Reading) -> bool:
        """Whether both read the same title."""
        return normal_title(self.title or "") == normal_title(other.title or "")

    def same_numbers(self, other: Reading) -> bool:
        """Whether both read the same season, episodes and date; a missing season is no contradiction."""
        return (
            set(self.episodes or self.absolute) == set(other.episodes or other.absolute)
            and self.last_season == other.last_season
            and (self.season == other.season or self.season is None or other.season is None)
            and self.date == other.date
        )
