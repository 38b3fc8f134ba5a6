"""Find titles by words, as TMDB's search does: all words, any order, best known first. Pure.

A title is found when one of its names (title, original title, translations, alternative titles) holds every word of
the query; words of three letters or more also match as a beginning. The order is that of popularity alone, so the
title that fits best need not stand first. Misspelled words find nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from tasks.standin.catalogue import Catalogue
from tasks.standin.titles import Film, Show

UNIMPORTANT = frozenset({"a", "an", "and", "d", "das", "der", "die", "l", "la", "le", "les", "of", "s", "the"})
"""Words that need not stand in a name; single letters are what is left where an apostrophe became a space."""


def words_of(text: str) -> list[str]:
    """The words of a name without accents, case, punctuation and the French article before a vowel.

    >>> words_of("L'Été des horlogers & Co.'s")
    ['ete', 'des', 'horlogers', 'co', 's']
    """
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return re.findall(r"\w+", re.sub(r"\b[dl]['’](?=\w)|['’`]", "", plain))


@dataclass
class _Index:
    """Which titles have which word."""

    popularity: dict[int, float] = field(default_factory=dict)
    years: dict[int, tuple[int | None, frozenset[int]]] = field(default_factory=dict)
    """Id -> first year, all years of release or broadcast."""
    names: dict[int, list[frozenset[str]]] = field(default_factory=dict)
    ids: dict[str, set[int]] = field(default_factory=dict)

    def add(self, title_id: int, names: Iterable[str], popularity: float, year: int | None, years: set[int]) -> None:
        self.popularity[title_id] = popularity
        self.years[title_id] = (year, frozenset(years))
        self.names[title_id] = [frozenset(words_of(name)) for name in names if name]
        for word in frozenset().union(*self.names[title_id]):
            self.ids.setdefault(word, set()).add(title_id)

    def find(self, query: str) -> list[int]:
        asked = words_of(query)
        important = [w for w in asked if w not in UNIMPORTANT] or asked
        if not important:
            return []
        matching = [self._matching_words(w) for w in important]
        found = set.intersection(*(set().union(*(self.ids[m] for m in words)) for words in matching))
        fitting = [i for i in found if any(all(name & words for words in matching) for name in self.names[i])]
        return sorted(fitting, key=lambda i: (-self.popularity[i], i))

    def _matching_words(self, word: str) -> set[str]:
        if len(word) < 3:
            return {word} & self.ids.keys()
        return {known for known in self.ids if known.startswith(word)}


class Search:
    """Search over a catalogue; the index is built when it is first asked."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def films(self, query: str, *, year: int | None = None, primary_release_year: int | None = None) -> list[Film]:
        """Films for a query.

        Args:
            year: year of any release, a festival's too.
            primary_release_year: year of the release that counts.
        """
        index = self._films
        found = [
            i
            for i in index.find(query)
            if (year is None or year in index.years[i][1])
            and (primary_release_year is None or primary_release_year == index.years[i][0])
        ]
        return [film for film in map(self._catalogue.film, found) if film]

    def shows(self, query: str, *, year: int | None = None, first_air_date_year: int | None = None) -> list[Show]:
        """Shows for a query.

        Args:
            year: year in which any episode was broadcast.
            first_air_date_year: year of the first broadcast.
        """
        index = self._shows
        found = [
            i
            for i in index.find(query)
            if (year is None or year in index.years[i][1])
            and (first_air_date_year is None or first_air_date_year == index.years[i][0])
        ]
        return [show for show in map(self._catalogue.show, found) if show]

    @cached_property
    def _films(self) -> _Index:
        index = _Index()
        for film in self._catalogue.films():
            days = [d for d in (film.released_on, film.premiered_on) if d]
            # Some country always comes later: the second year of films released in December.
            later = [d + timedelta(days=20) for d in days]
            index.add(film.id, _names(film), film.popularity, film.year, {d.year for d in (*days, *later)})
        return index

    @cached_property
    def _shows(self) -> _Index:
        index = _Index()
        for show in self._catalogue.shows():
            years = {e.aired_on.year for s in show.seasons for e in s.episodes if e.aired_on}
            index.add(show.id, _names(show), show.popularity, show.year, years)
        return index


def _names(title: Film | Show) -> list[str]:
    translated = [text.title for text in title.translations.values()]
    return [title.title, title.original_title, *translated, *(name for _, name in title.alternative_titles)]
