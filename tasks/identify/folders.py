"""What a folder's name says about the files below it: a season, a title, a drawer for extras, or nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tasks.identify.extras import EXTRA_FOLDERS
from tasks.identify.numbers import strict_numbers
from tasks.identify.release import tech_start
from tasks.identify.spelling import clean_title, trailing_year
from tasks.identify.tags import NO_TAGS, Tags, read_tags

# Folders that hold libraries, mounts or downloads and say nothing about a title.
_GENERIC = frozenset(
    (
        ".", "movies", "movie", "films", "film", "filme", "cinema", "video", "videos", "tv", "shows", "series",
        "serien", "tvshows", "anime", "animes", "cartoons", "kids", "documentaries", "docs", "dokus", "documentary",
        "downloads", "download", "complete", "completed", "incomplete", "torrents", "usenet", "media", "mnt",
        "volumes", "home", "users", "user", "data", "share", "shares", "nas", "srv", "server", "storage", "library",
        "libraries", "multimedia", "plex", "jellyfin", "emby", "kodi", "public", "4k", "uhd", "hd", "sd", "3d", "new",
        "unsorted", "sorted", "temp", "tmp", "test", "root", "desktop", "documents", "nzb", "sabnzbd", "qbittorrent",
        "transmission", "seasons", "subs", "subtitles", "subtitle", "vobsub", "video ts", "bdmv", "stream",
        "audio ts", "dvd", "bluray", "unpack", "watch", "collection", "collections",
    )
)  # fmt: skip
_GENERIC_WORDS = re.compile(
    r"(?:my[ ._-]*)?(?:tv|hd|uhd|4k|sd|3d|new|old|kids|anime|all)?[ ._-]*(?:tv|tv[ ._-]?shows?|movies?|films?|filme"
    r"|videos?|shows|series|serien|anime|downloads?)"
    r"(?:[ ._-]*(?:tv|hd|uhd|4k|sd|3d|\d))?|(?:disk|drive|volume|vol|hdd|ssd|usb|sd[a-z]|nas|cd|dis[ck]"
    r"|dvd)[ ._-]?\d{0,2}|[a-z]:?",
    re.IGNORECASE,
)
_SEASON_WORD = (
    r"(?:seasons?|series|saison|staffel|temporada|stagione|seizoen|säsong|sæson|sesong|kausi|sezon|сезон|série|serie)"
)
_SEASON_FOLDER = re.compile(
    rf"(?:{_SEASON_WORD}[ ._#-]*(?P<number>\d{{1,4}})|(?P<nth>\d{{1,2}})(?:st|nd|rd|th|ª|º|\.|er|e"
    rf"|-?й)?[ ._-]*{_SEASON_WORD}"
    rf"|s[ ._-]?(?P<short>\d{{1,4}})|第[ ]?(?P<cjk>\d{{1,2}})[ ]?[季期])(?P<rest>(?:$|[^\w]).*)",
    re.IGNORECASE,
)
_SEASON_INSIDE = re.compile(
    rf"(?<![^\W_])(?:{_SEASON_WORD}[ ._#-]*(?P<number>\d{{1,4}})|s(?P<short>\d{{1,2}}))(?![^\W_])", re.IGNORECASE
)
_SPECIALS = frozenset(
    ("specials", "special", "season 0", "season 00", "s00", "s0", "especiales", "spéciaux", "extras & specials")
)
_DISC = re.compile(r"(?:cd|dis[ck]|dvd)[ ._-]?(?P<part>[1-9])", re.IGNORECASE)
_YEAR_BRACKET = re.compile(r"[ ._]*[(\[](?P<year>(?:18[789]|19\d|20\d)\d)(?:[ ]?[-–][ ]?(?:\d{4})?)?[)\]]")


@dataclass(frozen=True, slots=True)
class Folder:
    """What one folder's name says."""

    name: str
    tags: Tags
    is_generic: bool = False
    extra_kind: str | None = None
    """The folder is a drawer for this kind of extra, if it lies below a title."""
    season: int | None = None
    title: str | None = None
    year: int | None = None
    release: str | None = None
    """The whole name where it is one of a release: named by a program, and it may say what the file's name does not."""
    hint: str | None = None
    """``movie`` or ``show`` where a folder without a title says what it collects."""


def read_folder(name: str) -> Folder:
    """What ``name`` says, whatever lies above or below.

    >>> read_folder("Staffel 02").season, read_folder("Great Show (2010) {tvdb-7}").title
    (2, 'Great Show')
    >>> read_folder("TV Shows").is_generic
    True
    """
    tags = read_tags(name)
    text = tags.text.strip()
    plain = " ".join(text.replace("_", " ").split()).lower()
    if plain in _SPECIALS:
        return Folder(name, tags, season=0)
    if match := _SEASON_FOLDER.fullmatch(text):
        number = int(match["number"] or match["nth"] or match["short"] or match["cjk"])
        return Folder(name, tags, season=number)
    if not tags.has_ids and (plain in _GENERIC or _GENERIC_WORDS.fullmatch(plain)):
        return Folder(name, tags, is_generic=True, hint=_hint(plain))
    title, year, season, is_release = _title(text)
    return Folder(
        name, tags, extra_kind=EXTRA_FOLDERS.get(plain.replace("-", " ")), season=season, title=title, year=year,
        release=text if is_release else None,
    )  # fmt: skip


def _hint(plain: str) -> str | None:
    if re.search(r"tv|show|seri|anime", plain):
        return "show"
    return "movie" if re.search(r"movie|film", plain) else None


def _title(text: str) -> tuple[str | None, int | None, int | None, bool]:
    """Title, year, season of a title folder, and whether it is a release name."""
    season = None
    technical = tech_start(text, 1)
    numbers = strict_numbers(text, 1)
    if numbers is not None:
        title, year = trailing_year(text[: numbers.start].rstrip(" ._-"))
        return clean_title(title) or None, year, None, True
    if inside := _SEASON_INSIDE.search(text, 1):
        season = int(inside["number"] or inside["short"])
        technical = min(inside.start(), technical if technical is not None else len(text))
    if bracket := _YEAR_BRACKET.search(text, 1):
        end = bracket.start() if technical is None else min(bracket.start(), technical)
        return clean_title(text[:end]) or None, int(bracket["year"]), season, technical is not None
    head = text if technical is None else text[:technical]
    title, year = trailing_year(head)
    if cut := re.search(r"[\[{]", title[1:]):
        title = title[: cut.start() + 1]
    return clean_title(title) or None, year, season, technical is not None


@dataclass(frozen=True, slots=True)
class Context:
    """What all folders above a file say together."""

    title: str | None = None
    year: int | None = None
    season: int | None = None
    is_show: bool = False
    """A season folder lies between title and file."""
    release: str | None = None
    """Name of the title folder where it is one of a release."""
    extra_kind: str | None = None
    hint: str | None = None
    tags: Tags = NO_TAGS
    is_clash: bool = False
    """Two folders carry different ids of one service."""
    part: int | None = None
    """Which disc of the title a folder below it holds: ``Title (2010)/CD2``."""

    @property
    def is_telling(self) -> bool:
        """The title folder was made for this title: it has a year, ids or seasons, or lies where shows are kept."""
        return self.title is not None and (
            self.is_show or self.year is not None or self.tags.has_ids or self.hint == "show"
        )


NO_CONTEXT = Context()


def context(folders: list[Folder], root_hint: str | None = None) -> Context:
    """What ``folders``, outermost first, say about a file in the last of them.

    Args:
        root_hint: hint of the folder above them, which says no more than that.
    """
    season: int | None = None
    extra_kind: str | None = None
    title: Folder | None = None
    is_show = False
    tmdb: list[int] = []
    imdb: list[str] = []
    tvdb: list[int] = []
    edition: str | None = None
    part: int | None = None
    for depth in range(len(folders) - 1, -1, -1):
        folder = folders[depth]
        if folder.tags.tmdb_id:
            tmdb.append(folder.tags.tmdb_id)
        if folder.tags.imdb_id:
            imdb.append(folder.tags.imdb_id)
        if folder.tags.tvdb_id:
            tvdb.append(folder.tags.tvdb_id)
        edition = edition or folder.tags.edition
        if title is None and part is None and (disc := _DISC.fullmatch(folder.name)):
            part = int(disc["part"])
        if title is not None or folder.is_generic:
            continue
        if folder.season is not None and folder.title is None:
            season = folder.season if season is None else season
            is_show = True
            continue
        has_title_above = any(not f.is_generic and (f.title or f.season is not None) for f in folders[:depth])
        if folder.extra_kind and has_title_above and extra_kind is None and title is None:
            extra_kind = folder.extra_kind
            continue
        if folder.title and folder.title.isdigit() and len(folder.title) <= 2 and has_title_above and season is None:
            season = int(folder.title)  # "Show/2/file"
            is_show = True
            continue
        title = folder
        if folder.season is not None:
            season = folder.season if season is None else season
            is_show = True
    hint = next((f.hint for f in reversed(folders) if f.hint), root_hint)
    tags = Tags("", tmdb[0] if tmdb else None, imdb[0] if imdb else None, tvdb[0] if tvdb else None, edition)
    is_clash = any(len(set(ids)) > 1 for ids in (tmdb, imdb, tvdb))
    if title is None:
        return Context(season=season, is_show=is_show, extra_kind=extra_kind, hint=hint, tags=tags, is_clash=is_clash)
    return Context(title.title, title.year, season, is_show, title.release, extra_kind, hint, tags, is_clash, part)
