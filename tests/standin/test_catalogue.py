"""Generated titles: distinct, repeatable, and as imperfect as real ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.standin.catalogue import Catalogue
from tasks.standin.generated import (
    FIRST_FILM_ID,
    FIRST_SHOW_ID,
    REMAKE_EVERY,
    ShowShape,
    generated_film,
    generated_show,
    person,
)
from tasks.standin.search import Search


def test_title_and_year_name_one_film():
    """
    Among 5,000 generated films no two have the same title and year, so a file name can name one.
    """
    films = list(Catalogue(film_count=5_000).films())

    assert len(films) == len({(film.title, film.year) for film in films})


def test_titles_of_shows_are_distinct():
    """
    Among 500 generated shows no title comes twice.
    """
    shows = [show for show in Catalogue(show_count=500).shows() if show.id >= 2_000_000]

    assert 500 == len({show.title for show in shows})


def test_remakes_differ_in_year_only():
    """
    A remake has the title of the film before it and another year.
    """
    number = REMAKE_EVERY - 1

    remake, original = generated_film(number, seed=1), generated_film(number - 1, seed=1)

    assert remake.title == original.title
    assert remake.year != original.year


def test_another_process_makes_the_same_titles():
    """
    Titles depend on number and seed alone, not on the process (hash seeds, time).
    """
    script = "from tasks.standin.generated import generated_film as g; print(repr(g(77, seed=3)))"

    told = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        check=True,
        encoding="utf-8",
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONHASHSEED": "77", "PYTHONUTF8": "1"},
    )

    assert repr(generated_film(77, seed=3)) == told.stdout.strip()


def test_some_titles_lack_what_titles_at_tmdb_lack():
    """
    Among 1,000 films there are some without poster, overview, runtime, IMDb id and day of release.
    """
    films = [generated_film(number, seed=1) for number in range(1_000)]

    assert any(film.pictures.posters == 0 for film in films)
    assert any(film.overview == "" for film in films)
    assert any(film.runtime_min == 0 for film in films)
    assert any(film.imdb_number is None for film in films)
    assert any(film.released_on is None for film in films)


def test_collections_and_films_agree():
    """
    A film is a part of its collection, and a collection lists films of the catalogue only, also at its end.
    """
    catalogue = Catalogue(film_count=27)

    members = [film for film in catalogue.films() if film.collection_id is not None]

    for film in members:
        assert film.id in catalogue.collection(film.collection_id).film_ids
    assert (FIRST_FILM_ID + 25, FIRST_FILM_ID + 26) == catalogue.collection(3_000_001).film_ids
    assert catalogue.collection(3_000_002) is None


def test_films_are_found_by_imdb_id_only_where_they_have_one():
    """
    The IMDb id of a film leads to it; one of a film without an id, of a show or of nothing leads nowhere.
    """
    catalogue = Catalogue(film_count=100)
    without = next(film for film in catalogue.films() if film.imdb_number is None and film.id >= FIRST_FILM_ID)

    assert 101 == catalogue.film_by_imdb("tt90000101").id
    assert catalogue.film_by_imdb(f"tt{90_000_000 + without.id}") is None
    assert catalogue.film_by_imdb("tt90000301") is None
    assert catalogue.film_by_imdb("tt0000001") is None
    assert catalogue.film_by_imdb("tt" + "9" * 5_000) is None
    assert 301 == catalogue.show_by_imdb("tt90000301").id


def test_people_always_are_the_same():
    """
    The same id is the same person.
    """
    assert person(4_000_007) == person(4_000_007)


@pytest.fixture(scope="module")
def search():
    return Search(Catalogue(film_count=80))


class TestSearch:
    def test_the_right_title_need_not_stand_first(self, search):
        """
        Candidates come by popularity: the other film of the same name stands before the one of the demo.
        """
        assert [111, 112, 101, 102] == [film.id for film in search.films("the salt ferry")]

    @pytest.mark.parametrize(
        "query", ["Ete des horlogers", "L’été des HORLOGERS", "clockmakers summer", "horlog été"], ids=str
    )
    def test_accents_case_punctuation_and_other_titles(self, search, query):
        """
        Words match in any order, without accents, in the original title, and as the beginning of a word.
        """
        assert 103 in [film.id for film in search.films(query)]

    def test_translations_and_alternative_titles_count(self, search):
        """
        A film is found by its German and by its alternative title.
        """
        assert 101 in [film.id for film in search.films("Die Salzfähre")]
        assert [101] == [film.id for film in search.films("Salt Crossing")]

    def test_words_of_different_names_do_not_add_up(self, search):
        """
        All words must stand in the same name.
        """
        assert [] == search.films("Crossing Ferry")

    def test_year_is_any_release_primary_year_is_the_one_that_counts(self, search):
        """
        The Salt Ferry was shown at a festival in 2010 and released in 2011.
        """
        assert [101] == [film.id for film in search.films("salt ferry", year=2010)]
        assert [] == search.films("salt ferry", primary_release_year=2010)
        assert [101] == [film.id for film in search.films("salt ferry", primary_release_year=2011)]

    @pytest.mark.parametrize("query", ["Umbrella Weather for Moles", "", "???", "the xyzzy"])
    def test_what_is_not_known_is_not_found(self, search, query):
        """
        The film that the catalogue does not know, and queries without words, find nothing.
        """
        assert [] == search.films(query)

    def test_shows_by_year_of_first_broadcast(self, search):
        """
        ``first_air_date_year`` looks at the first broadcast, ``year`` at any.
        """
        assert [301] == [s.id for s in search.shows("Kestrel Lane Observatory", first_air_date_year=2017)]
        assert [301] == [s.id for s in search.shows("Kestrel Lane Observatory", year=2019)]
        assert [] == search.shows("Kestrel Lane Observatory", first_air_date_year=2019)


def test_shows_can_all_have_one_shape():
    """
    Five seasons of ten episodes each and no specials; without a shape a show is as it always was.
    """
    shows = [show for show in Catalogue(show_count=30, show_shape=ShowShape(5, 10)).shows() if show.id >= FIRST_SHOW_ID]

    assert {(1, 2, 3, 4, 5)} == {tuple(season.number for season in show.seasons) for show in shows}
    assert {10} == {len(season.episodes) for show in shows for season in show.seasons}
    assert [generated_show(n, seed=1).title for n in range(30)] == [show.title for show in shows]
