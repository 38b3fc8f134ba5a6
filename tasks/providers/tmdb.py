"""How TMDB v3 is asked: which addresses, in which language, and with whose key.

Facts used (https://developer.themoviedb.org/docs, and recorded answers, November 2026): ``append_to_response`` takes 20
items; seasons can be appended to a show, and one that does not exist is silently left out; a movie can be asked for by
its IMDb id; a show cannot, so ``/find`` gives its id first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from pydantic import SecretStr

from tasks.core.errors import AnswerInvalid, KeyRefused
from tasks.core.secrets import VARIABLES, token_of
from tasks.core.settings import ScrapeSettings
from tasks.http.answers import Source, UnkeptAnswers, answers_in
from tasks.http.client import Policy, Usage, safe_url
from tasks.http.store import Answer
from tasks.providers import tmdb_rows
from tasks.providers.json_values import mapping, objects, text
from tasks.providers.provider import Candidate, Facts
from tasks.providers.tmdb_requests import SLOTS, appended, season_parts, season_requests, title_requests

BUSY_CODE = 25
"""``status_code`` of "Your request count is over the allowed limit"."""

K = TypeVar("K")


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
        self, settings: ScrapeSettings, answers: Source, token: SecretStr | None, *, max_age: timedelta
    ) -> None:
        self.usage = Usage()
        self._settings = settings
        self._answers = answers
        self._max_age = max_age
        self._headers = {"Authorization": f"Bearer {_checked(token)}"}
        self._base_url = settings.base_url.rstrip("/")
        base = settings.language.partition("-")[0]
        languages = {
            "include_image_language": ",".join(dict.fromkeys((base, "en", "null"))),
            "include_video_language": ",".join(dict.fromkeys((base, "en"))),
        }
        self._titles = title_requests(settings, self, languages)
        self._seasons = season_requests(settings, self)
        self._policy = Policy(
            provider=self.name,
            connections=settings.connections,
            timeout_s=settings.timeout_s,
            attempts=settings.attempts,
            backoff_s=settings.backoff_s,
            rate_hz=settings.rate_hz,
            pace_folder=settings.pace_folder,
            busy_code=BUSY_CODE,
            clients=settings.clients,
        )

    async def search(self, kind: str, title: str, year: int | None) -> Answer:
        """The first 20 titles that TMDB finds; with a year only those of that year, whatever else fits."""
        # ``year`` means a release anywhere in that year; primary_release_year would miss festival years and re-cuts.
        years = {"year": year} if kind == "movie" else {"first_air_date_year": year}
        return await self.ask(
            f"/search/{_PATHS[kind]}",
            {"query": title, **{name: str(value) for name, value in years.items() if value is not None}},
        )

    async def head(self, kind: str, provider_id: str) -> Answer:
        """Enough of a movie or show for a match; where all of it is one request, the same answer as :meth:`details`."""
        return await self._titles.head(_path(kind, provider_id))

    async def details(self, kind: str, provider_id: str) -> Answer:
        """One movie with all its parts, or one show with all its parts and at least its first seasons."""
        path = _path(kind, provider_id)
        found = await self._titles.whole(path)
        return await self._seasons.put_in(path, found) if kind == "show" else found

    async def details_by_imdb(self, kind: str, imdb_id: str) -> Answer:
        """A movie's head, which is kept under its own id too; for a show what ``/find`` says."""
        if kind == "movie":
            return await self.head(kind, imdb_id)
        return await self.ask(f"/find/{_path_part(imdb_id)}", {"external_source": "imdb_id"})

    async def find_show_by_tvdb(self, tvdb_id: int) -> Answer:
        """What ``/find`` says about a TVDB id."""
        return await self.ask(f"/find/{tvdb_id}", {"external_source": "tvdb_id"})

    async def seasons(self, provider_id: str, numbers: Sequence[int]) -> list[Answer]:
        """The seasons of a show with these numbers, 20 a call."""
        return [
            await self.ask(_path("show", provider_id), {"append_to_response": appended(season_parts(share))})
            for share in shares(numbers, SLOTS)
        ]

    async def collection(self, provider_id: str) -> Answer:
        """A collection; its pictures come with it, although TMDB's documents do not say so."""
        return await self._titles.whole(_path("collection", provider_id))

    async def configuration(self) -> Answer:
        """How TMDB is set up; see :meth:`image_base_url`."""
        return await self.ask("/configuration", {}, in_language=False)

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
        document = self.read(answer)
        found = (
            [document]
            if "id" in document
            else objects(document.get("results")) + objects(document.get(f"{_PATHS[kind]}_results"))
        )
        return [candidate for entry in found if (candidate := tmdb_rows.candidate(entry)) is not None]

    def keep_under_id(self, kind: str, provider_id: str, head: Answer) -> None:
        """Let a head that was asked for by an IMDb id answer the question by TMDB's id, which comes later."""
        asked, _, query = head.url.partition("?")
        folder = safe_url(f"{self._base_url}/{_PATHS[kind]}/")
        own = folder + _path_part(provider_id)
        if asked.startswith(folder) and asked != own:  # what /find says is no details
            self._answers.keep_also(head, f"{own}?{query}")

    def later_seasons(self, kind: str, details: Answer) -> list[int]:
        """Numbers of the seasons that details name but were not asked for."""
        return self._seasons.left(details) if kind == "show" else []

    def title_facts(self, kind: str, title_id: str, details: Answer, seasons: Sequence[Answer]) -> Facts:
        """Rows of everything that answers say about one title."""
        later = [self.read(answer) for answer in seasons]
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
        self._answers.flush()

    async def ask(self, path: str, query: Mapping[str, str], *, in_language: bool = True) -> Answer:
        """The answer to one request, in the language of the settings or in none.

        Raises:
            RefreshError: see :meth:`tasks.http.answers.Source.fetch`.
        """
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

    def read(self, answer: Answer) -> dict[str, Any]:
        """The document in ``answer``.

        Raises:
            AnswerInvalid: there is none; it will be asked for again.
        """
        with self._forgotten_if_invalid(answer):
            return answer.document()

    @contextmanager
    def _forgotten_if_invalid(self, answer: Answer) -> Iterator[None]:
        """What turns out to be no answer is dropped from the store, so that it is asked for again."""
        try:
            yield
        except AnswerInvalid:
            for source in answer.sources:
                self._answers.forget(source)
            raise


def tmdb_in(data_dir: str | Path, settings: ScrapeSettings, *, max_age_days: float) -> Tmdb:
    """TMDB with the answers kept in ``data_dir``, if any are kept, and the token of this process.

    Raises:
        KeyRefused: there is no token that could be sent.
        SettingsRefused: the token is of the kind that travels in addresses.
        StorageFull: there is no room for the store.
    """
    answers: Source = UnkeptAnswers()
    if settings.keep_answers:
        answers = answers_in(data_dir, is_shared=settings.pace_folder is not None)
    return Tmdb(settings, answers, token_of("tmdb"), max_age=timedelta(days=max_age_days))


_PATHS = {"movie": "movie", "show": "tv", "collection": "collection"}


def _path(kind: str, provider_id: str) -> str:
    return f"/{_PATHS[kind]}/{_path_part(provider_id)}"


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
