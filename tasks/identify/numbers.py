"""Season, episode and date notations, from those that mean nothing else to those that need a second opinion.

The notations are those that media servers document (``S01E02``, ``1x02``, ``s01e02e03``, ``s01e02-e04``,
``2010-03-04``) and their counterparts in the languages in which libraries are named most.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from tasks.identify.release import tech_start

_EDGE = r"(?<![^\W_])"
_END = r"(?![^\W_])"
_MORE = (
    r"(?P<more>(?:"
    r"[ ._]?[-–~+&]?[ ._]?s\d{1,4}[ ._-]?ep?\d{1,4}(?!\d)"  # S01E01-S01E02
    r"|[ ._]?[-–~+&,]?[ ._]?ep?[ ._]?\d{1,4}(?!\d)"  # E01E02, E01-E02, E01 & E02
    r"|[ ._]?[-–~+&]?[ ._]?\d{1,2}x\d{1,3}(?!\d)"  # 1x01-1x02
    r"|(?:[ ]-[ ]|[-–~+&])?x(?!26[3-6])\d{1,3}(?!\d)"  # 1x01x02, 1x01-x02
    r"|[ ](?:to|à|a|al|ao|thru)[ ]ep?\d{1,4}(?!\d)"  # E01 to E03
    r"|[-–~+&]\d{1,3}" + _END + r")*)"  # E01-02
)
SXXEYY = re.compile(
    rf"(?:{_EDGE}s(?P<season>\d{{1,4}})[ ._\-\[\]]{{0,3}}(?:ep|xe|e)[ ._-]?(?P<episode>\d{{1,4}})"
    rf"|{_EDGE}(?P<xseason>(?:19|20)\d\d|\d{{1,2}})x(?!26[3-6])(?P<xepisode>\d{{1,3}})){_MORE}(?P<version>v\d)?{_END}",
    re.IGNORECASE,
)
_GLUED = re.compile(
    rf"s(?P<season>\d{{1,2}})[ ._-]?e[p ]?(?P<episode>\d{{1,4}}){_MORE}(?:v\d)?(?P<version>)", re.IGNORECASE
)
_CHAIN = re.compile(
    r"(?P<link>[-–~+&,]|to |à |al |ao |a |thru |)[ ._]*(?:s\d{1,4}[ ._-]?)?(?:ep?[ ._]?|\d{1,2}x"
    r"|x)?(?P<number>\d{1,4})",
    re.IGNORECASE,
)

DATE = re.compile(
    r"(?<!\d)(?P<y>(?:19|20)\d\d)(?P<sep>[ ._-])(?P<m>0?[1-9]|1[0-2])(?P=sep)(?P<d>3[01]|[12]\d|0?[1-9])(?![^\W_])"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = "|".join(_MONTHS)
DATE_IN_WORDS = re.compile(
    rf"(?<!\d)(?P<d>[0-3]?\d)(?:st|nd|rd|th)?[ ._-](?P<month>{_MONTH})[a-z]{{0,6}}[ ._-](?P<y>(?:19|20)\d\d)(?!\d)",
    re.IGNORECASE,
)
_DATE_LOOSE = re.compile(
    r"(?<!\d)(?:(?P<a>[0-3]?\d)(?P<sep>[ ._-])(?P<b>[0-3]?\d)(?P=sep)(?P<y>(?:19|20)\d\d)"
    r"|(?P<cy>20\d\d)(?P<cm>0[1-9]|1[0-2])(?P<cd>0[1-9]|[12]\d|3[01]))(?!\d)"
)

_SEASON = (
    r"(?:seasons?|series|saison|staffel|temporada|temp|stagione|seizoen|säsong|sæson|sesong|kausi|sezon[au]?|série"
    r"|serie"
    r"|сезоны?|sez)"
)
_EPISODE = (
    r"(?:episodes?|episódio|episodios?|épisode|eps?|folge|cap[ií]tulos?|cap|puntata|aflevering|afl|avsnitt|afsnit"
    r"|odcinek|odc|bölüm"
    r"|серия|серии|серій|сер|seriya|serii|serya|ser)"
)
_RANGE = (
    r"(?:v\d)?(?:[ ._]*(?P<link>[-–~〜～&+,]|"
    r"\b(?:to|al|ao|à|a|по)\b)[ ._]*(?:[ep]{1,2}[ ._]?)?(?P<last>\d{1,4})(?![\dpix]))?(?:v\d)?"
)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_ORDINAL = "|".join(_ORDINALS)
_SEASON_SAID = (
    rf"(?:{_EDGE}{_SEASON}[ .:_#-]*(?P<season>\d{{1,4}}){_END}"
    rf"|{_EDGE}(?P<nth>\d{{1,2}})(?:st|nd|rd|th|ª|º|°|er|e|\.|-?[йя])?[ ._-]?{_SEASON}{_END}"
    rf"|{_EDGE}(?P<ordinal>{_ORDINAL})[ ._-]{_SEASON}{_END}"
    rf"|{_EDGE}s(?P<short>\d{{1,2}}){_END})"
)
_FILL = r"[ ._,:/|()\[\]-]*"
_WORDS = re.compile(
    rf"{_SEASON_SAID}{_FILL}(?:{_EPISODE}|e|#)[ .:_#-]*(?P<episode>\d{{1,4}}){_RANGE}{_END}", re.IGNORECASE
)
_SEASON_NUMBER = re.compile(
    rf"{_SEASON_SAID}[ ._]*(?:[-–][ ._]*|[(\[][ ]?|)(?P<episode>\d{{1,4}}){_RANGE}(?:[ ._]?(?:end|fin))?(?=[ ._]*(?:$"
    rf"|[(\[\])]|-|[ ._]))",
    re.IGNORECASE,
)
_PLURAL = re.compile(
    r"(?:seasons|temporadas|сезоны|stagioni)", re.IGNORECASE
)  # several seasons, not season and episode
_SEASON_ONLY = re.compile(rf"{_SEASON_SAID}(?:[ ._]*(?:[-–]|to|a)[ ._]*s?(?P<last>\d{{1,2}}){_END})?", re.IGNORECASE)
_EPISODE_SAID = re.compile(rf"{_EDGE}(?:{_EPISODE}[ .:_#-]*|e)(?P<episode>\d{{1,4}}){_RANGE}{_END}", re.IGNORECASE)
_EPISODE_AFTER = re.compile(
    rf"(?<!\d)(?P<episode>\d{{1,4}}){_RANGE}[ ._-]?(?:серия|серии|серій|seriya|serii|serya|\(?из\b)", re.IGNORECASE
)
_CAP = re.compile(
    r"(?<![^\W_])cap[ .]?(?P<season>\d{1,2})(?P<episode>\d\d)(?:[_-](?P=season)(?P<last>\d\d))?(?!\d)", re.IGNORECASE
)
_CJK_DIGITS = {c: i for i, c in enumerate("一二三四五六七八九十", 1)}
_CJK_SEASON = re.compile(r"第[ ]?(?P<season>\d{1,2}|[一二三四五六七八九十])[ ]?[季期]|(?P<korean>\d{1,2})기")
_CJK_EPISODE = re.compile(r"第?[ ]?(?<!\d)(?P<episode>\d{1,4})(?:[-~～](?P<last>\d{1,4}))?[ ]?[話话集回화회]")
_OF = re.compile(r"(?<![\d.])(?P<episode>\d{1,3})[ ._]?of[ ._]?(?P<total>\d{1,3})(?![\d.])", re.IGNORECASE)
_DASHED = re.compile(
    r"(?<=[ ._])[-–][ ._]*(?P<episode>\d{1,4})(?P<letter>[a-d])?"
    + _RANGE
    + r"(?:[ ._]?(?:end|fin|final))?(?=[ ._]*(?:$|[(\[【]|[ ._][-–][ ._]))",
    re.IGNORECASE,
)
_BRACKETED = re.compile(
    r"[\[【(][ ]?(?:ep?[ .]?|#)?(?P<episode>\d{1,3})" + _RANGE + r"(?:tv)?[ ]?[(（]?(?:end|fin|完)?[)）]?[ ]?[\]】)]",
    re.IGNORECASE,
)
_HASH = re.compile(r"#(?P<episode>\d{1,4})(?!\d)(?P<link>)(?P<last>)")
_LEADING = re.compile(r"^(?P<number>\d{1,4})(?=[ ]?[-._]|[ ]|$)")
_LAST = re.compile(r"(?<=[ ._])(?P<episode>\d{2,4})" + _RANGE + r"(?=[ ._]*(?:$|[(\[]))", re.IGNORECASE)
_COMPACT = re.compile(r"(?<=[ ._-])(?P<season>\d{1,2})(?P<episode>\d\d)(?P<letter>[a-d])?(?=[ ._-]|$)", re.IGNORECASE)


@dataclass(slots=True)
class Numbers:
    """One place in a name that says which episode it is."""

    start: int
    end: int
    notation: str
    season: int | None = None
    last_season: int | None = None
    episodes: tuple[int, ...] = ()
    absolute: tuple[int, ...] = ()
    date: datetime.date | None = None
    is_sure: bool = True


def chain(first: int, more: str, max_episodes: int) -> tuple[int, ...]:
    """The episodes of ``E01`` followed by ``more``; one link with a dash is a range, several are a list.

    >>> chain(1, "-E03", 30), chain(3, "-04-15", 30), chain(1, "E02", 30), chain(9, "-E02", 30), chain(1, "-99", 30)
    ((1, 2, 3), (3, 4, 15), (1, 2), (9,), (1,))
    """
    links = [(m["link"], int(m["number"])) for m in _CHAIN.finditer(more)]
    if not links:
        return (first,)
    if len(links) == 1 and links[0][0] not in ("", "+", "&", ","):
        return span(first, links[0][1], max_episodes)
    return tuple(sorted({first, *(number for _, number in links)}))[:max_episodes]


def span(first: int, last: int, max_episodes: int) -> tuple[int, ...]:
    """``first`` to ``last``; only ``first`` where that would go backwards or hold too many."""
    return tuple(range(first, last + 1)) if 0 <= last - first < max_episodes else (first,)


def strict_numbers(text: str, max_episodes: int) -> Numbers | None:
    """The ``S01E02`` or ``1x02`` of ``text``, or its date; ``None`` where there is none, or more than one.

    >>> strict_numbers("Show - s02e05-e06 - Name", 30).episodes, strict_numbers("Show S01E01 and S02E01", 30)
    ((5, 6), None)
    """
    match = SXXEYY.search(text)
    if match is not None:
        return None if SXXEYY.search(text, match.end()) else _of_match(match, max_episodes, "sxxeyy")
    match = DATE.search(text)
    if match is not None:
        day = date(int(match["y"]), int(match["m"]), int(match["d"]))
        return Numbers(match.start(), match.end(), "date", date=day) if day else None
    return None


def date(year: int, month: int, day: int) -> datetime.date | None:
    """The day, or ``None`` where the calendar has none."""
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None


def _of_match(match: re.Match[str], max_episodes: int, notation: str) -> Numbers:
    groups = match.groupdict()
    season = groups["season"] or groups.get("xseason") or "0"
    first = int(groups["episode"] or groups.get("xepisode") or 0)
    return Numbers(
        match.start(), match.end(), notation, int(season), episodes=chain(first, match["more"], max_episodes)
    )


def leading_number(text: str, season: int | None) -> Numbers | None:
    """The episode number that begins the name of a file in the folder of ``season``, or of a show without such folders.

    >>> leading_number("05 - Name", 2).episodes, leading_number("205. Name", 2).episodes, leading_number("Name", 2)
    ((5,), (5,), None)
    >>> found = leading_number("205. Name", None)
    >>> found.season, found.episodes, found.absolute
    (2, (5,), (205,))
    """
    match = _LEADING.match(text)
    if match is None or _is_year(match["number"]):
        return None
    number = int(match["number"])
    if season is None:
        if 100 < number < 1000 and number % 100:
            return Numbers(0, match.end(), "leading", number // 100, None, (number % 100,), (number,), is_sure=False)
        return Numbers(0, match.end(), "leading", None, None, (number,), is_sure=False)
    if len(match["number"]) >= 3 and number // 100 == season:
        return Numbers(0, match.end(), "leading", season, None, (number % 100,), (number,), is_sure=False)
    return Numbers(0, match.end(), "leading", season, None, (number,), is_sure=len(match["number"]) == 2)


def loose_numbers(text: str, max_episodes: int, *, has_group: bool) -> Numbers | None:
    """The most telling season, episode or date notation of ``text``.

    Args:
        has_group: the name began with ``[group]``: bare numbers are episodes counted from the start.
    """
    said = _SEASON_ONLY.search(text)
    return (
        _by_code(text, max_episodes)
        or _by_words(text, max_episodes, said, has_group=has_group)
        or _by_east_asian_words(text, max_episodes)
        or _date(text)
        or _by_episode_word(text, max_episodes, said)
        or _bare(text, max_episodes, said, has_group=has_group)
        or _season_alone(said)
    )


def _by_code(text: str, max_episodes: int) -> Numbers | None:
    """``S01E02`` and ``1x02``, several of one season included, also glued to a word."""
    for pattern, notation in ((SXXEYY, "sxxeyy"), (_GLUED, "glued")):
        match = pattern.search(text)
        if match is None:
            continue
        found = _of_match(match, max_episodes, notation)
        end = match.end()
        while (following := SXXEYY.search(text, end)) and int(
            following["season"] or following["xseason"]
        ) == found.season:
            first = int(following["episode"] or following["xepisode"])
            found.episodes = tuple(sorted({*found.episodes, *chain(first, following["more"], max_episodes)}))
            end = following.end()
        return found
    return None


def _by_words(text: str, max_episodes: int, said: re.Match[str] | None, *, has_group: bool) -> Numbers | None:
    """``Season 1 Episode 2``, ``2nd Season - 03``, ``Cap.102``."""
    if match := _CAP.search(text):
        season, first = int(match["season"]), int(match["episode"])
        episodes = span(first, int(match["last"] or first), max_episodes)
        absolute = (season * 100 + first,) if len(episodes) == 1 else ()  # it may be chapter 102 as well
        return Numbers(_first_of(match, said), match.end(), "cap", season, None, episodes, absolute)
    for pattern, notation in ((_WORDS, "words"), (_SEASON_NUMBER, "season_number")):
        match = pattern.search(text)
        if match and not _PLURAL.match(match[0]) and not _is_year(match["episode"]):
            is_sure = notation == "words" or has_group or bool(match["nth"] or match["ordinal"])
            episodes = _range(match, max_episodes)
            return Numbers(match.start(), match.end(), notation, _season(match), None, episodes, is_sure=is_sure)
    return None


def _by_east_asian_words(text: str, max_episodes: int) -> Numbers | None:
    match = _CJK_EPISODE.search(text)
    if match is None:
        return None
    said = _CJK_SEASON.search(text)
    episodes = _range(match, max_episodes, linked=False)
    return Numbers(_first_of(match, said), match.end(), "cjk", _cjk(said) if said else None, None, episodes)


def _by_episode_word(text: str, max_episodes: int, said: re.Match[str] | None) -> Numbers | None:
    """``Episode 2``, ``E02``, ``2 серия``, with the season wherever the name says it; ``2of6``."""
    if match := _EPISODE_SAID.search(text) or _EPISODE_AFTER.search(text):
        season = _season(said) if said else None
        episodes = _range(match, max_episodes)
        return Numbers(_first_of(match, said), match.end(), "episode_word", season, None, episodes)
    if (match := _OF.search(text)) and int(match["episode"]) <= int(match["total"]):
        return Numbers(match.start(), match.end(), "n_of_m", None, None, (int(match["episode"]),))
    return None


def _bare(text: str, max_episodes: int, said: re.Match[str] | None, *, has_group: bool) -> Numbers | None:
    """A number between dash and bracket, or in brackets of its own, as fansub groups write it."""
    places = [(_DASHED, len(text)), (_BRACKETED, len(text)), (_HASH, len(text))]
    if has_group:
        places.append((_LAST, tech_start(text, 1) or len(text)))
    for pattern, end in places:
        for match in pattern.finditer(text, 0, end):
            if _is_year(match["episode"]) or (match.start() == 0 and not has_group):
                continue
            season_before = said if said and said.end() <= match.start() else None
            is_marked = match["episode"][0] == "0" or text[match.end("episode") :][:1] in ("v", "V")
            return Numbers(
                _first_of(match, season_before),
                match.end(),
                "bare",
                _season(season_before) if season_before else None,
                None,
                _range(match, max_episodes),
                is_sure=has_group or season_before is not None or (pattern is _DASHED and is_marked),
            )
    return None


def _season_alone(said: re.Match[str] | None) -> Numbers | None:
    if said is None:
        return None
    first, last = _season(said), int(said["last"] or 0)
    return Numbers(said.start(), said.end(), "season", first, last if first < last < first + 60 else None)


def _first_of(match: re.Match[str], other: re.Match[str] | None) -> int:
    return min(match.start(), other.start()) if other else match.start()


def _is_year(digits: str) -> bool:
    return len(digits) == 4 and 1900 <= int(digits) <= 2099


def _season(match: re.Match[str]) -> int:
    if match["ordinal"]:
        return _ORDINALS.index(match["ordinal"].lower()) + 1
    return int(match["season"] or match["nth"] or match["short"])


def _cjk(match: re.Match[str]) -> int:
    said = match["season"] or match["korean"]
    return _CJK_DIGITS[said] if said in _CJK_DIGITS else int(said)


def _range(match: re.Match[str], max_episodes: int, *, linked: bool = True) -> tuple[int, ...]:
    first = int(match["episode"])
    if not match["last"]:
        return (first,)
    last = int(match["last"])
    if linked and match["link"] in ("&", "+", ","):
        return tuple(sorted({first, last}))
    return span(first, last, max_episodes)


def _date(text: str) -> Numbers | None:
    if match := DATE.search(text):
        day = date(int(match["y"]), int(match["m"]), int(match["d"]))
        return Numbers(match.start(), match.end(), "date", date=day) if day else None
    if match := DATE_IN_WORDS.search(text):
        day = date(int(match["y"]), _MONTHS.index(match["month"].lower()) + 1, int(match["d"]))
        return Numbers(match.start(), match.end(), "date", date=day) if day else None
    if match := _DATE_LOOSE.search(text):
        if match["cy"]:
            day = date(int(match["cy"]), int(match["cm"]), int(match["cd"]))
            return Numbers(match.start(), match.end(), "date", date=day) if day else None
        year, a, b = int(match["y"]), int(match["a"]), int(match["b"])
        # Kodi and most of the world write day first; where that is no day of the calendar, the month came first.
        day = date(year, b, a) or date(year, a, b)
        is_sure = not (a <= 12 and b <= 12 and a != b)
        return Numbers(match.start(), match.end(), "date", date=day, is_sure=is_sure) if day else None
    return None


def compact(text: str, begin: int) -> Numbers | None:
    """A bare ``103`` after ``begin``: S01E03, or the 103rd episode; both are given, and neither is sure.

    >>> found = compact("Show.103.hdtv", 4)
    >>> found.season, found.episodes, found.absolute
    (1, (3,), (103,))
    """
    for match in _COMPACT.finditer(text, begin):
        number = int(match["season"] + match["episode"])
        if 1900 <= number <= 2099 or number in (360, 480, 540, 576, 720, 1080, 2160) or match["season"] == "0":
            continue
        season, episode = int(match["season"]), int(match["episode"])
        if season and episode:
            return Numbers(match.start(), match.end(), "compact", season, None, (episode,), (number,), is_sure=False)
    return None
