"""The two parsers we ask for a second opinion, made safe: parsett (PTT) and guessit.

Neither may raise, hang on a long name or expand a range without end, whatever it is given.
"""

from __future__ import annotations

import datetime
import functools
import importlib.metadata
import re
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from tasks.identify.reading import Reading
from tasks.identify.spelling import clean_title, without_site

if TYPE_CHECKING:
    from guessit.api import GuessItApi

GUESSIT_VERSION = importlib.metadata.version("guessit")
LONGEST_NAME = 255
"""Characters of a name that are read; no usual file system holds more, and parsers slow down with the square of it."""
_OPTIONS: Mapping[str, Any] = {"no_user_config": True}
_guessit_lock = threading.Lock()  # it rebuilds its rules in place when options change; its API promises no threads
_SOURCES_OF_PTT = {
    "BluRay": "Blu-ray",
    "BDRip": "Blu-ray",
    "BRRip": "Blu-ray",
    "WEB-DL": "Web",
    "WEBRip": "Web",
    "WEB": "Web",
}


@functools.cache
def _guessit() -> GuessItApi:
    from guessit.api import GuessItApi  # both take tenths of a second, and an unchanged library has no name to read

    api = GuessItApi()
    api.configure(dict(_OPTIONS))
    return api


@functools.cache
def _ptt() -> Callable[[str], Mapping[str, Any]]:
    from PTT import parse_title  # type: ignore[import-untyped]

    return cast(Callable[[str], Mapping[str, Any]], parse_title)


def read_guessit(name: str, *, max_episodes: int) -> Reading | None:
    """What guessit says about ``name``; ``None`` where it fails or says nothing.

    Options are the same at every call: a change makes guessit build its rules anew.
    """
    with _guessit_lock:
        api = _guessit()
    try:
        with _guessit_lock:
            found = api.guessit(name[:LONGEST_NAME], dict(_OPTIONS))
        return _of_guessit(found, max_episodes)
    except Exception:  # a foreign parser over hostile names: anything may come, and a name is only a name
        return None


def _of_guessit(found: Mapping[str, Any], max_episodes: int) -> Reading:
    season = _numbers(found.get("season"))
    day = found.get("date")
    title = _first(found.get("title"))
    return Reading(
        "episode" if found.get("type") == "episode" else "movie",
        "guessit",
        clean_title(str(title)) or None if title else None,
        _bounded(_first(found.get("year")), 1870, 2100),
        season=season[0] if season else None,
        last_season=season[-1] if len(season) > 1 else None,
        episodes=tuple(_numbers(found.get("episode"))[:max_episodes]),
        absolute=tuple(_numbers(found.get("absolute_episode"))[:max_episodes]),
        date=day if isinstance(day, datetime.date) else None,
        edition=_text(found.get("edition")),
        part=_bounded(_first(found.get("cd")), 1, 20),
        resolution=_text(found.get("screen_size")),
        source=_text(found.get("source")),
        group=_text(found.get("release_group")),
    )


def read_ptt(name: str, *, max_episodes: int) -> Reading | None:
    """What PTT says about ``name``; ``None`` where it fails or says nothing."""
    parse = _ptt()
    try:
        return _of_ptt(parse(without_site(name)[:LONGEST_NAME]), max_episodes)
    except Exception:  # as above
        return None


def _of_ptt(found: Mapping[str, Any], max_episodes: int) -> Reading:
    seasons, episodes = _numbers(found.get("seasons")), _numbers(found.get("episodes"))
    day = _date(found.get("date"))
    quality = _text(found.get("quality"))
    return Reading(
        "episode" if seasons or episodes or day else "movie",
        "ptt",
        clean_title(str(found.get("title") or "")) or None,
        _bounded(found.get("year"), 1870, 2100),
        season=seasons[0] if seasons else None,
        last_season=seasons[-1] if len(seasons) > 1 else None,
        episodes=tuple(episodes[:max_episodes] if len(episodes) <= max_episodes else episodes[:1]),
        date=day,
        edition=_text(found.get("edition")),
        resolution=_text(found.get("resolution")),
        source=_SOURCES_OF_PTT.get(quality or "", quality),
        group=_text(found.get("group")),
    )


def _first(value: Any) -> Any:
    return (value[0] if value else None) if isinstance(value, list) else value


def _text(value: Any) -> str | None:
    first = _first(value)
    return str(first) if first else None


def _numbers(value: Any) -> list[int]:
    values = value if isinstance(value, list) else [value]
    return sorted({v for v in values if isinstance(v, int) and 0 <= v < 100_000})


def _bounded(value: Any, low: int, high: int) -> int | None:
    return value if isinstance(value, int) and low <= value <= high else None


def _date(value: Any) -> datetime.date | None:
    match = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", str(value or ""))
    return datetime.date(int(match[1]), int(match[2]), int(match[3])) if match else None
