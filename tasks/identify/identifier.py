"""From a path to a row of ``identities``: tags, folders, extras, strict patterns, then the parsers."""

from __future__ import annotations

import os
import re
from typing import Any

from tasks.core.ids import title_key
from tasks.core.paths import as_text
from tasks.core.settings import IdentifySettings
from tasks.core.titles import normal_title
from tasks.identify.extras import extra_kind
from tasks.identify.folders import NO_CONTEXT, Context, Folder, context, read_folder
from tasks.identify.loose import read_loose
from tasks.identify.names import below, components, readable, stem
from tasks.identify.parsers import GUESSIT_VERSION, LONGEST_NAME, read_guessit, read_ptt
from tasks.identify.reading import Reading
from tasks.identify.release import part
from tasks.identify.spelling import without_other_title
from tasks.identify.strict import read_strict
from tasks.identify.tags import Tags, read_tags
from tasks.identify.vote import AGREED, DISPUTED, agree, decide

RULES_VERSION = 2
PARSER_VERSION = f"{RULES_VERSION}+guessit{GUESSIT_VERSION}"
"""Raise ``RULES_VERSION`` whenever a name may be read differently: the next refresh then reads names again."""

UNDATED = 0.7
"""Most that we trust a movie's name without a year: nothing but its words says that it is one."""
_WORD = re.compile(r"[^\W_]")
_NO_NAME = re.compile(
    r"^(?:movie|video|film|main|feature|title[ _]?\d*|index|video[ _]ts|vts[ _]\d+[ _]\d+|\d{5}|(?:cd|dis[ck]|dvd|part"
    r"|pt)[ ._-]?\d)$",
    re.I,
)
_DISC_FILE = re.compile(r"VTS_\d\d_(?P<part>[1-9])", re.IGNORECASE)
"""A DVD cuts what it plays into files of 1 GiB: ``VTS_01_1.VOB`` is the first of title set 1."""
_YEARS = range(1870, 2101)


class Identifier:
    """Reads names; remembers every folder, so that a batch in path order reads each one once."""

    def __init__(self, settings: IdentifySettings | None = None) -> None:
        self._max_episodes = (settings or IdentifySettings()).max_episodes
        self._folders: dict[str, Folder] = {}
        self._contexts: dict[tuple[str, str | None], Context] = {}

    def identify(self, path: str | bytes, *, root: str | bytes | None = None) -> dict[str, Any]:
        """The row of ``identities`` for ``path``, without its ``file_id``; never raises, whatever the name.

        Args:
            root: folder of the library; its name says at most what it collects (``TV``, ``Movies``), those above it
                nothing. Without one every folder counts.
        """
        text = readable(path)
        head, slash, name = text.rpartition("/")
        if not slash or name[:1] == " " or ("\\" in text and text[1:2] in (":", "\\")):
            parts = components(text)
            head, name = "/".join(parts[:-1]), parts[-1] if parts else ""
        try:
            above = self._context(head, readable(root) if root is not None else None)
            tags = read_tags(stem(name[:LONGEST_NAME]))
            reading = self._read(without_other_title(tags.text), above)
            if reading.kind == "movie" and reading.part is None and reading.title == above.title:
                disc = _DISC_FILE.fullmatch(tags.text)
                reading.part = int(disc["part"]) if disc else above.part
        except Exception as exc:  # the last net: one name must never stop a batch, whatever a rule of ours overlooked
            above, tags = NO_CONTEXT, Tags("")
            reading = Reading("unknown", f"failed.{type(exc).__name__}", confidence_ratio=0.0)
        return _row(_shown(path), reading, above, tags)

    def _context(self, folder: str, root: str | None) -> Context:
        key = (folder, root)
        found = self._contexts.get(key)
        if found is None:
            names = components(folder)
            hint = None
            if root is not None:
                above = components(root)
                names = (below([*names, ""], above) or [*names, ""])[:-1]
                hint = self._folder(above[-1]).hint if above else None
            found = self._contexts[key] = context([self._folder(name) for name in names], hint)
        return found

    def _folder(self, name: str) -> Folder:
        found = self._folders.get(name)
        if found is None:
            found = self._folders[name] = read_folder(name[:LONGEST_NAME])
        return found

    def _read(self, name: str, above: Context) -> Reading:
        if not _WORD.search(name):
            return Reading("unknown", "no_name", confidence_ratio=0.0)
        extra = extra_kind(name, folder_title=above.title, folder_kind=above.extra_kind)
        if extra is not None:
            return self._extra(*extra, above)
        strict = read_strict(name, above, max_episodes=self._max_episodes)
        if strict is not None:
            return strict
        own = read_loose(
            name, max_episodes=self._max_episodes, season=above.season, folder_title=above.title, hint=above.hint
        )
        if own.rule == "loose.leading" and above.season is None:
            return _within(own, name, above)  # the parsers do not know the folder, and make a title of the number
        if above.release and own.kind == "movie" and own.year is None and own.resolution is None:
            whole = read_strict(above.release, NO_CONTEXT, max_episodes=self._max_episodes)
            if whole is not None:  # "Title.2010.1080p-GRP/grp-ttl.mkv": the folder has the name, the file a short form
                whole.rule, whole.confidence_ratio = f"folder.{whole.rule}", AGREED
                return whole
        return _within(self._parse(name, own), name, above)

    def _parse(self, name: str, own: Reading) -> Reading:
        """Our own loose reading when PTT agrees with it, else what two of three say."""
        second = _checked(read_ptt(name, max_episodes=self._max_episodes), name)
        if second is not None and agree(own, second):
            return decide([own, second])
        third = _checked(read_guessit(name, max_episodes=self._max_episodes), name)
        return decide([r for r in (own, second, third) if r is not None])

    def _extra(self, kind: str, head: str, above: Context) -> Reading:
        """An extra belongs to its folder's title; without one, to what stands before its suffix."""
        own = read_strict(head, NO_CONTEXT, max_episodes=self._max_episodes) if head else None
        if own is None and above.title is None:
            own = read_loose(head, max_episodes=self._max_episodes)
        title, year = (above.title, above.year) if above.title is not None or own is None else (own.title, own.year)
        is_episode = own is not None and own.kind == "episode"
        return Reading(
            "extra", f"extra.{'folder' if above.extra_kind else 'suffix'}", title, year,
            season=own.season if is_episode and own else above.season if above.is_show else None,
            episodes=own.episodes if is_episode and own else (), extra_kind=kind,
            resolution=own.resolution if own else None, source=own.source if own else None,
            group=own.group if own else None, confidence_ratio=0.95,
        )  # fmt: skip


def identify_path(
    path: str | bytes, *, root: str | bytes | None = None, settings: IdentifySettings | None = None
) -> dict[str, Any]:
    """The row of ``identities`` for one path, without its ``file_id``; for many paths use :class:`Identifier`.

    >>> row = identify_path("/tv/A Show (2010)/Season 01/A Show - S01E02 - Name.mkv")
    >>> row["kind"], row["title"], row["year"], row["season"], row["episodes"]
    ('episode', 'A Show', 2010, 1, [2])
    """
    return Identifier(settings).identify(path, root=root)


def as_json(row: dict[str, Any]) -> dict[str, Any]:
    """``row`` as the command line prints it; ``season`` is a list where the name spans several.

    >>> as_json(identify_path("A Film (2010) {tmdb-7}.mkv"))["ids"]
    {'tmdb': 7}
    """
    seasons: int | list[int] | None = row["season"]
    if row["last_season"] is not None and isinstance(seasons, int):
        seasons = list(range(seasons, row["last_season"] + 1))
    ids = {"tmdb": row["tmdb_id"], "imdb": row["imdb_id"], "tvdb": row["tvdb_id"]}
    return {
        "path": row["path"],
        "kind": row["kind"],
        "title": row["title"],
        "year": row["year"],
        "season": seasons,
        "episodes": row["episodes"],
        "absolute": row["absolute"],
        "date": row["date"].isoformat() if row["date"] else None,
        "edition": row["edition"],
        "part": row["part"],
        "resolution": row["resolution"],
        "source": row["source"],
        "group": row["release_group"],
        "ids": {service: value for service, value in ids.items() if value is not None},
        "confidence": row["confidence_ratio"],
        "rule": row["rule"],
    }


def _checked(reading: Reading | None, name: str) -> Reading | None:
    """``reading`` without a group that stands where the words of a chapter stand."""
    if reading is not None and reading.group is not None:
        group = reading.group
        is_group = (reading.resolution or reading.source) and any(f"{mark}{group}" in name for mark in "-[(")
        reading.group = group if is_group else None
    return reading


def _within(reading: Reading, name: str, above: Context) -> Reading:
    """``reading`` of a file name, completed and checked by what its folders say."""
    if above.is_show:
        reading.kind = "episode"
    if reading.kind == "movie" and reading.year is None and above.year is None:
        reading.confidence_ratio = min(reading.confidence_ratio, UNDATED)
    if reading.season is None:
        reading.season = above.season if reading.kind == "episode" else None
    elif above.season is not None and above.season != reading.season:
        reading.confidence_ratio = min(reading.confidence_ratio, DISPUTED)
    if reading.kind == "movie" and reading.part is None:
        reading.part = part(name) if above.title is not None else None
    if above.title is not None:
        _settle_title(reading, name, above)
    if not reading.title and not above.tags.has_ids:
        reading.kind = reading.kind if reading.episodes or reading.season is not None or reading.date else "unknown"
        reading.confidence_ratio = min(reading.confidence_ratio, DISPUTED)
    return reading


def _settle_title(reading: Reading, name: str, above: Context) -> None:
    """Choose between the title of the file and that of the folder; where they differ the answer is not sure."""
    own, folder = normal_title(reading.title or ""), normal_title(above.title or "")
    if reading.year is not None and f"{own}{reading.year}" == folder:  # the number belongs to the title
        reading.title, reading.year = above.title, above.year
        return
    is_same = own == folder or (above.year is not None and own == f"{folder}{above.year}")
    if not own or is_same or (reading.kind == "movie" and _NO_NAME.match(name)):
        if above.is_telling or not own:
            reading.title = above.title
        reading.year = reading.year or above.year
        if not is_same and own == "":
            reading.confidence_ratio = max(reading.confidence_ratio, 0.8) if above.is_telling else DISPUTED
        return
    if not above.is_telling:
        return
    is_of_folder = above.is_show if reading.kind == "episode" else reading.year is None or reading.year == above.year
    if is_of_folder:
        reading.title, reading.year = above.title, above.year or reading.year
        reading.rule += "+folder"
    close = own.startswith(folder) or folder.startswith(own)
    reading.confidence_ratio = min(reading.confidence_ratio, 0.8 if close else DISPUTED)


def _row(path: str, reading: Reading, above: Context, tags: Tags) -> dict[str, Any]:
    # An episode's file may carry the episode's own id; the id of the show stands on its folder.
    near, far = (above.tags, tags) if reading.kind == "episode" else (tags, above.tags)
    tmdb_id, imdb_id, tvdb_id = near.tmdb_id or far.tmdb_id, near.imdb_id or far.imdb_id, near.tvdb_id or far.tvdb_id
    is_clash = above.is_clash or any(
        a is not None and b is not None and a != b for a, b in zip(tags[1:4], above.tags[1:4], strict=True)
    )
    title_kind = {"movie": "movie", "episode": "show"}.get(reading.kind)
    if reading.kind == "extra":
        title_kind = "show" if above.is_show or reading.episodes else "movie"
    ids = tuple(
        f"{service}:{value}"
        for service, value in (("tmdb", tmdb_id), ("imdb", imdb_id), ("tvdb", tvdb_id))
        if value is not None
    )
    title = reading.title[:500] if reading.title else None
    year = reading.year if reading.year in _YEARS else None
    key = None
    if title is None and not ids:
        title_kind = None
    if title_kind is not None:
        key = title_key(title_kind, normal_title(title or ""), year, ids)
    confidence = reading.confidence_ratio
    return {
        "path": path,
        "kind": reading.kind,
        "title": title,
        "year": year,
        "season": reading.season,
        "last_season": reading.last_season,
        "episodes": list(reading.episodes),
        "absolute": list(reading.absolute),
        "date": reading.date,
        "edition": tags.edition or above.tags.edition or reading.edition,
        "part": reading.part,
        "resolution": reading.resolution,
        "source": reading.source,
        "release_group": reading.group,
        "extra_kind": reading.extra_kind,
        "tmdb_id": tmdb_id,
        "imdb_id": imdb_id,
        "tvdb_id": tvdb_id,
        "title_kind": title_kind,
        "title_key": key,
        "confidence_ratio": min(confidence, DISPUTED) if is_clash else confidence,
        "rule": reading.rule,
        "parser_version": PARSER_VERSION,
    }


def _shown(path: str | bytes) -> str:
    """``path`` as text that any file can hold: bytes that are no UTF-8 are written as ``\\xNN``."""
    if isinstance(path, bytes):
        return as_text(path)
    if path.isascii():
        return path
    try:
        return as_text(os.fsencode(path))
    except UnicodeEncodeError:  # a surrogate that no file name gives
        return path.encode("utf-8", "backslashreplace").decode("utf-8")
