"""Our own reading of names that are not strict: the title ends where numbers, year or technical words begin."""

from __future__ import annotations

import re

from tasks.core.titles import normal_title
from tasks.identify.numbers import Numbers, compact, leading_number, loose_numbers
from tasks.identify.reading import Reading
from tasks.identify.release import claims, tech_start
from tasks.identify.spelling import clean_title, trailing_year, without_release_words, without_site

_GROUP_FIRST = re.compile(
    r"^[ ]*(?:\[(?P<square>[^\[\]]{1,60})\]|【(?P<full>[^】]{1,60})】|\((?P<round>[^()]{1,40})\)(?=[ _]*\[))[ ._-]*"
)
_STARS = re.compile(r"★[^★]*★|★")
_BRACKET_TITLE = re.compile(r"^(?:\[(?P<square>[^\[\]]+)\]|【(?P<full>[^】]+)】)[ ._-]*")
_NOT_A_TITLE = re.compile(r"^(?:[\d\s._~v-]+|[0-9A-F]{8}|国漫|.{0,4}月新?番)$", re.IGNORECASE)
_YEAR = re.compile(
    r"(?<![^\W_])(?P<open>[(\[][ ]?)?(?P<year>(?:19\d|20[0-4])\d)(?:[ ]?[-–/][ ]?(?:19"
    r"|20)\d\d)?(?(open)[^()\[\]]{0,80}[)\]]|(?![^\W_]))"
)
_YEAR_FIRST = re.compile(r"^[(\[](?P<year>(?:19\d|20[0-4])\d)[)\]][ ._-]*")
_LATIN_RUN = re.compile(r"[A-Za-z][A-Za-z0-9]")
_EAST = re.compile("[\u0400-\u04ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_COMPLETE = re.compile(
    r"[ ._-]*(?<![^\W_])(?:the[ ._])?(?:complete|full|entire)(?:[ ._](?:series|seasons?|collection"
    r"|tv[ ._]series))?[ ._\-(]*$",
    re.IGNORECASE,
)
_TV_SIGN = re.compile(r"(?<![^\W_])(?:hdtv|pdtv|dsr|tvrip|webrip|web-?dl|xvid|divx)(?![^\W_])", re.IGNORECASE)


def group_first(stem: str) -> tuple[str | None, str]:
    """The ``[group]`` that begins a name, and the rest; no group where nothing readable is left.

    >>> group_first("[Group] Show - 01"), group_first("Show [1080p]"), group_first("[Show]")
    (('Group', 'Show - 01'), (None, 'Show [1080p]'), (None, '[Show]'))
    """
    match = _GROUP_FIRST.match(stem)
    rest = stem[match.end() :] if match else ""
    if match is None or not any(c.isalpha() for c in rest):
        return None, stem
    return match["square"] or match["full"] or match["round"], rest


def read_loose(
    stem: str, *, max_episodes: int, season: int | None = None, folder_title: str | None = None, hint: str | None = None
) -> Reading:
    """What ``stem`` says by our own rules; always an answer, sure or not.

    Args:
        season: number of the season folder that the file lies in; it is an episode then, whatever its name.
        folder_title: title of the folder, for names that begin with a number.
        hint: ``show`` or ``movie`` where a folder says what it collects.
    """
    text = _STARS.sub(" ", without_site(stem)).strip()
    group, text = group_first(text)
    early_year = _YEAR_FIRST.match(text)
    if early_year:
        text = text[early_year.end() :]
    title_here: str | None = None
    if group is not None:
        title_here, text = _bracket_titles(text)
    numbers = loose_numbers(text, max_episodes, has_group=group is not None)
    if season is not None and (numbers is None or not numbers.is_sure):
        numbers = leading_number(text, season) or numbers
    if numbers is None and season is None and hint == "show" and folder_title and not _begins_with(text, folder_title):
        numbers = leading_number(text, None)
    technical = tech_start(text, 1)
    year_match = _year(text, numbers, technical)
    is_show_like = hint == "show" or (technical is not None and _TV_SIGN.search(text) is not None)
    if numbers is None and group is None and year_match is None and is_show_like:
        numbers = compact(text[:technical], 1)
    ends = [len(text)]
    if numbers is not None:
        ends.append(numbers.start)
    if technical is not None:
        ends.append(technical)
    if year_match is not None:
        ends.append(year_match.start())
    end = min(ends)
    head = _in_latin(_head(text[:end]))
    if numbers is not None and numbers.notation == "season":
        head = _COMPLETE.sub("", head)
    if year_match is not None and end == year_match.start():
        head = without_release_words(head.rstrip("._"))
    title = title_here or clean_title(head)
    if not title and numbers is not None and numbers.start == 0:
        title = folder_title or ""
    year = int(year_match["year"]) if year_match else int(early_year["year"]) if early_year else None
    if not title and year_match is not None and year_match.start() == 0:
        title, year = year_match["year"], None
    title, inner_year = trailing_year(title) if year is None and numbers is not None else (title, None)
    found = claims(text[end:])
    is_episode = numbers is not None or season is not None
    return Reading(
        "episode" if is_episode else "movie",
        f"loose.{numbers.notation}" if numbers else "loose.title",
        title or None,
        year or inner_year,
        season=numbers.season if numbers else None,
        last_season=numbers.last_season if numbers else None,
        episodes=numbers.episodes if numbers else (),
        absolute=numbers.absolute if numbers else (),
        date=numbers.date if numbers else None,
        edition=found.edition,
        resolution=found.resolution or claims(stem).resolution,
        source=found.source,
        group=group or found.group,
        is_sure=numbers is not None and numbers.is_sure,
    )


def _begins_with(text: str, title: str) -> bool:
    return normal_title(text).startswith(normal_title(title))


def _bracket_titles(text: str) -> tuple[str | None, str]:
    """The title of names all in brackets, ``[Title][01][1080p]``, and what follows it."""
    candidates: list[str] = []
    rest = text
    while match := _BRACKET_TITLE.match(rest.lstrip()):
        inner = match["square"] or match["full"]
        if _NOT_A_TITLE.match(inner):
            if candidates:
                break
            if len(inner) < 6 and not inner[0].isdigit():
                rest = rest.lstrip()[match.end() :]
                continue
            break
        if tech_start(inner) == 0 or (tech_start(inner) is not None and candidates):
            break
        candidates.append(inner)
        rest = " " + rest.lstrip()[match.end() :]
    if not candidates:
        return None, text
    latin = [c for c in candidates if _LATIN_RUN.search(c)]
    chosen = latin[0] if latin else candidates[0]
    if "/" in chosen:
        parts = [p for p in chosen.split("/") if _LATIN_RUN.search(p) and not _EAST.search(p)]
        chosen = parts[0] if parts else chosen
    return clean_title(chosen) or None, rest


def _year(text: str, numbers: Numbers | None, technical: int | None) -> re.Match[str] | None:
    """The year of a name: a bracketed one, else the last bare one that ends the title."""
    matches = list(_YEAR.finditer(text))
    bracketed = [m for m in matches if m["open"]]
    if bracketed:
        return bracketed[0]
    limit = len(text) if technical is None else technical + 1
    if numbers is not None:
        limit = min(limit, numbers.start + 1)
    bare = [m for m in matches if m.end() <= limit and m.start() > 0]
    return bare[-1] if bare else None


def _in_latin(text: str) -> str:
    """The first of several titles parted by `` / `` that stands in Latin letters, else the first."""
    titles = text.split(" / ")
    return (
        next((t for t in titles if _LATIN_RUN.search(t) and not _EAST.search(t)), titles[0])
        if len(titles) > 1
        else text
    )


def _head(text: str) -> str:
    """``text`` up to the first bracket that cannot belong to a title."""
    for sign in "[{":
        at = text.find(sign, 1)
        if at > 0:
            text = text[:at]
    return text
