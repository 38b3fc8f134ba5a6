"""The doors of the scrape room against the stand-in: rows, calls per item, faults, reruns."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from tasks.core.errors import BatchIncomplete
from tasks.core.settings import ScrapeSettings
from tasks.http import loop
from tasks.match.task import match
from tasks.schema.runs import Costs, Outcomes
from tasks.schema.titles import (
    CollectionParts,
    Collections,
    Credits,
    Episodes,
    Responses,
    Seasons,
    Titles,
)
from tasks.scrape.task import image_base_url, scrape_collections, scrape_titles
from tasks.staging import cut, read_staged
from tasks.standin.catalogue import Catalogue
from tasks.standin.demo_titles import SALT_FERRY_COLLECTION_ID, SALT_FERRY_ID
from tasks.standin.faults import DOWN, Fault
from tasks.standin.generated import FIRST_FILM_ID, FIRST_SHOW_ID
from tasks.standin.running import StandIn, StandInOptions

FILMS, SHOWS = 150, 60
PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("standin_token")


@pytest.fixture(scope="module")
def server():
    with StandIn(StandInOptions(film_count=FILMS, show_count=SHOWS)) as running:
        yield running


@pytest.fixture(autouse=True)
def _healthy(server):
    server.set_faults()
    server.clear()


def settings_for(server, **changes):
    values = {"base_url": server.api_url, "rate_hz": 5000.0, "backoff_s": 0.0, "attempts": 2} | changes
    return ScrapeSettings(**values)


def a_batch(folder, *ids, kind="movie"):
    frame = pl.DataFrame(
        {
            "title_id": [f"{kind}:tmdb:{n}" for n in ids],
            "kind": [kind] * len(ids),
            "provider_id": [str(n) for n in ids],
        }
    )
    (batch,) = cut(frame, stage="scrape", staging=folder, id_column="title_id", batch_size=500, max_batches=150)
    return batch


def a_collection_batch(folder, *ids):
    frame = pl.DataFrame({"collection_id": [f"collection:tmdb:{n}" for n in ids], "provider_id": [str(n) for n in ids]})
    (batch,) = cut(
        frame, stage="collections", staging=folder, id_column="collection_id", batch_size=500, max_batches=150
    )
    return batch


def test_a_movie_is_one_call(tmp_path, server):
    """
    150 movies: 150 requests, 150 rows in titles, credits for them, and a second pass asks nothing.
    """
    ids = range(FIRST_FILM_ID, FIRST_FILM_ID + FILMS)
    data = str(tmp_path / "data")

    first = scrape_titles.fn(a_batch(tmp_path / "one", *ids), settings_for(server), data)
    asked = server.requests()
    server.clear()
    second = scrape_titles.fn(a_batch(tmp_path / "two", *ids), settings_for(server), data)

    titles = Titles.validate(read_staged(Titles, staging=tmp_path / "one"))
    assert (FILMS, FILMS) == (asked.count("movie"), asked.api_count)
    assert (FILMS, FILMS, FILMS) == (first.done_count, first.counters["calls"], titles.height)
    assert asked.connections <= 8
    assert 0 == server.requests().api_count
    assert {"cache_hits": FILMS} == dict(second.counters)
    again = read_staged(Titles, staging=tmp_path / "two")
    assert titles.sort("title_id").equals(again.sort("title_id"))


def test_a_show_is_hardly_more_than_one_call(tmp_path, server):
    """
    60 shows: one request each, and one more for every 20 seasons above number 11; all episodes are there.
    """
    ids = range(FIRST_SHOW_ID, FIRST_SHOW_ID + SHOWS)
    catalogue = Catalogue(film_count=FILMS, show_count=SHOWS)
    shows = [catalogue.show(n) for n in ids]

    result = scrape_titles.fn(a_batch(tmp_path, *ids, kind="show"), settings_for(server), str(tmp_path / "data"))

    later = [sum(season.number > 11 for season in show.seasons) for show in shows]
    expected_calls = SHOWS + sum(-(-n // 20) for n in later)
    episodes = Episodes.validate(read_staged(Episodes, staging=tmp_path))
    assert (SHOWS, expected_calls) == (result.done_count, server.requests().api_count)
    assert expected_calls / SHOWS <= 1.05
    assert {
        (f"show:tmdb:{show.id}", season.number, episode.number)
        for show in shows
        for season in show.seasons
        for episode in season.episodes
    } == set(episodes.select("title_id", "season_number", "episode_number").iter_rows())
    Seasons.validate(read_staged(Seasons, staging=tmp_path))
    Credits.validate(read_staged(Credits, staging=tmp_path))


def test_match_by_id_and_scrape_are_one_call_together(tmp_path, server):
    """
    A film named by its IMDb id is asked for once: what match fetched answers scrape.
    """
    item = {
        "title_key": ["k"],
        "kind": ["movie"],
        "title": ["x"],
        "year": [None],
        "tmdb_id": [None],
        "imdb_id": ["tt90000101"],
        "tvdb_id": [None],
    }
    (batch,) = cut(
        pl.DataFrame(item), stage="match", staging=tmp_path, id_column="title_key", batch_size=10, max_batches=10
    )
    data = str(tmp_path / "data")

    match.fn(batch, settings_for(server), data)
    scrape_titles.fn(a_batch(tmp_path, SALT_FERRY_ID), settings_for(server), data)

    assert 1 == server.requests().api_count
    assert ["The Salt Ferry"] == read_staged(Titles, staging=tmp_path)["title"].to_list()


def test_a_collection_is_one_call(tmp_path, server):
    """
    One request a collection, with parts and name; a second pass asks nothing.
    """
    data = str(tmp_path / "data")

    result = scrape_collections.fn(
        a_collection_batch(tmp_path / "one", SALT_FERRY_COLLECTION_ID), settings_for(server), data
    )
    scrape_collections.fn(a_collection_batch(tmp_path / "two", SALT_FERRY_COLLECTION_ID), settings_for(server), data)

    assert (1, 1) == (result.done_count, server.requests().api_count)
    assert 1 == Collections.validate(read_staged(Collections, staging=tmp_path / "one")).height
    assert CollectionParts.validate(read_staged(CollectionParts, staging=tmp_path / "one")).height >= 2
    assert 1 == Responses.validate(read_staged(Responses, staging=tmp_path / "one")).height


def test_the_configuration_is_one_call_for_many_runs(tmp_path, server):
    """
    Where pictures lie is asked once, and the call stands in the costs of the run that made it.
    """
    data, runs = str(tmp_path / "data"), [tmp_path / "one", tmp_path / "two"]

    found = [image_base_url.fn(settings_for(server), data, str(staging)) for staging in runs]

    costs = [dict(read_staged(Costs, staging=staging).select("counter", "amount").iter_rows()) for staging in runs]
    assert [server.image_url] * 2 == found
    assert 1 == server.requests().count("configuration")
    assert [1, 0] == [cost.get("calls", 0) for cost in costs]


def test_what_is_gone_is_set_aside(tmp_path, server):
    """
    404 settles an item with its reason; it is no failure to retry, and the others are done.
    """
    result = scrape_titles.fn(a_batch(tmp_path, SALT_FERRY_ID, 999_999), settings_for(server), str(tmp_path / "data"))

    outcomes = read_staged(Outcomes, staging=tmp_path).filter(pl.col("outcome") == "quarantined")
    assert (1, 1) == (result.done_count, result.quarantined_count)
    assert ("AnswerNotFound", False) == outcomes.select("cause", "is_transient").row(0)


def test_half_an_answer_is_set_aside_and_asked_again(tmp_path, server):
    """
    A body that is cut where its length says it ends is no JSON: set aside, dropped from the store, whole next time.
    """
    data = str(tmp_path / "data")
    server.set_faults(Fault(path="/3/movie/*", action="cut"))
    first = scrape_titles.fn(a_batch(tmp_path / "one", SALT_FERRY_ID), settings_for(server), data)
    server.set_faults()

    second = scrape_titles.fn(a_batch(tmp_path / "two", SALT_FERRY_ID), settings_for(server), data)

    assert (1, 1) == (first.quarantined_count, second.done_count)


@pytest.mark.parametrize("action", ["short", "drop", "status"])
def test_faults_that_pass_cost_a_try(tmp_path, server, action):
    """
    A dropped connection, a short body or a 503 on the first try of each address costs one more request each.
    """
    server.set_faults(Fault(path="/3/movie/*", action=action, first=1))
    ids = range(FIRST_FILM_ID, FIRST_FILM_ID + 5)

    result = scrape_titles.fn(a_batch(tmp_path, *ids), settings_for(server, attempts=4), str(tmp_path / "data"))

    assert (5, 10) == (result.done_count, result.counters["calls"])


def test_a_rerun_asks_only_for_what_failed(tmp_path, server):
    """
    The batch fails for one title, saves the others, and a rerun asks for that one.
    """
    server.set_faults(Fault(path=f"/3/movie/{SALT_FERRY_ID}"))
    batch = a_batch(tmp_path, SALT_FERRY_ID, *range(FIRST_FILM_ID, FIRST_FILM_ID + 20))

    with pytest.raises(BatchIncomplete, match="1 item"):
        scrape_titles.fn(batch, settings_for(server), str(tmp_path / "data"))
    server.set_faults()
    server.clear()
    result = scrape_titles.fn(batch, settings_for(server), str(tmp_path / "data"))

    assert 1 == server.requests().api_count
    assert 21 == result.done_count


def test_a_refused_token_defers_what_is_left(tmp_path, server, monkeypatch):
    """
    401 stops the asking; the titles wait with the reason.
    """
    monkeypatch.setenv("TMDB_TOKEN", "wrong")
    ids = range(FIRST_FILM_ID, FIRST_FILM_ID + FILMS)

    result = scrape_titles.fn(a_batch(tmp_path, *ids), settings_for(server), str(tmp_path / "data"))

    assert (FILMS, 1) == (result.deferred_count, result.counters["key_refused"])
    assert server.requests().api_count <= 8


def test_a_service_that_dies_in_the_middle(tmp_path, server):
    """
    What came before it died is kept; the rest fails soon and is all that is asked for when it is back.
    """
    data = str(tmp_path / "data")
    ids = range(FIRST_FILM_ID, FIRST_FILM_ID + 40)
    scrape_titles.fn(a_batch(tmp_path / "before", *ids[:15]), settings_for(server), data)
    server.set_faults(DOWN)
    with pytest.raises(BatchIncomplete, match="25 item"):
        scrape_titles.fn(a_batch(tmp_path / "run", *ids), settings_for(server), data)
    server.set_faults()
    server.clear()
    loop.close()  # a new process begins without knowing that the host was down

    result = scrape_titles.fn(a_batch(tmp_path / "run", *ids), settings_for(server), data)

    assert (40, 25) == (result.done_count, server.requests().api_count)


def test_kill_9_costs_no_answer_that_was_committed(tmp_path, server):
    """
    A process killed in the middle has its committed answers in the store: the next one asks for the rest only.
    """
    program = f"""
import sys
from pathlib import Path
import polars as pl
from tests.scrape.test_scrape import a_batch
from tasks.core.settings import ScrapeSettings
from tasks.scrape.task import scrape_titles
settings = ScrapeSettings(**{json.dumps({"base_url": server.api_url, "rate_hz": 40.0})})
scrape_titles.fn(a_batch(Path({str(tmp_path / "one")!r}), *range({FIRST_FILM_ID}, {FIRST_FILM_ID + FILMS})), settings,
    {str(tmp_path / "data")!r})
"""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT, env=os.environ | {"TMDB_TOKEN": "standin"})
    while server.requests().api_count < 90:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    server.clear()

    result = scrape_titles.fn(
        a_batch(tmp_path / "two", *range(FIRST_FILM_ID, FIRST_FILM_ID + FILMS)),
        settings_for(server),
        str(tmp_path / "data"),
    )

    assert FILMS == result.done_count
    assert server.requests().api_count <= FILMS - 90 + 50  # at 40/s the last second may be lost, and a little


def test_a_strict_service_never_has_to_refuse(tmp_path):
    """
    At 45 a second against a service that allows 50 in any second: no 429.

    A machine that is busy otherwise may hold a tenth of a second's requests back and deliver them at once, so there are
    four tries; what is sent too fast is refused in each.
    """
    for number in range(4):
        with StandIn(StandInOptions(film_count=FILMS, rate_hz=50, latency_s=0.05)) as strict:
            batch = a_batch(tmp_path / f"run-{number}", *range(FIRST_FILM_ID, FIRST_FILM_ID + FILMS))
            result = scrape_titles.fn(batch, settings_for(strict, rate_hz=45.0), str(tmp_path / f"data-{number}"))
        assert FILMS == result.done_count
        if "pauses" not in result.counters:
            break

    assert "pauses" not in result.counters
