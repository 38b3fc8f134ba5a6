"""What keeping answers saves, counted by the service: in a first refresh, when titles are old, after a lost warehouse.

About fifteen seconds.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.standin.bench_library import file_name
from tasks.standin.faults import RequestLog
from tasks.standin.generated import generated_film, generated_show
from tasks.standin.running import StandIn, StandInOptions
from tests.flows.house import House, a_house

FILMS, EPISODES, COLLECTIONS = 5, 4, 1
"""The first three of 25 generated films are a collection."""
TITLES = FILMS + 1
TITLE_TABLES = ("titles", "seasons", "episodes", "credits", "people", "collections", "file_titles")


@dataclass(frozen=True)
class Visit:
    """What the service has seen of a refresh, and what the warehouse says of titles after it."""

    requests: RequestLog
    titles: dict[str, list[tuple]]

    @property
    def call_count(self) -> int:
        return self.requests.api_count


@dataclass(frozen=True)
class Story:
    """Refreshes of one library."""

    first: Visit
    old: Visit
    """Every title is older than is wanted."""
    lost: Visit
    """The warehouse was deleted."""
    unkept: Visit
    """The first one of a house that keeps no answers."""


def the_library(folder: Path, clip: Path) -> Path:
    """Films and a show with ids in the names of their folders, as media managers write them; one film is there twice.

    The copy, in another folder and quality, has the name of a release and no id.
    """
    names = []
    for number in range(FILMS):
        film = generated_film(number, seed=1)
        title = f"{file_name(film.title)} ({film.year})"
        names.append(Path("Movies", f"{title} {{tmdb-{film.id}}}", title))
        if number == 0:
            names.append(Path("UHD", f"{title} 2160p WEB x265-GRP", f"{title} 2160p WEB x265-GRP"))
    show = generated_show(0, seed=1)
    title = file_name(show.title)
    for episode in show.seasons[-1].episodes[:EPISODES]:
        place = f"S{episode.season_number:02d}E{episode.number:02d}"
        names.append(Path("Shows", f"{title} ({show.year}) {{tmdb-{show.id}}}", f"{title} - {place}"))
    for name in names:
        target = folder / f"{name}{clip.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(clip, target)  # a link would change the clip's ctime, and other tests know it
    return folder


@pytest.fixture(scope="module")
def story(tmp_path_factory, prefect, toy_library, forker) -> Story:
    clip = min((toy_library / "Movies").rglob("*.mp4"), key=lambda path: path.stat().st_size)
    library = the_library(tmp_path_factory.mktemp("videos"), clip)
    with StandIn(StandInOptions(film_count=FILMS, show_count=1)) as service:

        def a_house_that(*, keeps_answers: bool) -> House:
            return a_house(
                tmp_path_factory.mktemp("answers"), prefect, service, forker,
                REELHOUSE_SCRAPE__KEEP_ANSWERS=str(keeps_answers), REELHOUSE_ARTWORK__ENABLED="false",
            )  # fmt: skip

        house = a_house_that(keeps_answers=True)
        first = visit(house, library, service)
        old = visit(house, library, service, "--set", "scrape.max_age_days=0")
        house.data.warehouse.unlink()
        lost = visit(house, library, service)
        return Story(first, old, lost, visit(a_house_that(keeps_answers=False), library, service))


def visit(house: House, library: Path, service: StandIn, *options: str) -> Visit:
    service.clear()
    done = house.refresh(library, *options)
    assert 0 == done.status, done.stderr
    rows = {}
    for table in TITLE_TABLES:
        columns = house.rows(
            f"SELECT string_agg(column_name, ', ') FROM duckdb_columns() WHERE table_name = '{table}' "
            "AND data_type NOT LIKE 'TIMESTAMP%'"
        )
        rows[table] = house.rows(f"SELECT {columns[0][0]} FROM {table} ORDER BY ALL")
    return Visit(service.requests(), rows)


def test_ids_in_names_are_asked_about_once(story):
    """
    What an id stands for is the answer that tells all of the title: 6 titles, a search for the copy whose name has no
    id, a collection. Where no answer is kept each of the 6 is asked for a second time; the titles are the same.
    """
    asked = story.unkept.requests.addresses

    assert TITLES + 1 + COLLECTIONS == story.first.call_count
    assert 2 * TITLES + 1 + COLLECTIONS == story.unkept.call_count
    assert TITLES == len(asked) - len(set(asked))
    assert story.first.titles == story.unkept.titles


@pytest.mark.parametrize("name", ["first", "unkept"])
def test_copies_and_episodes_are_not_asked_about_one_by_one(story, name):
    """
    10 files are of 6 titles: with or without answers that are kept, the service is asked about titles.
    """
    found = getattr(story, name)

    details = {address for address in found.requests.addresses if "/search/" not in address}
    assert (FILMS + 1 + EPISODES, TITLES) == (len(found.titles["file_titles"]), len(found.titles["titles"]))
    assert TITLES + COLLECTIONS == len(details)


def test_old_titles_cost_a_request_each_and_no_bytes(story):
    """
    A kept answer does not spare the question whether it still holds; where it does, it is not sent again (HTTP 304).
    """
    assert TITLES + COLLECTIONS == story.old.call_count
    assert {304} == {entry.status for entry in story.old.requests.entries}
    assert 0 == story.old.requests.sent_bytes
    assert story.first.titles == story.old.titles


def test_a_lost_warehouse_is_made_again_without_a_request(story):
    """
    The answers that are kept tell the same titles once more.
    """
    assert 0 == story.lost.call_count
    assert story.first.titles == story.lost.titles
