"""The parts of TMDB's answers that can be appended: credits, images, translations and the like. Pure.

Each function gives the part as it stands inside the details, without an ``id``; asked for at its own address it gets
one (``tasks.standin.answers``). Shapes after the official OpenAPI document, with the nulls of recorded answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from tasks.standin import words
from tasks.standin.catalogue import imdb_id
from tasks.standin.generated import generated_credits, person
from tasks.standin.picture_lists import Owner, image_object, object_id, owner_name, pictures, profile_path
from tasks.standin.titles import Collection, Credit, Film, Show
from tasks.standin.tmdb_lists import LANGUAGES

Json = dict[str, Any]
TVDB_BASE = 90_000_000


@dataclass(frozen=True)
class Wish:
    """What a request asks for besides the title."""

    language: str = "en"
    """ISO 639-1 code; the country of ``de-AT`` is not looked at."""
    filters_language: bool = False
    """Whether the request named a language, which then also filters images."""
    image_languages: tuple[str, ...] | None = None
    """``include_image_language``; "null" stands for pictures without words."""
    video_languages: tuple[str, ...] | None = None
    appended: tuple[str, ...] = ()


def text_of(owner: Owner, language: str) -> tuple[str, str, str]:
    """Title, overview and tagline in a language.

    A title without a translation keeps its original title, and its texts are empty, as at TMDB.
    """
    if isinstance(owner, Collection):
        if language == "en":
            return owner.name, owner.overview, ""
        found = owner.translations.get(language)
        return (found.title or owner.name, found.overview, "") if found else (owner.name, "", "")
    if language == "en":
        return owner.title, owner.overview, owner.tagline
    found = owner.translations.get(language)
    if found is None:
        return owner.original_title, "", ""
    return found.title or owner.original_title, found.overview, found.tagline


def day(value: date | None) -> str:
    """A day as TMDB writes it; empty where it is not known."""
    return value.isoformat() if value else ""


def person_object(person_id: int) -> Json:
    """The fields that every credit has."""
    who = person(person_id)
    return {
        "adult": False,
        "gender": who.gender,
        "id": person_id,
        "known_for_department": None if person_id % 29 == 0 else "Acting",
        "name": who.name,
        "original_name": who.name,
        "popularity": who.popularity,
        "profile_path": profile_path(person_id),
    }


def cast_and_crew(owner: Film | Show) -> tuple[list[Credit], list[Credit]]:
    """Who plays in a title, and who made it."""
    everybody = owner.credits or generated_credits(owner.id)
    return [c for c in everybody if c.job is None], [c for c in everybody if c.job is not None]


def credits(owner: Owner, _wish: Wish) -> Json:
    """``credits`` of a film or a show."""
    assert isinstance(owner, Film | Show)
    cast, crew = cast_and_crew(owner)
    return {
        "cast": [
            {
                **person_object(c.person_id),
                **({"cast_id": order + 1} if isinstance(owner, Film) else {}),
                "character": c.character or "",
                "credit_id": object_id("cast", owner_name(owner), c.person_id),
                "order": order,
            }
            for order, c in enumerate(cast)
        ],
        "crew": [
            {
                **person_object(c.person_id),
                "credit_id": object_id("crew", owner_name(owner), c.person_id, c.job),
                "department": c.department,
                "job": c.job,
            }
            for c in crew
        ],
    }


def aggregate_credits(owner: Owner, _wish: Wish) -> Json:
    """``aggregate_credits`` of a show: one entry a person, with all roles or jobs."""
    assert isinstance(owner, Show)
    cast, crew = cast_and_crew(owner)
    count = len(owner.episodes())
    jobs: dict[tuple[int, str], list[Json]] = {}
    for c in crew:
        jobs.setdefault((c.person_id, c.department), []).append(
            {
                "credit_id": object_id("crew", owner_name(owner), c.person_id, c.job),
                "job": c.job,
                "episode_count": count,
            }
        )
    return {
        "cast": [
            {
                **person_object(c.person_id),
                "roles": [
                    {
                        "credit_id": object_id("cast", owner_name(owner), c.person_id),
                        "character": c.character or "",
                        "episode_count": max(1, count - order),
                    }
                ],
                "total_episode_count": max(1, count - order),
                "order": order,
            }
            for order, c in enumerate(cast)
        ],
        "crew": [
            {**person_object(who), "jobs": done, "department": department, "total_episode_count": count}
            for (who, department), done in jobs.items()
        ],
    }


def release_dates(owner: Owner, _wish: Wish) -> Json:
    """``release_dates`` of a film by country; type 1 is a premiere, 3 theatrical."""
    assert isinstance(owner, Film)
    if owner.released_on is None:
        return {"results": []}

    def release(when: date, kind: int, certification: str, note: str = "") -> Json:
        return {
            "certification": certification,
            "descriptors": [],
            "iso_639_1": "",
            "note": note,
            "release_date": f"{when.isoformat()}T00:00:00.000Z",
            "type": kind,
        }

    home = [release(owner.released_on, 3, owner.certification if owner.country == "US" else "")]
    if owner.premiered_on:
        home.insert(0, release(owner.premiered_on, 1, "", "Festival of Lost Reels"))
    countries = {owner.country: home, "DE": [release(owner.released_on, 3, "12")]}
    if owner.country != "US":
        countries["US"] = [release(owner.released_on, 3, owner.certification)]
    return {"results": [{"iso_3166_1": code, "release_dates": dates} for code, dates in sorted(countries.items())]}


def content_ratings(owner: Owner, _wish: Wish) -> Json:
    """``content_ratings`` of a show."""
    assert isinstance(owner, Show)
    ratings = {"DE": "12", "US": owner.rating}
    return {"results": [{"descriptors": [], "iso_3166_1": country, "rating": r} for country, r in ratings.items() if r]}


def videos(owner: Owner, wish: Wish) -> Json:
    """``videos``: a trailer in English, and one in German where there is a translation."""
    name, _, _ = text_of(owner, "en")
    languages = ["en"] if owner.id % 5 else []
    if "de" in owner.translations:
        languages.append("de")
    asked = wish.video_languages or (wish.language,)
    return {
        "results": [
            {
                "iso_639_1": language,
                "iso_3166_1": LANGUAGES[language][0],
                "name": f"{name}: {kind}",
                "key": f"-{object_id('video', owner, language, kind)[:10]}",
                "site": "YouTube",
                "size": 1080,
                "type": kind,
                "official": kind == "Trailer",
                "published_at": "2019-03-05T02:03:14.000Z",
                "id": object_id("videoid", owner_name(owner), language, kind),
            }
            for language in languages
            for kind in ("Trailer", "Teaser")
            if language in asked
        ]
    }


def external_ids(owner: Owner, _wish: Wish) -> Json:
    """``external_ids``; shows have ids of more services than films."""
    assert isinstance(owner, Film | Show)
    social = {
        "facebook_id": f"title{owner.id}" if owner.drawn else None,
        "instagram_id": None,
        "twitter_id": "" if owner.id % 4 == 0 else None,
    }
    if isinstance(owner, Film):
        return {"imdb_id": imdb_id(owner.imdb_number), "wikidata_id": None, **social}
    return {
        "imdb_id": imdb_id(owner.imdb_number),
        "freebase_mid": None,
        "freebase_id": None,
        "tvdb_id": TVDB_BASE + owner.id,
        "tvrage_id": None,
        "wikidata_id": None,
        **social,
    }


def keywords(owner: Owner, _wish: Wish) -> Json:
    """``keywords``: films call the list ``keywords``, shows call it ``results``."""
    count = len(words.KEYWORDS)
    chosen = sorted({(owner.id * step) % count for step in (1, 5, 7)})
    listed = [{"id": 700_000 + n, "name": words.KEYWORDS[n]} for n in chosen]
    return {"keywords": listed} if isinstance(owner, Film) else {"results": listed}


def translations(owner: Owner, _wish: Wish) -> Json:
    """``translations``; a title that is the same as the original one is empty, as are texts nobody has written."""
    english, overview, tagline = text_of(owner, "en")
    original = english if isinstance(owner, Collection) else owner.original_title
    texts = {language: (t.title, t.overview, t.tagline) for language, t in owner.translations.items()}
    texts["en"] = ("" if english == original else english, overview, tagline)

    def data(title: str, text: str, line: str) -> Json:
        homepage = owner.homepage if isinstance(owner, Film | Show) else ""
        if isinstance(owner, Film):
            return {
                "homepage": homepage,
                "overview": text,
                "runtime": owner.runtime_min,
                "tagline": line,
                "title": title,
            }
        if isinstance(owner, Show):
            return {"name": title, "overview": text, "homepage": homepage, "tagline": line}
        return {"title": title, "overview": text, "homepage": homepage}

    return {
        "translations": [
            {
                "iso_3166_1": LANGUAGES[language][0],
                "iso_639_1": language,
                "name": LANGUAGES[language][2],
                "english_name": LANGUAGES[language][1],
                "data": data(*text),
            }
            for language, text in sorted(texts.items())
        ]
    }


def images(owner: Owner, wish: Wish) -> Json:
    """``images``: all, or those of the languages of ``include_image_language``, or those of ``language``."""
    kinds = {"backdrops": "backdrop", "logos": "logo", "posters": "poster"}
    if isinstance(owner, Collection):
        del kinds["logos"]

    def is_wanted(language: str | None) -> bool:
        if wish.image_languages is not None:
            return (language or "null") in wish.image_languages
        return not wish.filters_language or language == wish.language

    return {
        name: [image_object(p) for p in pictures(owner, kind) if is_wanted(p.language)] for name, kind in kinds.items()
    }


def alternative_titles(owner: Owner, _wish: Wish) -> Json:
    """``alternative_titles``: films call the list ``titles``, shows call it ``results``."""
    assert isinstance(owner, Film | Show)
    listed = [{"iso_3166_1": country, "title": title, "type": ""} for country, title in owner.alternative_titles]
    return {"titles": listed} if isinstance(owner, Film) else {"results": listed}


Block = Callable[[Owner, Wish], Json]
FILM_BLOCKS: Mapping[str, Block] = MappingProxyType(
    {
        "credits": credits,
        "release_dates": release_dates,
        "videos": videos,
        "external_ids": external_ids,
        "keywords": keywords,
        "translations": translations,
        "images": images,
        "alternative_titles": alternative_titles,
    }
)
SHOW_BLOCKS: Mapping[str, Block] = MappingProxyType(
    {
        "credits": credits,
        "aggregate_credits": aggregate_credits,
        "content_ratings": content_ratings,
        "videos": videos,
        "external_ids": external_ids,
        "keywords": keywords,
        "translations": translations,
        "images": images,
        "alternative_titles": alternative_titles,
    }
)
COLLECTION_BLOCKS: Mapping[str, Block] = MappingProxyType({"images": images, "translations": translations})
