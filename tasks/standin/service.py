"""From an address to an answer: what the stand-in says to each request, without a network.

Beyond the API's details, search, collections and images it knows no address: no people, no lists, no changes, no
episodes or parts of seasons at their own address, no paging but that of searches, no ``append_to_response`` for
seasons. Appended names that it does not know are passed over silently, as TMDB does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from tasks.standin import answers
from tasks.standin.blocks import Json, Wish
from tasks.standin.catalogue import Catalogue
from tasks.standin.picture_lists import Picture, picture_at
from tasks.standin.pictures import CONTENT_TYPES, draw
from tasks.standin.search import Search
from tasks.standin.titles import Collection, Film, Show
from tasks.standin.tmdb_lists import INVALID_PAGE, MAX_APPENDED, MAX_PAGE, SIZES, error_body

JSON_TYPE = "application/json;charset=utf-8"
_NUMBER = r"[0-9]{1,9}"
_ROUTES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("configuration", re.compile(r"/3/configuration")),
    ("search_movie", re.compile(r"/3/search/movie")),
    ("search_tv", re.compile(r"/3/search/tv")),
    # TMDB takes "603-a-title" for 603, and an IMDb id for the film that has it.
    ("movie", re.compile(rf"/3/movie/(?:(?P<id>{_NUMBER})(?:-[^/]*)?|(?P<imdb>tt[0-9]+))")),
    ("tv", re.compile(rf"/3/tv/(?P<id>{_NUMBER})(?:-[^/]*)?")),
    ("season", re.compile(rf"/3/tv/(?P<id>{_NUMBER})/season/(?P<season>{_NUMBER})")),
    ("collection", re.compile(rf"/3/collection/(?P<id>{_NUMBER})")),
    ("find", re.compile(r"/3/find/(?P<external>[^/]+)")),
    ("part", re.compile(rf"/3/(?P<owner>movie|tv|collection)/(?P<id>{_NUMBER})/(?P<part>[a-z_]+)")),
    ("image", re.compile(r"/t/p/(?P<size>original|[wh][0-9]{2,4})(?P<file>/[^/]+)")),
)
_FIND_SOURCES = frozenset(
    ("imdb_id", "facebook_id", "instagram_id", "tvdb_id", "tiktok_id", "twitter_id", "wikidata_id", "youtube_id")
)


@dataclass(frozen=True)
class Answer:
    """A body and how it travels."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE

    @property
    def is_image(self) -> bool:
        """Whether the image host gave it."""
        return self.content_type != JSON_TYPE


@dataclass(frozen=True)
class Route:
    """What an address names."""

    kind: str
    fields: Mapping[str, str]


def route_of(path: str) -> Route:
    """What kind of address a path is; ``other`` for all that the stand-in does not know."""
    for kind, pattern in _ROUTES:
        found = pattern.fullmatch(path)
        if found:
            return Route(kind, {name: value for name, value in found.groupdict().items() if value is not None})
    return Route("other", {})


def error(status: int, *, code: int | None = None, message: str | None = None) -> Answer:
    """An error in TMDB's words."""
    return Answer(status, orjson.dumps(error_body(status, code=code, message=message)))


class Service:
    """Answers for one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._search = Search(catalogue)

    def answer(self, route: Route, query: Mapping[str, str], *, image_url: str) -> Answer:
        """What TMDB, or its image host, would say.

        Args:
            image_url: what ``/configuration`` names as the image host.
        """
        if route.kind == "image":
            return self._image(route.fields["size"], route.fields["file"])
        appended = tuple(filter(None, query.get("append_to_response", "").split(",")))
        if len(appended) > MAX_APPENDED:
            return error(400)
        wish = _wish(query, appended)
        if route.kind == "configuration":
            return _json(answers.configuration(image_url))
        if route.kind in ("search_movie", "search_tv"):
            return self._found(route.kind, query, wish)
        if route.kind == "find":
            if query.get("external_source") not in _FIND_SOURCES:
                return error(422)
            return _json(answers.find(route.fields["external"], query["external_source"], self.catalogue, wish))
        found = self._details(route, wish)
        return error(404) if found is None else _json(found)

    def titles(self, route: Route, query: Mapping[str, str]) -> list[str]:
        """What a request is about: the words searched for, or the name of the title asked for."""
        if route.kind in ("search_movie", "search_tv"):
            return [query.get("query", "")]
        owner: Film | Show | Collection | None = None
        if route.kind == "image":
            named = re.match(r"/(film|show|collection)([0-9]{1,9})-", route.fields["file"])
            owner = self._owner({"film": "movie", "show": "tv"}.get(named[1], named[1]), named[2]) if named else None
        elif route.kind != "other":
            owner = self._owned(route)
        if owner is None:
            return []
        return [owner.name if isinstance(owner, Collection) else owner.title]

    def _image(self, size: str, file: str) -> Answer:
        picture = picture_at(file, self.catalogue)
        if picture is None or size not in SIZES[picture.kind] or (file.endswith(".svg") and size != "original"):
            return Answer(404, b"", "text/plain")
        extension = file.rpartition(".")[2]
        return Answer(200, _drawn(picture, size, extension), CONTENT_TYPES[extension])

    def _found(self, kind: str, query: Mapping[str, str], wish: Wish) -> Answer:
        page = _number(query.get("page", "1"))
        if page is None or not 1 <= page <= MAX_PAGE:
            code, message = INVALID_PAGE
            return error(400, code=code, message=message)
        words, year = query.get("query", ""), _number(query.get("year"))
        if kind == "search_movie":
            films = self._search.films(
                words, year=year, primary_release_year=_number(query.get("primary_release_year"))
            )
            results = [answers.movie_summary(film, wish) for film in films]
        else:
            shows = self._search.shows(words, year=year, first_air_date_year=_number(query.get("first_air_date_year")))
            results = [answers.tv_summary(show, wish) for show in shows]
        return _json(answers.page_of(results, page))

    def _details(self, route: Route, wish: Wish) -> Json | None:
        owner = self._owned(route)
        if owner is None:
            return None
        if route.kind == "part":
            return answers.part(owner, route.fields["part"], wish)
        if isinstance(owner, Film):
            return answers.movie(owner, self.catalogue, wish)
        if isinstance(owner, Collection):
            return answers.collection(owner, self.catalogue, wish)
        if route.kind == "tv":
            return answers.tv(owner, wish)
        wanted = owner.season(int(route.fields["season"]))
        return answers.season(owner, wanted, wish) if wanted else None

    def _owned(self, route: Route) -> Film | Show | Collection | None:
        if "imdb" in route.fields:
            return self.catalogue.film_by_imdb(route.fields["imdb"])
        kind = {"season": "tv"}.get(route.kind, route.fields.get("owner", route.kind))
        return self._owner(kind, route.fields["id"]) if "id" in route.fields else None

    def _owner(self, kind: str, number: str) -> Film | Show | Collection | None:
        if kind == "movie":
            return self.catalogue.film(int(number))
        return self.catalogue.show(int(number)) if kind == "tv" else self.catalogue.collection(int(number))


def _wish(query: Mapping[str, str], appended: tuple[str, ...]) -> Wish:
    def languages(name: str) -> tuple[str, ...] | None:
        listed = query.get(name)
        return None if listed is None else tuple(part.strip().split("-")[0] for part in listed.split(","))

    return Wish(
        language=query.get("language", "en-US").split("-")[0] or "en",
        filters_language="language" in query,
        image_languages=languages("include_image_language"),
        video_languages=languages("include_video_language"),
        appended=appended,
    )


def _number(text: str | None) -> int | None:
    """A whole number, or ``None`` for what is none; years that make no sense are not looked at."""
    return int(text) if text and re.fullmatch(r"[0-9]{1,6}", text) else None


def _json(body: Mapping[str, Any]) -> Answer:
    return Answer(200, orjson.dumps(body))


@lru_cache(maxsize=512)
def _drawn(picture: Picture, size: str, extension: str) -> bytes:
    return draw(picture, size, as_png=extension == "png")
