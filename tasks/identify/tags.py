"""Tags that people and programs put into names for media servers: ids and editions.

Notations: Plex ``{tmdb-1}`` ``{edition-Final Cut}``, Jellyfin ``[tmdbid-1]``, Emby ``[tmdbid=1]``, Kodi and others
``[tt0000001]``. Sources: the naming pages of support.plex.tv, jellyfin.org/docs and kodi.wiki.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_TAG = re.compile(
    r"[\[{(]\s*(?:"
    r"(?P<service>tmdb|imdb|tvdb)(?:[ _-]?id)?\s*[-=:_ ]\s*(?P<id>tt\d{5,10}|\d{1,9})"
    r"|(?P<bare>tt\d{6,10})"
    r"|(?:anidb|anilist|mal|tvmaze|trakt|tvrage)(?:[ _-]?id)?\d?\s*[-=:]\s*\d+"
    r"|edition\s*-\s*(?P<edition>[^\]})]{1,80})"
    r")\s*[\]})]",
    re.IGNORECASE,
)
_MAYBE = ("id", "ID", "db", "DB", "tt", "TT", "dition", "mal-", "trakt", "tvmaze", "anilist")


class Tags(NamedTuple):
    """What the tags of one name say, and the name without them."""

    text: str
    tmdb_id: int | None = None
    imdb_id: str | None = None
    tvdb_id: int | None = None
    edition: str | None = None

    @property
    def has_ids(self) -> bool:
        """Whether there is any id."""
        return not (self.tmdb_id is None and self.imdb_id is None and self.tvdb_id is None)


NO_TAGS = Tags("")


def read_tags(name: str) -> Tags:
    """The tags in ``name``; of several ids of one service the first counts.

    >>> read_tags("Title (2010) {tmdb-27} [imdbid-tt0000027] {edition-Final Cut}")
    Tags(text='Title (2010)', tmdb_id=27, imdb_id='tt0000027', tvdb_id=None, edition='Final Cut')
    """
    if not any(mark in name for mark in ("[", "{", "(")) or not any(mark in name for mark in _MAYBE):
        return Tags(name)
    found: dict[str, str] = {}
    for match in _TAG.finditer(name):
        service, value = match["service"], match["id"]
        if match["bare"]:
            found.setdefault("imdb", match["bare"].lower())
        elif match["edition"]:
            found.setdefault("edition", match["edition"].strip())
        elif service:
            is_imdb = value.lower().startswith("tt")
            if is_imdb == (service.lower() == "imdb"):
                found.setdefault(service.lower(), value.lower())
    text = _TAG.sub(" ", name)
    return Tags(
        " ".join(text.split()) if text != name else name,
        int(found["tmdb"]) or None if "tmdb" in found else None,
        found.get("imdb"),
        int(found["tvdb"]) or None if "tvdb" in found else None,
        found.get("edition"),
    )
