"""How TMDB v3 is asked: which addresses, with what appended, and with whose key.

Facts used (https://developer.themoviedb.org/docs, and recorded answers, November 2026): ``append_to_response`` takes 20
items; seasons can be appended to a show, and one that does not exist is silently left out; a movie can be asked for by
its IMDb id; a show cannot, so ``/find`` gives its id first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlencode

from pydantic import SecretStr

from tasks.core.errors import AnswerInvalid, KeyRefused
from tasks.core.secrets import VARIABLES, token_of
from tasks.core.settings import ScrapeSettings
from tasks.http.answers import Answers, answers_in
from tasks.http.client import Policy, Usage, safe_url
from tasks.http.store import Answer
from tasks.providers import tmdb_rows
from tasks.providers.json_values import mapping, objects, text
from tasks.providers.provider import Candidate, Facts

SLOTS = 20
"""Most items of one ``append_to_response``; with one more TMDB refuses the whole request (HTTP 400, code 27)."""
BUSY_CODE = 25
"""``status_code`` of "Your request count is over the allowed limit"."""

MOVIE_PARTS = (
    "credits",
    "release_dates",
    "videos",
    "external_ids",
    "keywords",
    "translations",
    "images",
    "alternative_titles",
)
SHOW_PARTS = (
    "aggregate_credits",
    "content_ratings",
    "videos",
    "external_ids",
    "keywords",
    "translations",
    "images",
    "alternative_titles",
)
COLLECTION_PARTS = ("images", "translations")
BLIND_SEASONS = SLOTS - len(SHOW_PARTS)
"""Seasons 0 to 11 are asked for with the show, not knowing whether it has them: 97 of 100 shows need no second call."""

K = TypeVar("K")


def appended(parts: Iterable[str]) -> str:
    """The value of ``append_to_response``.

    Raises:
        AssertionError: more than TMDB takes; that is a mistake in this module.
    """
    names = list(parts)
    assert len(names) <= SLOTS, f"{len(names)} items to append, TMDB takes {SLOTS}"
    return ",".join(names)


def shares(items: Sequence[K], size: int) -> list[Sequence[K]]:
    """``items`` in shares of at most ``size``.

    >>> shares([1, 2, 3], 2)
    [[1, 2], [3]]
    """
    return [items[start : start + size] for start in range(0, len(items), size)]


class Tmdb:
    """TMDB as one step uses it; see :class:`tasks.providers.provider.Provider`.

    Args:
        max_age: answers in the store that are younger are not asked for again.

    Raises:
        KeyRefused: there is no token, or it has characters that no token has.
    """

    name = tmdb_rows.PROVIDER

    def __init__(
        self, settings: ScrapeSettings, answers: Answers, token: SecretStr | None, *, max_age: timedelta
    ) -> None:
        self.usage = Usage()
        self._settings = settings
        self._answers = answers
        self._max_age = max_age
        self._headers = {"Authorization": f"Bearer {_checked(token)}"}
        self._base_url = settings.base_url.rstrip("/")
        base = settings.language.partition("-")[0]
        self._pictures = ",".join(dict.fromkeys((base, "en", "null")))
        self._videos = ",".join(dict.fromkeys((base, "en")))
        self._policy = Policy(
            provider=self.name,
            connections=settings.connections,
            timeout_s=settings.timeout_s,
            attempts=settings.attempts,
            backoff_s=settings.backoff_s,
            rate_hz=settings.rate_hz,
            pace_folder=settings.pace_folder,
            busy_code=BUSY_CODE,
        )

    async def search(self, kind: str, title: str, year: int | None) -> Answer:
        """The first 20 titles that TMDB finds; with a year only those of that year, whatever else fits."""
        # ``year`` means a release anywhere in that year; primary_release_year would miss festival years and re-cuts.
        years = {"year": year} if kind == "movie" else {"first_air_date_year": year}
        return await self._ask(
            f"/search/{_PATHS[kind]}",
            {"query": title, **{name: str(value) for name, value in years.items() if value is not None}},
        )

    async def details(self, kind: str, provider_id: str) -> Answer:
        """One movie with all its parts, or one show with all its parts and its first seasons."""
        parts = MOVIE_PARTS if kind == "movie" else (*SHOW_PARTS, *_seasons(range(BLIND_SEASONS)))
        return await self._ask(
            f"/{_PATHS[kind]}/{_path_part(provider_id)}",
            {
                "append_to_response": appended(parts),
                "include_image_language": self._pictures,
                "include_video_language": self._videos,
            },
        )

    async def details_by_imdb(self, kind: str, imdb_id: str) -> Answer:
        """A movie's details at once, which are kept under its own id too; for a show what ``/find`` says."""
        if kind == "movie":
            return await self.details(kind, imdb_id)
        return await self._ask(f"/find/{_path_part(imdb_id)}", {"external_source": "imdb_id"})

    async def find_show_by_tvdb(self, tvdb_id: int) -> Answer:
        """What ``/find`` says about a TVDB id."""
        return await self._ask(f"/find/{tvdb_id}", {"external_source": "tvdb_id"})

    async def seasons(self, provider_id: str, numbers: Sequence[int]) -> list[Answer]:
        """The seasons of a show with these numbers, 20 a call."""
        return [
            await self._ask(f"/tv/{_path_part(provider_id)}", {"append_to_response": appended(_seasons(share))})
            for share in shares(numbers, SLOTS)
        ]

    async def collection(self, provider_id: str) -> Answer:
        """A collection; its pictures come with it, although TMDB's documents do not say so."""
        return await self._ask(
            f"/collection/{_path_part(provider_id)}",
            {"append_to_response": appended(COLLECTION_PARTS), "include_image_language": self._pictures},
        )

    async def configuration(self) -> Answer:
        """How TMDB is set up; see :meth:`image_base_url`."""
        return await self._ask("/configuration", {}, in_language=False)

    def image_base_url(self, configuration: Answer) -> str:
        """Address that sizes and paths of pictures follow, as ``https://image.tmdb.org/t/p/``.

        Raises:
            AnswerInvalid: the configuration names none.
        """
        with self._forgotten_if_invalid(configuration):
            images = mapping(configuration.document().get("images"))
            found = text(images.get("secure_base_url")) or text(images.get("base_url"))
            if found is None or not found.startswith(("https://", "http://")):
                raise AnswerInvalid(item=configuration.url, reason="the configuration names no address of pictures")
            return found.rstrip("/") + "/"

    def candidates(self, kind: str, answer: Answer) -> list[Candidate]:
        """The titles in an answer: results of a search, of ``/find``, or the one title that its details are about."""
        with self._forgotten_if_invalid(answer):
            document = answer.document()
        found = (
            [document]
            if "id" in document
            else objects(document.get("results")) + objects(document.get(f"{_PATHS[kind]}_results"))
        )
        return [candidate for entry in found if (candidate := tmdb_rows.candidate(entry)) is not None]

    def keep_under_id(self, kind: str, provider_id: str, details: Answer) -> None:
        """Let details that were asked for by an IMDb id answer the question by TMDB's id, which comes later."""
        asked, _, query = details.url.partition("?")
        folder = safe_url(f"{self._base_url}/{_PATHS[kind]}/")
        own = folder + _path_part(provider_id)
        if asked.startswith(folder) and asked != own:  # what /find says is no details
            self._answers.store.alias(details, f"{own}?{query}")

    def later_seasons(self, kind: str, details: Answer) -> list[int]:
        """Numbers of the seasons that details name but were not asked for."""
        if kind == "movie":
            return []
        with self._forgotten_if_invalid(details):
            return [n for n in tmdb_rows.season_numbers(details.document()) if n >= BLIND_SEASONS]

    def title_facts(self, kind: str, title_id: str, details: Answer, seasons: Sequence[Answer]) -> Facts:
        """Rows of everything that answers say about one title."""
        later = []
        for answer in seasons:
            with self._forgotten_if_invalid(answer):
                later.append(answer.document())
        with self._forgotten_if_invalid(details):
            context = tmdb_rows.Context(
                owner_id=title_id,
                language=self._settings.language,
                country=self._settings.country,
                fetched_at=details.fetched_at,
                url=details.url,
            )
            if kind == "movie":
                return tmdb_rows.movie_rows(details.document(), context)
            return tmdb_rows.show_rows(details.document(), later, context)

    def collection_facts(self, collection_id: str, answer: Answer) -> Facts:
        """Rows of everything that an answer says about one collection."""
        with self._forgotten_if_invalid(answer):
            context = tmdb_rows.Context(
                owner_id=collection_id,
                language=self._settings.language,
                country=self._settings.country,
                fetched_at=answer.fetched_at,
                url=answer.url,
            )
            return tmdb_rows.collection_rows(answer.document(), context)

    def flush(self) -> None:
        """Commit the answers that are not yet on disk."""
        self._answers.store.flush()

    async def _ask(self, path: str, query: dict[str, str], *, in_language: bool = True) -> Answer:
        if in_language:
            query = {**query, "language": self._settings.language}
        mark = "?" if query else ""
        return await self._answers.fetch(
            f"{self._base_url}{path}{mark}{urlencode(query, safe=',/', quote_via=quote)}",
            policy=self._policy,
            headers=self._headers,
            max_age=self._max_age,
            usage=self.usage,
        )

    @contextmanager
    def _forgotten_if_invalid(self, answer: Answer) -> Iterator[None]:
        """What turns out to be no answer is dropped from the store, so that it is asked for again."""
        try:
            yield
        except AnswerInvalid:
            self._answers.store.forget(answer.url)
            raise


def tmdb_in(data_dir: str | Path, settings: ScrapeSettings, *, max_age_days: float) -> Tmdb:
    """TMDB with the answers kept in ``data_dir`` and the token of this process.

    Raises:
        KeyRefused: there is no token that could be sent.
        SettingsRefused: the token is of the kind that travels in addresses.
        StorageFull: there is no room for the store.
    """
    answers = answers_in(data_dir, is_shared=settings.pace_folder is not None)
    return Tmdb(settings, answers, token_of("tmdb"), max_age=timedelta(days=max_age_days))


_PATHS = {"movie": "movie", "show": "tv"}


def _seasons(numbers: Iterable[int]) -> list[str]:
    return [f"{tmdb_rows.SEASON_PREFIX}{number}" for number in numbers]


def _path_part(provider_id: str) -> str:
    """An id inside a path: it may come from a file name, so nothing in it may change the path."""
    return quote(provider_id, safe="")


def _checked(token: SecretStr | None) -> str:
    variable = VARIABLES["tmdb"]
    if token is None:
        raise KeyRefused(f"there is no TMDB token: set {variable}")
    found = token.get_secret_value()
    if not re.fullmatch(r"[\x21-\x7e]+", found):  # httpx would name the token in its complaint
        raise KeyRefused(f"{variable} holds characters that no TMDB token has")
    return found
