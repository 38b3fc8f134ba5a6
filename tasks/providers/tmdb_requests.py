"""How many requests a title takes: everything appended to one, or one for each part, as older programs ask.

Whatever the way, the document of the answer has the same parts in the same places, so readers need not know it. The
ways other than :class:`InOneRequest` with :class:`SeasonsAppended` exist for comparisons (``scrape.requests`` and
``scrape.season_requests``), and ask one thing after the other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

from tasks.core.errors import AnswerNotFound
from tasks.core.settings import ScrapeSettings
from tasks.http.store import Answer
from tasks.providers.json_values import mapping, positive
from tasks.providers.tmdb_rows import SEASON_PREFIX, season_numbers

SLOTS = 20
"""Most items of one ``append_to_response``; with one more TMDB refuses the whole request (HTTP 400, code 27)."""
PARTS: Mapping[str, tuple[str, ...]] = {
    "movie": (
        "credits",
        "release_dates",
        "videos",
        "external_ids",
        "keywords",
        "translations",
        "images",
        "alternative_titles",
    ),
    "tv": (
        "aggregate_credits",
        "content_ratings",
        "videos",
        "external_ids",
        "keywords",
        "translations",
        "images",
        "alternative_titles",
    ),
    "collection": ("images", "translations"),
}
"""What is asked for of a movie, show or collection beside its head."""
BLIND_SEASONS = SLOTS - len(PARTS["tv"])
"""Seasons 0 to 11 are asked for with the show, not knowing whether it has them: 97 of 100 shows need no second call."""
LANGUAGES_OF = {"images": "include_image_language", "videos": "include_video_language"}
"""Part -> option that names its languages."""


def appended(parts: Iterable[str]) -> str:
    """The value of ``append_to_response``.

    Raises:
        AssertionError: more than TMDB takes; that is a mistake in this module.
    """
    names = list(parts)
    assert len(names) <= SLOTS, f"{len(names)} items to append, TMDB takes {SLOTS}"
    return ",".join(names)


def season_parts(numbers: Iterable[int]) -> list[str]:
    """The names of seasons as parts of a show.

    >>> season_parts([0, 1])
    ['season/0', 'season/1']
    """
    return [f"{SEASON_PREFIX}{number}" for number in numbers]


@dataclass(frozen=True)
class Joined(Answer):
    """The answer to a question that took several requests; by itself it is the answer to the first of them."""

    first: Answer = field(kw_only=True)
    parts: Mapping[str, Answer] = field(kw_only=True)
    """Answers by the name under which TMDB would have appended them."""
    fallback: Answer | None = field(default=None, kw_only=True)
    """The head in another language: it gives the fields that the first answer does not have."""
    unused: tuple[Answer, ...] = field(default=(), kw_only=True)
    """Answers that were asked for, as older programs do, and say nothing new."""

    @property
    def sources(self) -> tuple[Answer, ...]:
        """One answer for each request, the first one first."""
        further = (*self.parts.values(), *((self.fallback,) if self.fallback else ()), *self.unused)
        return (*self.first.sources, *further)

    def document(self) -> dict[str, Any]:
        """The document that one request would have given.

        Raises:
            AnswerInvalid: one of the answers is none.
        """
        fallback = self.fallback.document() if self.fallback else {}
        parts = {name: part.document() for name, part in self.parts.items()}
        for part in parts.values():
            part.pop("id", None)  # appended parts have none
        return {**fallback, **self.first.document(), **parts}


def joined(
    first: Answer, parts: Mapping[str, Answer], *, fallback: Answer | None = None, unused: Iterable[Answer] = ()
) -> Joined:
    """``first`` with ``parts`` put in."""
    own = {each.name: getattr(first, each.name) for each in fields(Answer)}
    return Joined(**own, first=first, parts=parts, fallback=fallback, unused=tuple(unused))


class Service(Protocol):
    """Who sends the requests."""

    async def ask(self, path: str, query: Mapping[str, str], *, in_language: bool = True) -> Answer:
        """The answer to one request, in the language of the settings or in none."""
        ...

    def read(self, answer: Answer) -> dict[str, Any]:
        """The document in ``answer``; where there is none, ``AnswerInvalid``, and the answer is forgotten."""
        ...


class TitleRequests(Protocol):
    """How a movie, show or collection is asked for; its path is ``/movie/603``, ``/tv/1396`` or ``/collection/10``."""

    async def head(self, path: str) -> Answer:
        """Enough of it to tell which title it is."""
        ...

    async def whole(self, path: str) -> Answer:
        """All of it, but for seasons."""
        ...


class InOneRequest:
    """All parts, and the first seasons of a show, appended to the head.

    Args:
        languages: option of ``LANGUAGES_OF`` -> languages.
    """

    def __init__(self, service: Service, languages: Mapping[str, str]) -> None:
        self._service = service
        self._languages = languages

    async def head(self, path: str) -> Answer:
        """The whole: the scrape that follows then has it already."""
        return await self.whole(path)

    async def whole(self, path: str) -> Answer:
        """One request."""
        parts = PARTS[_kind(path)]
        seasons = season_parts(range(BLIND_SEASONS)) if _kind(path) == "tv" else []
        options = {name: self._languages[name] for part, name in LANGUAGES_OF.items() if part in parts}
        return await self._service.ask(path, {"append_to_response": appended([*parts, *seasons]), **options})


class InSeveralRequests:
    """Head, each part, and the head in the service's own language, all by themselves; of a film its collection too.

    The last two change nothing: translations are among the parts, and collections are asked for by themselves later.
    """

    def __init__(self, service: Service, languages: Mapping[str, str]) -> None:
        self._service = service
        self._languages = languages

    async def head(self, path: str) -> Answer:
        """One request."""
        return await self._service.ask(path, {})

    async def whole(self, path: str) -> Answer:
        """Ten requests for a movie or a show, eleven for a movie of a collection, four for a collection."""
        head = await self.head(path)
        parts = {}
        for part in PARTS[_kind(path)]:
            name = LANGUAGES_OF.get(part)
            options = {name: self._languages[name]} if name else {}
            found = await _unless_missing(self._service.ask(f"{path}/{part}", options))
            if found is not None:
                parts[part] = found
        fallback = await _unless_missing(self._service.ask(path, {}, in_language=False))
        return joined(head, parts, fallback=fallback, unused=await self._collection(head))

    async def _collection(self, head: Answer) -> Sequence[Answer]:
        collection = positive(mapping(self._service.read(head).get("belongs_to_collection")).get("id"))
        if collection is None:
            return ()
        found = await _unless_missing(self._service.ask(f"/collection/{collection}", {}))
        return () if found is None else (found,)


class SeasonRequests(Protocol):
    """How the seasons of a show are asked for."""

    async def put_in(self, path: str, show: Answer) -> Answer:
        """``show``, the answer of :meth:`TitleRequests.whole`, with the seasons that are asked for by themselves."""
        ...

    def left(self, show: Answer) -> list[int]:
        """Numbers of the seasons that ``show`` names and does not hold after that."""
        ...


class SeasonsAppended:
    """The first seasons have come with the show; later ones are left."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def put_in(self, path: str, show: Answer) -> Answer:  # noqa: ARG002
        """``show`` as it is."""
        return show

    def left(self, show: Answer) -> list[int]:
        """Seasons that the show was not asked for."""
        return [number for number in season_numbers(self._service.read(show)) if number >= BLIND_SEASONS]


class SeasonsEach:
    """One request for each season that the show lists.

    Args:
        list_again: ask for that list once more before, whether or not the seasons are known.
    """

    def __init__(self, service: Service, *, list_again: bool) -> None:
        self._service = service
        self._list_again = list_again

    async def put_in(self, path: str, show: Answer) -> Answer:
        """``show`` with all its seasons, those that it has already among them."""
        lists = [await self._service.ask(path, {})] if self._list_again else []
        numbers = season_numbers(self._service.read(lists[0] if lists else show.sources[0]))
        seasons = {}
        for name in season_parts(numbers):
            found = await _unless_missing(self._service.ask(f"{path}/{name}", {}))
            if found is not None:
                seasons[name] = found
        return joined(show, seasons, unused=lists)

    def left(self, show: Answer) -> list[int]:  # noqa: ARG002
        """None."""
        return []


def title_requests(settings: ScrapeSettings, service: Service, languages: Mapping[str, str]) -> TitleRequests:
    """The way that ``scrape.requests`` names."""
    if settings.requests == "separate":
        return InSeveralRequests(service, languages)
    return InOneRequest(service, languages)


def season_requests(settings: ScrapeSettings, service: Service) -> SeasonRequests:
    """The way that ``scrape.season_requests`` and ``scrape.requests`` name together."""
    if settings.season_requests == "twice":
        return SeasonsEach(service, list_again=True)
    return SeasonsEach(service, list_again=False) if settings.requests == "separate" else SeasonsAppended(service)


async def _unless_missing(asked: Awaitable[Answer]) -> Answer | None:
    """TMDB leaves out of an answer what it does not have; at an address of its own that is HTTP 404."""
    try:
        return await asked
    except AnswerNotFound:
        return None


def _kind(path: str) -> str:
    return path.split("/")[1]
