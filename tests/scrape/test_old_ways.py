"""Titles asked for as older programs do, for comparisons: more requests, the same rows."""

from __future__ import annotations

import polars as pl
import pytest

from tasks.core.errors import BatchIncomplete
from tasks.schema import tables
from tasks.schema.runs import Costs
from tasks.schema.titles import Responses
from tasks.scrape.task import scrape_collections, scrape_titles
from tasks.staging import read_staged
from tasks.standin.demo_titles import SALT_FERRY_COLLECTION_ID, SALT_FERRY_ID
from tasks.standin.faults import Fault
from tasks.standin.generated import FIRST_COLLECTION_ID, FIRST_FILM_ID, FIRST_SHOW_ID
from tasks.standin.running import StandIn, StandInOptions
from tests.scrape.test_scrape import a_batch, a_collection_batch, settings_for

pytestmark = pytest.mark.usefixtures("standin_token")

FILMS = (*range(FIRST_FILM_ID, FIRST_FILM_ID + 5), *range(FIRST_FILM_ID + 25, FIRST_FILM_ID + 27))
"""Seven generated films, five of which belong to two collections: the first three of each 25 do."""
OLD_WAYS = {
    "separate": {"requests": "separate"},
    "twice": {"season_requests": "twice"},
    "no answers kept": {"keep_answers": False},
    "a client per request": {"clients": "per_request"},
    "one at a time": {"connections": 1},
    "all": {
        "requests": "separate",
        "season_requests": "twice",
        "keep_answers": False,
        "clients": "per_request",
        "connections": 1,
    },
}


@pytest.fixture(scope="module")
def shared_server():
    with StandIn(StandInOptions(film_count=30, show_count=1)) as running:
        yield running


@pytest.fixture
def server(shared_server):
    shared_server.set_faults()
    shared_server.clear()
    return shared_server


def scraped(folder, settings):
    """Three films, a show and two collections, scraped: the rows of every table, without when they were fetched."""
    data = str(folder / "data")
    scrape_titles.fn(a_batch(folder / "films", SALT_FERRY_ID, FILMS[0], FILMS[3]), settings, data)
    scrape_titles.fn(a_batch(folder / "shows", FIRST_SHOW_ID, kind="show"), settings, data)
    collections = a_collection_batch(folder / "collections", SALT_FERRY_COLLECTION_ID, FIRST_COLLECTION_ID)
    scrape_collections.fn(collections, settings, data)
    found = {}
    for table in tables():
        if table in (Responses, Costs):  # what was asked
            continue
        stages = [read_staged(table, staging=folder / stage) for stage in ("films", "shows", "collections")]
        rows = pl.concat(stages).drop("scraped_at", strict=False)
        if rows.height:
            found[table.table_name()] = rows.sort(pl.struct(pl.all()))
    return found


@pytest.mark.parametrize("way", OLD_WAYS.values(), ids=OLD_WAYS.keys())
def test_the_rows_are_the_same(tmp_path, server, way):
    """
    However titles are asked for, each row of each table is the same; only what was asked differs.

    In German, where some texts are missing and come from other languages.
    """
    shipped = scraped(tmp_path / "shipped", settings_for(server, language="de-DE"))

    old = scraped(tmp_path / "old", settings_for(server, language="de-DE", **way))

    assert {"titles", "seasons", "episodes", "people", "credits", "collections", "artwork_candidates"} <= set(shipped)
    assert shipped.keys() == old.keys()
    assert [] == [name for name, rows in shipped.items() if not rows.equals(old[name])]


@pytest.mark.parametrize(("keep_answers", "asked_of_collections"), [(True, 2), (False, 5)])
def test_a_film_asks_for_its_collection(tmp_path, server, keep_answers, asked_of_collections):
    """
    Seven films, five of two collections: ten requests each, and the collection with each film, unless it is known.
    """
    settings = settings_for(server, requests="separate", keep_answers=keep_answers)

    result = scrape_titles.fn(a_batch(tmp_path, *FILMS), settings, str(tmp_path / "data"))

    log = server.requests()
    assert asked_of_collections == log.count("collection")
    assert (7 * 2, 7 * 8) == (log.count("movie"), log.count("part"))
    assert 7 * 10 + asked_of_collections == result.counters["calls"] == log.api_count
    responses = read_staged(Responses, staging=tmp_path)
    assert (7 * 10 + 5, 7 * 10 + 2) == (responses.height, responses["request_key"].n_unique())


def test_answers_that_are_not_kept_leave_nothing(tmp_path, server):
    """
    Without a store the same batch asks again in another run, and there is no file of answers.
    """
    settings, data = settings_for(server, keep_answers=False), tmp_path / "data"
    ids = range(FIRST_FILM_ID, FIRST_FILM_ID + 10)

    for run in ("one", "two"):
        scrape_titles.fn(a_batch(tmp_path / run, *ids), settings, str(data))

    assert 20 == server.requests().api_count
    assert [] == list(data.glob("responses*"))


def test_a_rerun_without_answers_asks_for_what_failed(tmp_path, server):
    """
    What is saved is done, also without a store: after a failure of one title only that one is asked for.
    """
    settings = settings_for(server, keep_answers=False, requests="separate")
    server.set_faults(Fault(path=f"/3/movie/{SALT_FERRY_ID}/images"))
    batch = a_batch(tmp_path, SALT_FERRY_ID, FIRST_FILM_ID)
    with pytest.raises(BatchIncomplete, match="1 item"):
        scrape_titles.fn(batch, settings, str(tmp_path / "data"))
    server.set_faults()
    server.clear()

    scrape_titles.fn(batch, settings, str(tmp_path / "data"))

    assert (11, 0) == (server.requests().api_count, sum(f"/{FIRST_FILM_ID}" in a for a in server.requests().addresses))


def test_one_at_a_time_is_one_after_the_other(tmp_path, server, records):
    """
    With one connection no title is asked for before the one before it is read: ten times request, then reading.
    """
    ids = range(FIRST_FILM_ID, FIRST_FILM_ID + 10)
    scrape_titles.fn(a_batch(tmp_path, *ids), settings_for(server, connections=1), str(tmp_path / "data"))

    assert 1 == server.requests().max_concurrent
    steps = [record.name for record in records if record.name in ("http.request", "scrape.parse")]
    assert ["http.request", "scrape.parse"] * 10 == steps


def test_a_client_per_request_is_a_connection_per_request(tmp_path, server):
    """
    Ten films: ten connections, where one client for all opens at most the eight it may use.
    """
    ids = range(FIRST_FILM_ID, FIRST_FILM_ID + 10)

    scrape_titles.fn(a_batch(tmp_path, *ids), settings_for(server, clients="per_request"), str(tmp_path / "data"))

    assert (10, 10) == (server.requests().api_count, server.requests().connections)
