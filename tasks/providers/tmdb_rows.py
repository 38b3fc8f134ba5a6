"""What an answer of TMDB means: documents in, rows of ``tasks.schema.titles`` out. Pure.

Shapes: https://developer.themoviedb.org/openapi/tmdb-api.json (November 2026), read with every field nullable. Lists
may name the same thing twice, credits above all; the first one holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from statistics import median_low
from typing import Any

from tasks.core.errors import AnswerInvalid
from tasks.core.ids import title_id as id_of
from tasks.providers.json_values import count, day, mapping, number, objects, positive, text, texts, vote, whole
from tasks.providers.provider import Candidate, Facts
from tasks.providers.translations import Texts
from tasks.schema.table import Table
from tasks.schema.titles import (
    AlternativeTitles,
    ArtworkCandidates,
    CollectionParts,
    Collections,
    Credits,
    Episodes,
    ExternalIds,
    People,
    Ratings,
    Seasons,
    TitleCountries,
    TitleGenres,
    TitleKeywords,
    Titles,
    TitleStudios,
    TitleVideos,
)

PROVIDER = "tmdb"
SEASON_PREFIX = "season/"
_THEATRICAL = 3  # type of a release date: 1 premiere, 2 limited, 3 theatrical, 4 digital, 5 physical, 6 TV
_SERVICES = ("imdb", "tvdb", "wikidata", "facebook", "instagram", "twitter")
_PICTURES = (("posters", "poster"), ("backdrops", "backdrop"), ("logos", "logo"))

Row = dict[str, Any]


@dataclass(frozen=True)
class Context:
    """What a reader must know beside the document."""

    owner_id: str
    """Our id of the title or collection, which all rows carry."""
    language: str
    """Language the document was asked for, as ``pt-BR``."""
    country: str
    """Country whose age ratings are kept."""
    fetched_at: datetime
    url: str
    """For errors."""


def candidate(document: dict[str, Any]) -> Candidate | None:
    """A movie or show of a list, or the head of its details; ``None`` where it has no id."""
    provider_id = positive(document.get("id"))
    if provider_id is None:
        return None
    released_on = day(document.get("release_date")) or day(document.get("first_air_date"))
    return Candidate(
        provider_id=str(provider_id),
        title=text(document.get("title")) or text(document.get("name")),
        original_title=text(document.get("original_title")) or text(document.get("original_name")),
        year=released_on.year if released_on else None,
        vote_count=count(document.get("vote_count")) or 0,
    )


def movie_rows(document: dict[str, Any], context: Context) -> Facts:
    """Rows of everything in the details of a movie.

    Raises:
        AnswerInvalid: it has no id or no title of any kind.
    """
    title_id = context.owner_id
    words = Texts(document, language=context.language, field="title", translated_field="title")
    collection = positive(mapping(document.get("belongs_to_collection")).get("id"))
    facts = _common_rows(document, words, context)
    facts[Titles][0] |= {
        "kind": "movie",
        **_released(day(document.get("release_date"))),
        "runtime_min": positive(document.get("runtime")),
        "age_rating": _movie_age_rating(document, context.country),
        "budget_usd": positive(document.get("budget")),
        "revenue_usd": positive(document.get("revenue")),
        "collection_id": id_of("collection", PROVIDER, collection) if collection else None,
    }
    credits = mapping(document.get("credits"))
    facts[Credits] = [
        *_cast_rows(title_id, credits.get("cast")),
        *(_crew_row(title_id, entry, entry, entry.get("department")) for entry in objects(credits.get("crew"))),
    ]
    facts[People] = _people(objects(credits.get("cast")), objects(credits.get("crew")))
    return _tidy(facts)


def show_rows(document: dict[str, Any], rest: Sequence[dict[str, Any]], context: Context) -> Facts:
    """Rows of everything in the details of a show.

    Args:
        rest: answers with seasons that did not fit into the first one.

    Raises:
        AnswerInvalid: it has no id or no title of any kind.
    """
    title_id = context.owner_id
    words = Texts(document, language=context.language, field="name", translated_field="name")
    facts = _common_rows(document, words, context)
    seasons = _seasons([document, *rest])
    heads = {
        number_: head
        for head in objects(document.get("seasons"))
        if (number_ := count(head.get("season_number"))) is not None
    }
    facts[Seasons] = []
    facts[Episodes] = []
    for season_number in sorted(heads.keys() | seasons.keys()):
        season, head = seasons.get(season_number, {}), heads.get(season_number, {})
        facts[Seasons].append(_season_row(title_id, season_number, head, season))
        facts[ArtworkCandidates] += _pictures_of_season(title_id, season_number, head, season)
        for episode in objects(season.get("episodes")):
            facts[Episodes].append(_episode_row(title_id, season_number, episode))
            facts[ArtworkCandidates].append(
                _picture(
                    title_id,
                    "still",
                    episode.get("still_path"),
                    season_number=season_number,
                    episode_number=count(episode.get("episode_number")),
                )
            )
    facts[Titles][0] |= {
        "kind": "show",
        **_released(day(document.get("first_air_date"))),
        "ended_on": day(document.get("last_air_date")),
        "runtime_min": _show_runtime_min(document, facts[Episodes]),
        "age_rating": _show_age_rating(document, context.country),
        "season_count": count(document.get("number_of_seasons")),
        "episode_count": count(document.get("number_of_episodes")),
    }
    credits = mapping(document.get("aggregate_credits"))
    cast, crew = objects(credits.get("cast")), objects(credits.get("crew"))
    creators = objects(document.get("created_by"))
    facts[Credits] = [
        *(row for entry in cast for row in _role_rows(title_id, entry)),
        *(
            _crew_row(title_id, entry, job, entry.get("department"))
            for entry in crew
            for job in objects(entry.get("jobs"))
        ),
        *(_crew_row(title_id, entry, entry | {"job": "Creator"}, "Creator") for entry in creators),
    ]
    facts[People] = _people(cast, crew, creators)
    facts[TitleStudios] += [
        {"title_id": title_id, "studio": text(network.get("name")), "role": "network"}
        for network in objects(document.get("networks"))
    ]
    return _tidy(facts)


def collection_rows(document: dict[str, Any], context: Context) -> Facts:
    """Rows of everything in the answer about a collection.

    Raises:
        AnswerInvalid: it has no name.
    """
    collection_id = context.owner_id
    words = Texts(document, language=context.language, field="name", translated_field="title")
    name = words.title()
    if name is None:
        raise AnswerInvalid(item=context.url, reason="the collection has no name")
    overview, _, _ = words.prose()
    return _tidy(
        {
            Collections: [
                {"collection_id": collection_id, "name": name, "overview": overview, "scraped_at": context.fetched_at}
            ],
            CollectionParts: [
                {
                    "collection_id": collection_id,
                    "title_id": id_of("movie", PROVIDER, part_id) if (part_id := positive(part.get("id"))) else None,
                    "title": text(part.get("title")) or text(part.get("name")),
                    "released_on": day(part.get("release_date")),
                }
                for part in objects(document.get("parts"))
            ],
            ArtworkCandidates: _pictures_of_title(collection_id, document),
        }
    )


def season_numbers(document: dict[str, Any]) -> list[int]:
    """Numbers of all seasons that the details of a show list, in order; they need not follow each other."""
    numbers = {count(season.get("season_number")) for season in objects(document.get("seasons"))}
    return sorted(n for n in numbers if n is not None)


def _common_rows(document: dict[str, Any], words: Texts, context: Context) -> Facts:
    """What movies and shows have in common; ``Titles`` has one row, which the caller completes."""
    title_id = context.owner_id
    provider_id = positive(document.get("id"))
    title = words.title()
    if provider_id is None or title is None:
        raise AnswerInvalid(item=context.url, reason="the answer has no id or no title")
    overview, tagline, text_language = words.prose()
    adult = document.get("adult")
    ids = mapping(document.get("external_ids"))
    average = vote(document.get("vote_average"), document.get("vote_count"))
    keywords = mapping(document.get("keywords"))
    alternatives = mapping(document.get("alternative_titles"))
    return {
        Titles: [
            {
                "title_id": title_id,
                "title": title,
                "original_title": text(document.get("original_title")) or text(document.get("original_name")),
                "original_language": text(document.get("original_language")),
                "overview": overview,
                "text_language": text_language,
                "tagline": tagline,
                "status": text(document.get("status")),
                "popularity": number(document.get("popularity")),
                "homepage": text(document.get("homepage")),
                "is_adult": adult if isinstance(adult, bool) else None,
                "scraped_at": context.fetched_at,
            }
        ],
        ExternalIds: [
            {"title_id": title_id, "service": PROVIDER, "external_id": str(provider_id)},
            *(
                {"title_id": title_id, "service": service, "external_id": _as_id(ids.get(f"{service}_id"))}
                for service in _SERVICES
            ),
            {"title_id": title_id, "service": "imdb", "external_id": text(document.get("imdb_id"))},
        ],
        Ratings: [
            {
                "title_id": title_id,
                "source": PROVIDER,
                "value": average,
                "vote_count": count(document.get("vote_count")),
            }
        ]
        if average is not None
        else [],
        TitleGenres: [{"title_id": title_id, "genre": text(g.get("name"))} for g in objects(document.get("genres"))],
        TitleStudios: [
            {"title_id": title_id, "studio": text(studio.get("name")), "role": "production"}
            for studio in objects(document.get("production_companies"))
        ],
        TitleCountries: [
            {"title_id": title_id, "country": code}
            for code in (
                *texts(document.get("origin_country")),
                *(text(c.get("iso_3166_1")) for c in objects(document.get("production_countries"))),
            )
        ],
        TitleKeywords: [
            {"title_id": title_id, "keyword": text(keyword.get("name"))}
            for keyword in objects(keywords.get("keywords")) + objects(keywords.get("results"))  # movies, shows
        ],
        TitleVideos: [
            {
                "title_id": title_id,
                "video_id": text(video.get("id")),
                "site": text(video.get("site")),
                "site_key": text(video.get("key")),
                "kind": text(video.get("type")),
                "name": text(video.get("name")),
                "language": text(video.get("iso_639_1")),
                "is_official": official if isinstance(official := video.get("official"), bool) else None,
            }
            for video in objects(mapping(document.get("videos")).get("results"))
        ],
        AlternativeTitles: [
            {
                "title_id": title_id,
                "country": text(alternative.get("iso_3166_1")),
                "alternative_title": text(alternative.get("title")),
            }
            for alternative in objects(alternatives.get("titles")) + objects(alternatives.get("results"))
        ],
        ArtworkCandidates: _pictures_of_title(title_id, document),
    }


def _tidy(facts: Facts) -> Facts:
    """Leave out rows without a value that their table demands, and all but the first with the same key."""
    tidy: Facts = {}
    for table, rows in facts.items():
        demanded, key = _demands(table)
        by_key: dict[tuple[Any, ...], Row] = {}
        for row in rows:
            if all(row.get(name) is not None for name in demanded):
                by_key.setdefault(tuple(row.get(name) for name in key), row)
        tidy[table] = list(by_key.values())
    return tidy


@lru_cache
def _demands(table: type[Table]) -> tuple[list[str], list[str]]:
    columns = table.columns()
    return [c.name for c in columns if not c.nullable], [c.name for c in columns if c.key]


def _as_id(value: Any) -> str | None:
    """An id of another service, which is a text or a number."""
    found = positive(value)
    return str(found) if found is not None else text(value)


def _released(released_on: Any) -> Row:
    return {"released_on": released_on, "year": released_on.year if released_on else None}


def _movie_age_rating(document: dict[str, Any], country: str) -> str | None:
    """The rating of the theatrical release in ``country``, else of any other release there."""
    found: list[tuple[bool, str]] = []
    for entry in objects(mapping(document.get("release_dates")).get("results")):
        if text(entry.get("iso_3166_1")) == country:
            for release in objects(entry.get("release_dates")):
                rating = text(release.get("certification"))
                if rating:
                    found.append((whole(release.get("type")) != _THEATRICAL, rating))
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _show_age_rating(document: dict[str, Any], country: str) -> str | None:
    for entry in objects(mapping(document.get("content_ratings")).get("results")):
        if text(entry.get("iso_3166_1")) == country and (rating := text(entry.get("rating"))):
            return rating
    return None


def _show_runtime_min(document: dict[str, Any], episodes: Sequence[Row]) -> int | None:
    """The running time TMDB states; it leaves the list empty for most shows now, so else that of a middling episode."""
    stated = document.get("episode_run_time")
    first = positive(stated[0]) if isinstance(stated, list) and stated else None
    regular = [e["runtime_min"] for e in episodes if e["season_number"] and e["runtime_min"]]
    return first or (median_low(regular) if regular else None)


def _seasons(documents: Iterable[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """Season number -> season, from the appended blocks ``season/1``; TMDB leaves out a season that does not exist."""
    found: dict[int, dict[str, Any]] = {}
    for document in documents:
        for name, block in document.items():
            number_text = name.removeprefix(SEASON_PREFIX)
            if name.startswith(SEASON_PREFIX) and number_text.isdecimal() and isinstance(block, dict):
                found.setdefault(int(number_text), block)
    return found


def _season_row(title_id: str, season_number: int, head: Row, season: Row) -> Row:
    episodes = objects(season.get("episodes"))
    return {
        "title_id": title_id,
        "season_number": season_number,
        "name": text(season.get("name")) or text(head.get("name")),
        "overview": text(season.get("overview")) or text(head.get("overview")),
        "aired_on": day(season.get("air_date")) or day(head.get("air_date")),
        "episode_count": len(episodes) if season else count(head.get("episode_count")),
    }


def _episode_row(title_id: str, season_number: int, episode: dict[str, Any]) -> Row:
    return {
        "title_id": title_id,
        "season_number": season_number,
        "episode_number": count(episode.get("episode_number")),
        "tmdb_id": positive(episode.get("id")),
        "title": text(episode.get("name")),
        "overview": text(episode.get("overview")),
        "aired_on": day(episode.get("air_date")),
        "runtime_min": positive(episode.get("runtime")),
        "episode_type": text(episode.get("episode_type")),
        "vote_average": vote(episode.get("vote_average"), episode.get("vote_count")),
        "vote_count": count(episode.get("vote_count")),
    }


def _person_id(entry: dict[str, Any]) -> str | None:
    found = positive(entry.get("id"))
    return id_of("person", PROVIDER, found) if found and text(entry.get("name")) else None


def _people(*lists: Iterable[dict[str, Any]]) -> list[Row]:
    return [
        {
            "person_id": _person_id(entry),
            "name": text(entry.get("name")),
            "known_for_department": text(entry.get("known_for_department")),
            "profile_path": text(entry.get("profile_path")),
        }
        for entries in lists
        for entry in entries
    ]


def _cast_rows(title_id: str, cast: Any) -> list[Row]:
    return [
        {
            "title_id": title_id,
            "credit_id": text(entry.get("credit_id")),
            "person_id": _person_id(entry),
            "department": "Cast",
            "character": text(entry.get("character")),
            "billing_order": count(entry.get("order")),
        }
        for entry in objects(cast)
    ]


def _role_rows(title_id: str, entry: dict[str, Any]) -> list[Row]:
    """One credit a role: an actor of a show may have several."""
    return [
        {
            "title_id": title_id,
            "credit_id": text(role.get("credit_id")),
            "person_id": _person_id(entry),
            "department": "Cast",
            "character": text(role.get("character")),
            "billing_order": count(entry.get("order")),
            "episode_count": count(role.get("episode_count")),
        }
        for role in objects(entry.get("roles"))
    ]


def _crew_row(title_id: str, person: dict[str, Any], job: dict[str, Any], department: Any) -> Row:
    return {
        "title_id": title_id,
        "credit_id": text(job.get("credit_id")),
        "person_id": _person_id(person),
        "department": text(department) or "Crew",
        "job": text(job.get("job")),
        "episode_count": count(job.get("episode_count")),
    }


def _pictures_of_title(owner_id: str, document: dict[str, Any]) -> list[Row]:
    """All pictures that are listed, then the two that TMDB shows, which the lists leave out for other languages."""
    images = mapping(document.get("images"))
    return [
        *(
            _picture(owner_id, kind, image.get("file_path"), image)
            for listed, kind in _PICTURES
            for image in objects(images.get(listed))
        ),
        _picture(owner_id, "poster", document.get("poster_path")),
        _picture(owner_id, "backdrop", document.get("backdrop_path")),
    ]


def _pictures_of_season(owner_id: str, season_number: int, *seasons: dict[str, Any]) -> list[Row]:
    return [_picture(owner_id, "poster", s.get("poster_path"), season_number=season_number) for s in seasons]


def _picture(
    owner_id: str,
    kind: str,
    path: Any,
    image: dict[str, Any] | None = None,
    *,
    season_number: int | None = None,
    episode_number: int | None = None,
) -> Row:
    image = image or {}
    language = text(image.get("iso_639_1"))
    return {
        "owner_id": owner_id,
        "season_number": season_number,
        "episode_number": episode_number,
        "kind": kind,
        "provider": PROVIDER,
        "source_path": text(path),
        "language": None if language == "xx" else language,  # TMDB's code for "no language", beside null
        "width_px": positive(image.get("width")),
        "height_px": positive(image.get("height")),
        "vote_average": vote(image.get("vote_average"), image.get("vote_count")),
        "vote_count": count(image.get("vote_count")),
    }
