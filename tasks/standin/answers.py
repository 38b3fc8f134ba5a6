"""Whole answers of TMDB's API v3, in its shapes, from the catalogue. Pure.

Sources: the official OpenAPI document (developer.themoviedb.org/openapi/tmdb-api.json) for the fields, recorded answers
for what it does not say: which fields are null, that ``softcore`` and ``iso_3166_1`` exist, that an appended season has
``_id`` but no ``id``, that a season which does not exist is left out silently, that 21 appended parts are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tasks.standin import words
from tasks.standin.blocks import (
    COLLECTION_BLOCKS,
    FILM_BLOCKS,
    SHOW_BLOCKS,
    TVDB_BASE,
    Block,
    Json,
    Wish,
    cast_and_crew,
    day,
    person_object,
    text_of,
)
from tasks.standin.catalogue import Catalogue, imdb_id
from tasks.standin.generated import FIRST_PERSON_ID, PERSON_COUNT, person
from tasks.standin.picture_lists import (
    Owner,
    best_path,
    company_logo_path,
    object_id,
    profile_path,
    season_poster_path,
    still_path,
)
from tasks.standin.titles import Collection, Episode, Film, Season, Show
from tasks.standin.tmdb_lists import CHANGE_KEYS, COUNTRIES, LANGUAGES, MOVIE_GENRES, PAGE_SIZE, SHOW_GENRES, SIZES

SEASON_WORDS = {"cs": "{}. sezóna", "de": "Staffel {}", "en": "Season {}", "es": "Temporada {}", "fr": "Saison {}"}
EPISODE_WORDS = {"cs": "{}. epizoda", "de": "Folge {}", "en": "Episode {}", "es": "Episodio {}", "fr": "Épisode {}"}


def configuration(image_url: str) -> Json:
    """``/configuration``, which names the image host."""
    return {
        "images": {
            "base_url": image_url,
            "secure_base_url": image_url,
            **{f"{kind}_sizes": list(SIZES[kind]) for kind in ("backdrop", "logo", "poster", "profile", "still")},
        },
        "change_keys": list(CHANGE_KEYS),
    }


def movie_summary(film: Film, wish: Wish) -> Json:
    """A film in a list."""
    title, overview, _ = text_of(film, wish.language)
    return {
        "adult": False,
        "backdrop_path": best_path(film, "backdrop", wish.language),
        "genre_ids": list(film.genre_ids),
        "id": film.id,
        "title": title,
        "original_language": film.original_language,
        "original_title": film.original_title,
        "overview": overview,
        "popularity": film.popularity,
        "poster_path": best_path(film, "poster", wish.language),
        "release_date": day(film.released_on),
        "softcore": False,
        "video": False,
        "vote_average": film.vote_average,
        "vote_count": film.vote_count,
    }


def tv_summary(show: Show, wish: Wish) -> Json:
    """A show in a list."""
    name, overview, _ = text_of(show, wish.language)
    return {
        "adult": False,
        "backdrop_path": best_path(show, "backdrop", wish.language),
        "genre_ids": list(show.genre_ids),
        "id": show.id,
        "origin_country": [show.country],
        "original_language": show.original_language,
        "original_name": show.original_title,
        "overview": overview,
        "popularity": show.popularity,
        "poster_path": best_path(show, "poster", wish.language),
        "first_air_date": day(show.first_aired_on),
        "softcore": False,
        "name": name,
        "vote_average": show.vote_average,
        "vote_count": show.vote_count,
    }


def page_of(results: Sequence[Json], page: int) -> Json:
    """One page of a search; a page behind the last one is empty."""
    return {
        "page": page,
        "results": list(results[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]),
        "total_pages": max(1, -(-len(results) // PAGE_SIZE)),
        "total_results": len(results),
    }


def movie(film: Film, catalogue: Catalogue, wish: Wish) -> Json:
    """``/movie/{id}`` with what is appended."""
    title, overview, tagline = text_of(film, wish.language)
    collection = catalogue.collection(film.collection_id) if film.collection_id is not None else None
    answer = {
        "adult": False,
        "backdrop_path": best_path(film, "backdrop", wish.language),
        "belongs_to_collection": _collection_summary(collection, wish) if collection else None,
        "budget": film.budget_usd,
        "genres": [{"id": g, "name": MOVIE_GENRES[g]} for g in film.genre_ids],
        "homepage": film.homepage,
        "id": film.id,
        "imdb_id": imdb_id(film.imdb_number),
        "origin_country": [film.country],
        "original_language": film.original_language,
        "original_title": film.original_title,
        "overview": overview,
        "popularity": film.popularity,
        "poster_path": best_path(film, "poster", wish.language),
        "production_companies": _companies(film),
        "production_countries": [{"iso_3166_1": film.country, "name": COUNTRIES[film.country]}],
        "release_date": day(film.released_on),
        "revenue": film.revenue_usd,
        "runtime": film.runtime_min,
        "softcore": False,
        "spoken_languages": [_spoken(film.original_language)],
        "status": "Released" if film.released_on else "Planned",
        "tagline": tagline,
        "title": title,
        "video": False,
        "vote_average": film.vote_average,
        "vote_count": film.vote_count,
    }
    return answer | _appended(film, FILM_BLOCKS, wish)


def tv(show: Show, wish: Wish) -> Json:
    """``/tv/{id}`` with what is appended, ``season/N`` too."""
    name, overview, tagline = text_of(show, wish.language)
    aired = [e for e in show.episodes() if e.aired_on]
    run_time = next((e.runtime_min for e in aired if e.runtime_min), None)
    creator = next((c.person_id for c in cast_and_crew(show)[1]), None)
    answer = {
        "adult": False,
        "backdrop_path": best_path(show, "backdrop", wish.language),
        "created_by": [_creator(show, creator)] if creator else [],
        # Most shows have an empty list here since TMDB counts minutes by episode.
        "episode_run_time": [run_time] if run_time and show.id % 2 else [],
        "first_air_date": day(show.first_aired_on),
        "genres": [{"id": g, "name": SHOW_GENRES[g]} for g in show.genre_ids],
        "homepage": show.homepage,
        "id": show.id,
        "in_production": show.status == "Returning Series",
        "languages": [show.original_language],
        "last_air_date": day(aired[-1].aired_on) if aired else None,
        "last_episode_to_air": _episode(show, aired[-1], wish) if aired else None,
        "name": name,
        "next_episode_to_air": None,
        "networks": [_network(show)],
        "number_of_episodes": len(show.episodes()),
        "number_of_seasons": sum(s.number > 0 for s in show.seasons),
        "origin_country": [show.country],
        "original_language": show.original_language,
        "original_name": show.original_title,
        "overview": overview,
        "popularity": show.popularity,
        "poster_path": best_path(show, "poster", wish.language),
        "production_companies": _companies(show),
        "production_countries": [{"iso_3166_1": show.country, "name": COUNTRIES[show.country]}],
        "seasons": [
            {
                "air_date": s.aired_on.isoformat() if s.aired_on else None,
                "episode_count": len(s.episodes),
                "id": _season_id(show, s),
                "name": _season_name(s, wish.language),
                "overview": s.overview if wish.language == "en" else "",
                "poster_path": season_poster_path(show, s.number),
                "season_number": s.number,
                "vote_average": show.vote_average,
            }
            for s in show.seasons
        ],
        "softcore": False,
        "spoken_languages": [_spoken(show.original_language)],
        "status": show.status,
        "tagline": tagline,
        "type": "Scripted",
        "vote_average": show.vote_average,
        "vote_count": show.vote_count,
    }
    appended = _appended(show, SHOW_BLOCKS, wish)
    for part in wish.appended:
        kind, _, number = part.partition("/")
        if kind == "season" and number.isascii() and number.isdigit() and len(number) < 6:
            wanted = show.season(int(number))
            if wanted is not None:
                appended[part] = season(show, wanted, wish, appended=True)
    return answer | appended


def season(show: Show, of: Season, wish: Wish, *, appended: bool = False) -> Json:
    """``/tv/{id}/season/{n}``: all episodes with crew and guests; appended to a show it has no ``id``."""
    answer = {
        "_id": object_id("season", show.id, of.number),
        "air_date": of.aired_on.isoformat() if of.aired_on else None,
        "episodes": [
            {**_episode(show, e, wish), "crew": _crew(show, e), "guest_stars": _guests(show, e)} for e in of.episodes
        ],
        "name": _season_name(of, wish.language),
        "networks": [_network(show)],
        "overview": of.overview if wish.language == "en" else "",
        "poster_path": season_poster_path(show, of.number),
        "season_number": of.number,
        "vote_average": show.vote_average,
    }
    return answer if appended else answer | {"id": _season_id(show, of)}


def collection(of: Collection, catalogue: Catalogue, wish: Wish) -> Json:
    """``/collection/{id}`` with what is appended.

    The official document calls the title of a part ``name``, answers recorded in 2025 call it ``title``; collections
    with an odd id follow the recordings, the others the document, so that both are met.
    """
    name, overview, _ = text_of(of, wish.language)
    parts = []
    for film in filter(None, map(catalogue.film, of.film_ids)):
        part = movie_summary(film, wish) | {"media_type": "movie"}
        if of.id % 2 == 0:
            part |= {"name": part.pop("title"), "original_name": part.pop("original_title")}
        parts.append(part)
    answer = {
        "id": of.id,
        "name": name,
        "original_language": "en",
        "original_name": of.name,
        "overview": overview,
        "poster_path": best_path(of, "poster", wish.language),
        "backdrop_path": best_path(of, "backdrop", wish.language),
        "parts": parts,
    }
    return answer | _appended(of, COLLECTION_BLOCKS, wish)


def find(external_id: str, source: str, catalogue: Catalogue, wish: Wish) -> Json:
    """``/find/{external_id}`` by IMDb id, or TVDB id of a show."""
    film = catalogue.film_by_imdb(external_id) if source == "imdb_id" else None
    show = catalogue.show_by_imdb(external_id) if source == "imdb_id" else None
    if source == "tvdb_id" and external_id.isascii() and external_id.isdigit() and len(external_id) < 12:
        show = catalogue.show(int(external_id) - TVDB_BASE)
    return {
        "movie_results": [movie_summary(film, wish) | {"media_type": "movie"}] if film else [],
        "person_results": [],
        "tv_results": [tv_summary(show, wish) | {"media_type": "tv"}] if show else [],
        "tv_episode_results": [],
        "tv_season_results": [],
    }


def part(owner: Owner, name: str, wish: Wish) -> Json | None:
    """An appendable part at its own address, as ``/movie/{id}/credits``; ``None`` where there is no such part."""
    blocks = _blocks(owner)
    return {"id": owner.id, **blocks[name](owner, wish)} if name in blocks else None


def _blocks(owner: Owner) -> Mapping[str, Block]:
    if isinstance(owner, Film):
        return FILM_BLOCKS
    return SHOW_BLOCKS if isinstance(owner, Show) else COLLECTION_BLOCKS


def _appended(owner: Owner, blocks: Mapping[str, Block], wish: Wish) -> Json:
    return {name: blocks[name](owner, wish) for name in wish.appended if name in blocks}


def _collection_summary(of: Collection, wish: Wish) -> Json:
    return {
        "id": of.id,
        "name": text_of(of, wish.language)[0],
        "poster_path": best_path(of, "poster", wish.language),
        "backdrop_path": best_path(of, "backdrop", wish.language),
    }


def _companies(owner: Film | Show) -> list[Json]:
    chosen = sorted({owner.id % len(words.COMPANIES) + 1, owner.id * 7 % len(words.COMPANIES) + 1})
    return [
        {
            "id": number,
            "logo_path": company_logo_path(number),
            "name": words.COMPANIES[number - 1],
            "origin_country": "" if number % 4 == 0 else owner.country,
        }
        for number in chosen
    ]


def _network(show: Show) -> Json:
    number = words.NETWORKS.index(show.network) + 1
    return {
        "id": number,
        "logo_path": company_logo_path(number),
        "name": show.network,
        "origin_country": show.country,
    }


def _spoken(language: str) -> Json:
    _, english, own = LANGUAGES[language]
    return {"english_name": english, "iso_639_1": language, "name": own}


def _creator(show: Show, person_id: int) -> Json:
    who = person(person_id)
    return {
        "id": person_id,
        "credit_id": object_id("creator", show.id, person_id),
        "name": who.name,
        "original_name": who.name,
        "gender": who.gender,
        "profile_path": profile_path(person_id),
    }


def _season_id(show: Show, of: Season) -> int:
    return show.id * 100 + of.number


def _season_name(of: Season, language: str) -> str:
    if language == "en" or of.number == 0:
        return of.name
    return SEASON_WORDS.get(language, SEASON_WORDS["en"]).format(of.number)


def _episode(show: Show, e: Episode, wish: Wish) -> Json:
    season_of = show.season(e.season_number)
    is_last = season_of is not None and e is season_of.episodes[-1] and e.season_number > 0
    in_english = wish.language == "en"
    return {
        "air_date": e.aired_on.isoformat() if e.aired_on else None,
        "episode_number": e.number,
        "episode_type": "finale" if is_last else "standard",
        "id": show.id * 10_000 + e.season_number * 100 + e.number,
        # An episode nobody has translated is called by its number.
        "name": e.title if in_english else EPISODE_WORDS.get(wish.language, EPISODE_WORDS["en"]).format(e.number),
        "overview": e.overview if in_english else "",
        "production_code": "",
        "runtime": e.runtime_min,
        "season_number": e.season_number,
        "show_id": show.id,
        "still_path": still_path(show, e.season_number, e.number) if e.has_still else None,
        "vote_average": round(5 + e.vote_count % 40 / 10, 3) if e.vote_count else 0.0,
        "vote_count": e.vote_count,
    }


def _crew(show: Show, e: Episode) -> list[Json]:
    return [
        {
            "job": job,
            "department": department,
            "credit_id": object_id("episode crew", show.id, e.season_number, e.number, job),
            **person_object(_passer_by(show, e, n)),
        }
        for n, (department, job) in enumerate((("Directing", "Director"), ("Writing", "Writer")))
    ]


def _guests(show: Show, e: Episode) -> list[Json]:
    return [
        {
            "character": f"Guest {n}",
            "credit_id": object_id("guest", show.id, e.season_number, e.number, n),
            "order": 500 + n,
            **person_object(_passer_by(show, e, 10 + n)),
        }
        for n in range((show.id + e.number) % 4)
    ]


def _passer_by(show: Show, e: Episode, n: int) -> int:
    return FIRST_PERSON_ID + (show.id * 31 + e.season_number * 17 + e.number * 5 + n) % PERSON_COUNT
