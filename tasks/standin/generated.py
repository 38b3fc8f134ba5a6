"""Titles made by number, the same for the same seed in every process. Pure.

Every 40th film is a remake: it has the title of the film before it and another year, so that a search has to look at
the year. Blocks of 25 films hold a collection of three. About one in thirty lacks a poster, an overview, a runtime or
an IMDb id, as titles at TMDB do.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from functools import cache, lru_cache
from typing import NamedTuple

from tasks.core.ids import digest
from tasks.standin import words
from tasks.standin.titles import Collection, Credit, Episode, Film, Person, Pictures, Season, Show, Text
from tasks.standin.tmdb_lists import MOVIE_GENRES, SHOW_GENRES

FIRST_FILM_ID = 1_000_000
FIRST_SHOW_ID = 2_000_000
FIRST_COLLECTION_ID = 3_000_000
FIRST_PERSON_ID = 4_000_000
PERSON_COUNT = 10_800
COLLECTION_EVERY = 25
COLLECTION_SIZE = 3
REMAKE_EVERY = 40
IMDB_BASE = 90_000_000
"""IMDb ids of the stand-in begin here, far above those in use, so that none names a real title."""


@lru_cache(maxsize=PERSON_COUNT)
def person(person_id: int) -> Person:
    """The person with this id; every id at or above FIRST_PERSON_ID has one."""
    chance = _chance("person", person_id, 0)
    return Person(
        id=person_id,
        name=words.person_name((person_id - FIRST_PERSON_ID) % PERSON_COUNT),
        gender=chance.choice((0, 1, 2, 2, 1)),
        popularity=round(chance.uniform(0.1, 20), 4),
        has_profile=chance.random() < 0.7,
    )


@lru_cache(maxsize=4_096)
def generated_film(number: int, *, seed: int) -> Film:
    """Generated film ``number``."""
    chance = _chance("film", number, seed)
    is_remake = number % REMAKE_EVERY == REMAKE_EVERY - 1
    title = words.film_title(number - 1 if is_remake else number, seed=seed)
    year = _film_year(number, seed)
    if is_remake and year == _film_year(number - 1, seed):
        year -= 12
    released = date(year, 1, 1) + timedelta(days=chance.randrange(365))
    is_foreign = chance.random() < 0.15
    place = title.split(":")[0].split(" ")[-1]
    block, place_in_block = divmod(number, COLLECTION_EVERY)
    return Film(
        id=FIRST_FILM_ID + number,
        title=title,
        original_title=f"{title} (Original)" if is_foreign else title,
        original_language="cs" if is_foreign else "en",
        country="CZ" if is_foreign else chance.choice(("US", "US", "GB", "CA", "AU")),
        released_on=released if chance.random() > 0.005 else None,
        premiered_on=released - timedelta(days=120) if chance.random() < 0.2 else None,
        overview="" if chance.random() < 0.03 else f"{_premise(chance)} Nobody in {place} will forget that year.",
        tagline="" if chance.random() < 0.5 else f"{place} keeps its secrets.",
        runtime_min=0 if chance.random() < 0.03 else chance.randrange(70, 190),
        imdb_number=None if chance.random() < 0.03 else IMDB_BASE + FIRST_FILM_ID + number,
        collection_id=FIRST_COLLECTION_ID + block if place_in_block < COLLECTION_SIZE else None,
        popularity=round(chance.expovariate(0.2), 4),
        vote_average=round(chance.uniform(3, 9), 3),
        vote_count=chance.randrange(0, 20_000),
        budget_usd=0 if chance.random() < 0.5 else chance.randrange(1, 200) * 1_000_000,
        revenue_usd=0 if chance.random() < 0.5 else chance.randrange(1, 900) * 1_000_000,
        genre_ids=tuple(chance.sample(sorted(MOVIE_GENRES), chance.randrange(1, 4))),
        certification=chance.choice(("", "G", "PG", "PG-13", "R")),
        translations=_translations(chance, place),
        alternative_titles=(("GB", f"{title} Affair"), ("DE", f"Ein Sommer in {place}")) if number % 3 == 0 else (),
        pictures=_pictures(chance),
    )


class ShowShape(NamedTuple):
    """How large all generated shows are."""

    season_count: int
    episode_count: int
    """Episodes of each season."""


@lru_cache(maxsize=1_024)
def generated_show(number: int, *, seed: int, shape: ShowShape | None = None) -> Show:
    """Generated show ``number``: 1 to 5 seasons of 6 to 13 episodes, one in three with specials.

    Args:
        shape: so many seasons and episodes instead, and no specials.
    """
    chance = _chance("show", number, seed)
    title = words.show_title(number, seed=seed)
    begins = date(chance.randrange(1975, 2021), chance.randrange(1, 13), 3)
    season_count = chance.randrange(1, 6) if shape is None else shape.season_count
    episode_count = None if shape is None else shape.episode_count
    seasons = [
        _season(chance, n, begins + timedelta(days=365 * (n - 1)), episode_count=episode_count)
        for n in range(1, season_count + 1)
    ]
    if shape is None and chance.random() < 0.33:
        seasons.insert(0, _season(chance, 0, begins + timedelta(days=200), episode_count=chance.randrange(1, 4)))
    return Show(
        id=FIRST_SHOW_ID + number,
        title=title,
        original_title=title,
        seasons=tuple(seasons),
        overview="" if chance.random() < 0.03 else f"{_premise(chance)} Every week.",
        tagline="" if chance.random() < 0.6 else "Every door opens twice.",
        status=chance.choice(("Ended", "Ended", "Canceled", "Returning Series")),
        country=chance.choice(("US", "US", "GB", "CA")),
        imdb_number=None if chance.random() < 0.03 else IMDB_BASE + FIRST_SHOW_ID + number,
        popularity=round(chance.expovariate(0.1), 4),
        vote_average=round(chance.uniform(4, 9), 3),
        vote_count=chance.randrange(0, 9_000),
        genre_ids=tuple(chance.sample(sorted(SHOW_GENRES), 2)),
        rating=chance.choice(("", "TV-PG", "TV-14", "TV-MA")),
        network=chance.choice(words.NETWORKS),
        translations=_translations(chance, title.split(" ")[0]),
        pictures=_pictures(chance),
    )


def generated_collection(number: int, *, seed: int, film_count: int) -> Collection:
    """Generated collection ``number``: the first three films of a block of 25."""
    first = number * COLLECTION_EVERY
    place = words.PLACES[(number * 5 + seed) % len(words.PLACES)]
    return Collection(
        id=FIRST_COLLECTION_ID + number,
        name=f"The {place} Cycle Collection",
        overview="" if number % 7 == 0 else f"Films that meet in {place}.",
        film_ids=tuple(FIRST_FILM_ID + n for n in range(first, min(first + COLLECTION_SIZE, film_count))),
        translations={"de": Text(f"{place}-Reihe", f"Filme, die sich in {place} treffen.")},
    )


@lru_cache(maxsize=512)
def generated_credits(title_id: int) -> tuple[Credit, ...]:
    """Cast and crew of a generated title: 30 to 70 people, a crew of ten among them."""
    chance = _chance("credits", title_id, 0)
    people = chance.sample(range(FIRST_PERSON_ID, FIRST_PERSON_ID + PERSON_COUNT), chance.randrange(30, 70))
    crew = [Credit(p, None, department, job) for p, (department, job) in zip(people, words.JOBS, strict=False)]
    cast = [
        Credit(p, character=chance.choice(("", words.person_name(p), f"The {chance.choice(words.NOUNS)} Keeper")))
        for p in people[len(crew) :]
    ]
    return (*cast, *crew)


def _season(chance: random.Random, number: int, begins: date, *, episode_count: int | None = None) -> Season:
    count = episode_count if episode_count is not None else chance.randrange(6, 14)
    episodes = tuple(
        Episode(
            season_number=number,
            number=n,
            title=f"The {chance.choice(words.ADJECTIVES)} {chance.choice(words.NOUNS)}",
            overview="" if chance.random() < 0.1 else _premise(chance),
            aired_on=begins + timedelta(days=7 * (n - 1)),
            runtime_min=None if chance.random() < 0.05 else chance.randrange(22, 60),
            has_still=chance.random() > 0.08,
            vote_count=chance.randrange(0, 300),
        )
        for n in range(1, count + 1)
    )
    name = f"Season {number}" if number else "Specials"
    return Season(number, name, "", episodes, has_poster=chance.random() > 0.05)


def _pictures(chance: random.Random) -> Pictures:
    return Pictures(
        posters=0 if chance.random() < 0.03 else chance.randrange(1, 25),
        backdrops=0 if chance.random() < 0.05 else chance.randrange(1, 16),
        logos=0 if chance.random() < 0.3 else chance.randrange(1, 3),
        svg_logo=chance.random() < 0.04,
    )


def _translations(chance: random.Random, place: str) -> dict[str, Text]:
    every = {
        "de": Text(f"Das Geheimnis von {place}", f"Ein Brief führt zurück nach {place}.", "Alles kommt wieder."),
        "fr": Text(f"Retour à {place}", f"Une lettre ramène tout le monde à {place}."),
        "es": Text("", f"Una carta lleva a todos de vuelta a {place}."),
        "ja": Text(f"{place}の手紙", ""),
        "cs": Text(f"Dopis z {place}", f"Dopis přivede všechny zpátky do {place}."),
    }
    return {language: text for language, text in every.items() if chance.random() < 0.6}


def _premise(chance: random.Random) -> str:
    name = words.person_name(chance.randrange(PERSON_COUNT))
    return (
        f"{name} inherits a {chance.choice(words.ADJECTIVES).lower()} {chance.choice(words.NOUNS).lower()} and has "
        f"until spring to return it to {chance.choice(words.PLACES)}."
    )


@cache
def _film_year(number: int, seed: int) -> int:
    return _chance("year", number, seed).randrange(1948, 2025)


def _chance(kind: str, number: int, seed: int) -> random.Random:
    """Dice that fall the same way for the same title, in every process."""
    return random.Random(int(digest(kind, str(number), str(seed)), 16))
