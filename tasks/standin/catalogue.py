"""What the stand-in knows: films, shows and collections that do not exist. Pure.

A small part is written by hand for the demo (``tasks.standin.demo_titles``); any number of further titles is generated
by number (``tasks.standin.generated``), each only when somebody asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.standin import demo_titles
from tasks.standin.generated import (
    COLLECTION_EVERY,
    FIRST_COLLECTION_ID,
    FIRST_FILM_ID,
    FIRST_SHOW_ID,
    IMDB_BASE,
    ShowShape,
    generated_collection,
    generated_film,
    generated_show,
)
from tasks.standin.titles import Collection, Film, Show


def imdb_id(number: int | None) -> str | None:
    """An IMDb id as it is written."""
    return None if number is None else f"tt{number}"


class Catalogue:
    """All titles of a stand-in: those written by hand, ``film_count`` generated films and ``show_count`` shows.

    Looking one up by id costs microseconds; the first search reads every title once (``tasks.standin.search``).
    """

    def __init__(
        self, *, film_count: int = 0, show_count: int = 0, seed: int = 1, show_shape: ShowShape | None = None
    ) -> None:
        self.film_count = film_count
        self.show_count = show_count
        self.seed = seed
        self.show_shape = show_shape
        self._films = {f.id: f for f in demo_titles.FILMS}
        self._shows = {s.id: s for s in demo_titles.SHOWS}
        self._collections = {c.id: c for c in demo_titles.COLLECTIONS}

    def film(self, film_id: int) -> Film | None:
        """The film with this id."""
        if 0 <= film_id - FIRST_FILM_ID < self.film_count:
            return generated_film(film_id - FIRST_FILM_ID, seed=self.seed)
        return self._films.get(film_id)

    def show(self, show_id: int) -> Show | None:
        """The show with this id."""
        if 0 <= show_id - FIRST_SHOW_ID < self.show_count:
            return generated_show(show_id - FIRST_SHOW_ID, seed=self.seed, shape=self.show_shape)
        return self._shows.get(show_id)

    def collection(self, collection_id: int) -> Collection | None:
        """The collection with this id, with the parts that are in the catalogue."""
        number = collection_id - FIRST_COLLECTION_ID
        if 0 <= number * COLLECTION_EVERY < self.film_count:
            return generated_collection(number, seed=self.seed, film_count=self.film_count)
        return self._collections.get(collection_id)

    def film_by_imdb(self, wanted: str) -> Film | None:
        """The film with this IMDb id."""
        found = self.film(_own_number(wanted))
        return found if found and imdb_id(found.imdb_number) == wanted else None

    def show_by_imdb(self, wanted: str) -> Show | None:
        """The show with this IMDb id."""
        found = self.show(_own_number(wanted))
        return found if found and imdb_id(found.imdb_number) == wanted else None

    def films(self) -> Iterator[Film]:
        """Every film; makes the generated ones as it goes."""
        yield from self._films.values()
        for number in range(self.film_count):
            yield generated_film(number, seed=self.seed)

    def shows(self) -> Iterator[Show]:
        """Every show; makes the generated ones as it goes."""
        yield from self._shows.values()
        for number in range(self.show_count):
            yield generated_show(number, seed=self.seed, shape=self.show_shape)


def _own_number(text: str) -> int:
    """The id that stands in an IMDb id of ours; -1 for all others."""
    ours = re.fullmatch(r"tt(9[0-9]{7})", text)
    return int(ours[1]) - IMDB_BASE if ours else -1
