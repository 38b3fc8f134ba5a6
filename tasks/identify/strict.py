"""Names that mean one thing only. Everything with a second reading is refused and goes to the parsers."""

from __future__ import annotations

import re

from tasks.core.titles import normal_title
from tasks.identify.folders import Context
from tasks.identify.numbers import DATE_IN_WORDS, SXXEYY, Numbers, strict_numbers
from tasks.identify.reading import Reading
from tasks.identify.release import begins_technical, claims, part, tech_start
from tasks.identify.spelling import clean_title, trailing_year, without_release_words

_YEAR = r"(?:18[89]\d|19\d\d|20[0-4]\d)"
_BRACKETED_YEAR = re.compile(rf"^(?P<title>[^\[\](){{}}]+?)[ ._]*[(\[](?P<year>{_YEAR})[)\]](?P<rest>.*)$")
_DOTTED_YEAR = re.compile(rf"^(?P<title>[^\[\](){{}}]+)[ ._](?P<year>{_YEAR})(?P<rest>[ ._-]+[^ ._-].*)$")
_PLAIN = re.compile(r"^(?P<title>[^\[\]{}]+?)(?:\((?P<tag>[A-Z]{2})\))?[ ._-]*$")
# What makes a title before a year or number doubtful: numbering words, tags, site names, several languages in one name.
_DOUBT = re.compile(
    r"(?<![^\W_])(?:seasons?|episodes?|ep|eps|staffel|saison|temporada|stagione|folge|cap|complete|collection|www"
    r"|s\d{1,2}|vol)"
    r"(?![^\W_])|[@|/\\~#]|(?<!\d)\d{1,2}[ ._-]\d{1,2}$|\.(?:com|org|net)\b| aka | - \d+ ?$|^\d{1,3} ?[-.] ",
    re.IGNORECASE,
)
_SCENE_SHORT = re.compile(r"^[a-z0-9]{2,8}-[a-z0-9.]+$")
_LATIN = re.compile(r"[A-Za-z]{2}")
_EAST = re.compile("[\u0400-\u04ff\u0600-\u06ff\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_VERSION_REST = re.compile(r"^[ ._]*(?:$|-[ ]?|[\[({])")
_ONLY_DIGITS = re.compile(r"^[\d ._-]+$")


def read_strict(stem: str, context: Context, *, max_episodes: int) -> Reading | None:
    """The one meaning of ``stem`` within its folders; ``None`` where a parser should be asked.

    Args:
        stem: file name without extension and tags.
        context: what the folders say; a clash with it is a reason to refuse.
    """
    if stem[:1] in "[【{(" or (_EAST.search(stem) and _LATIN.search(stem)):
        return None
    numbers = strict_numbers(stem, max_episodes)
    if numbers is not None:
        return _episode(stem, numbers, context)
    if SXXEYY.search(stem) or DATE_IN_WORDS.search(stem):
        return None
    if context.is_show or context.season is not None:
        return None
    return _movie(stem, context)


def _episode(stem: str, numbers: Numbers, context: Context) -> Reading | None:
    head, rest = stem[: numbers.start], stem[numbers.end :]
    match = _PLAIN.match(head)
    if match is None:
        if head.strip(" ._-"):
            bracketed = _BRACKETED_YEAR.match(head)
            if bracketed is None or bracketed["rest"].strip(" ._-"):
                return None
            title, year = clean_title(bracketed["title"]), int(bracketed["year"])
        else:
            title, year = "", None
    else:
        text, year = trailing_year(head.rstrip(" ._-"))
        title = clean_title(text)
    if _is_doubtful(title, head) or (numbers.season is not None and numbers.season >= 1900 and not context.is_show):
        return None
    if numbers.season is not None and context.season is not None and numbers.season != context.season:
        return None
    if numbers.notation == "date" and (numbers.date is None or (not title and not context.is_telling)):
        return None
    named = _agree(title, year, context)
    if named is None:
        return None
    found = claims(rest)
    return Reading(
        "episode", f"strict.{numbers.notation}", *named, season=_season(numbers, context), episodes=numbers.episodes,
        date=numbers.date, edition=found.edition, resolution=found.resolution, source=found.source, group=found.group,
        confidence_ratio=0.98 if context.is_telling or title else 0.9,
    )  # fmt: skip


def _season(numbers: Numbers, context: Context) -> int | None:
    return numbers.season if numbers.season is not None else context.season


def _agree(title: str, year: int | None, context: Context) -> tuple[str, int | None] | None:
    """Title and year of a show from file and folder; ``None`` where both speak and differ."""
    if context.title is None:
        return (title, year) if title else None
    if not title:
        return (
            (context.title, context.year) if context.is_show or context.is_telling or context.release is None else None
        )
    own, folder = normal_title(title), normal_title(context.title)
    if year is not None and f"{own}{year}" == folder:  # the number belongs to the title: "Space 1999 (1975)"
        return context.title, context.year
    if own == folder:
        if year and context.year and year != context.year:
            return None
        return context.title if context.is_telling else title, year or context.year
    if context.is_telling:
        # A country or a subtitle more or less is the same show; the folder is what people name by hand.
        if context.year is not None and own == folder + str(context.year):
            return context.title, context.year
        return (context.title, context.year or year) if own.startswith(folder) and len(own) - len(folder) <= 3 else None
    return (title, year) if not context.is_show else None


def _movie(stem: str, context: Context) -> Reading | None:
    if named := _named_by_folder(stem, context):
        return named
    if match := _BRACKETED_YEAR.match(stem):
        rest = match["rest"]
        if not (_VERSION_REST.match(rest) or begins_technical(rest) or part(rest)):
            return None
        rule = "strict.title_year"
    elif match := _DOTTED_YEAR.match(stem):
        rest = match["rest"]
        if not begins_technical(rest):
            return None
        technical = tech_start(match["title"], 1)
        if technical is not None:
            return None
        rule = "strict.release"
    else:
        return None
    raw, year = match["title"], int(match["year"])
    title = clean_title(without_release_words(raw) if rule == "strict.release" else raw)
    if not title or _is_doubtful(title, raw) or (rule == "strict.release" and _ONLY_DIGITS.match(raw)):
        return None
    if (
        context.is_telling
        and context.title
        and context.release is None
        and normal_title(context.title) == normal_title(title)
    ):
        if context.year not in (None, year):
            return None
        title = context.title
    found = claims(raw[len(title) :] + rest)
    return Reading(
        "movie", rule, title, year, edition=found.edition, part=part(rest), resolution=found.resolution,
        source=found.source, group=found.group, confidence_ratio=0.97,
    )  # fmt: skip


def _named_by_folder(stem: str, context: Context) -> Reading | None:
    """A file that repeats the title of its movie folder, which alone has the year: ``Title (2010)/Title - 1080p``."""
    if context.title is None or context.year is None:
        return None
    folder = normal_title(context.title)
    technical = tech_start(stem, 1)
    head = stem if technical is None else stem[:technical]
    rest = "" if technical is None else stem[technical:]
    number = part(stem)
    if number is not None and normal_title(head) != folder:
        head = (
            head[: len(head) - len(head.lstrip())]
            + re.split(r"[ ._-]+(?:cd|dvd|dis[ck]|pt|part)[ ._-]?\d", head, flags=re.I)[0]
        )
    if not folder or normal_title(clean_title(head)) != folder:
        return None
    found = claims(rest)
    return Reading(
        "movie", "strict.folder", context.title, context.year, edition=found.edition,
        part=number if normal_title(stem) != folder else None, resolution=found.resolution, source=found.source,
        group=found.group, confidence_ratio=0.97,
    )  # fmt: skip


def _is_doubtful(title: str, raw: str) -> bool:
    return bool(title) and (_DOUBT.search(title) is not None or _SCENE_SHORT.match(raw.rstrip(" ._-")) is not None)
