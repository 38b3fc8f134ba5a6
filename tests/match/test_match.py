"""The door of the match room against the stand-in: outcomes, calls, faults."""

from __future__ import annotations

import polars as pl
import pytest

from tasks.core.errors import BatchIncomplete
from tasks.core.settings import ScrapeSettings
from tasks.match.task import match
from tasks.schema.runs import Outcomes
from tasks.schema.titles import MatchCandidates, Matches, Responses
from tasks.staging import cut, read_staged
from tasks.standin.demo_titles import CLOCKMAKERS_ID, LOW_WATER_ID, OBSERVATORY_ID, SALT_FERRY_ID, UNKNOWN_FILM
from tasks.standin.faults import DOWN, Fault
from tasks.standin.running import StandIn

pytestmark = pytest.mark.usefixtures("standin_token")

ITEM = {
    "title_key": pl.String,
    "kind": pl.String,
    "title": pl.String,
    "year": pl.Int64,
    "tmdb_id": pl.Int64,
    "imdb_id": pl.String,
    "tvdb_id": pl.Int64,
}


@pytest.fixture(scope="module")
def server():
    with StandIn() as running:
        yield running


@pytest.fixture(autouse=True)
def _healthy(server):
    server.set_faults()
    server.clear()


def an_item(key, title, year=None, *, kind="movie", **ids):
    return {"title_key": key, "kind": kind, "title": title, "year": year, **ids}


def a_batch(folder, *items):
    frame = pl.DataFrame({name: [item.get(name) for item in items] for name in ITEM}, schema=ITEM)
    (batch,) = cut(frame, stage="match", staging=folder, id_column="title_key", batch_size=500, max_batches=150)
    return batch


def settings_for(server, **changes):
    return ScrapeSettings(base_url=server.api_url, rate_hz=1000.0, backoff_s=0.0, attempts=2, **changes)


def rows(folder):
    matches = read_staged(Matches, staging=folder)
    Matches.validate(matches)
    MatchCandidates.validate(read_staged(MatchCandidates, staging=folder))
    Responses.validate(read_staged(Responses, staging=folder))
    return {row["title_key"]: row for row in matches.iter_rows(named=True)}


def test_films_are_told_from_their_decoys(tmp_path, server):
    """
    Title and year find the film among more popular ones of its name; one search each, and nothing is invented.
    """
    batch = a_batch(
        tmp_path,
        an_item("a", "The Salt Ferry", 2011),
        an_item("b", "The Salt Ferry: Low Water", 2014),
        an_item("c", *UNKNOWN_FILM),
    )

    result = match.fn(batch, settings_for(server), str(tmp_path / "data"))

    found = rows(tmp_path)
    assert {"a": str(SALT_FERRY_ID), "b": str(LOW_WATER_ID), "c": None} == {
        key: row["provider_id"] for key, row in found.items()
    }
    assert f"movie:tmdb:{SALT_FERRY_ID}" == found["a"]["title_id"]
    assert (2, 1) == (result.done_count, result.quarantined_count)
    # One search a film that is found; the unknown one is searched once more, without its year.
    assert 4 == server.requests().api_count == result.counters["calls"]


def test_an_original_title_is_found(tmp_path, server):
    """
    A file that is named by the original title is the same film.
    """
    match.fn(a_batch(tmp_path, an_item("a", "L'été des horlogers", 2019)), settings_for(server), str(tmp_path / "data"))

    assert str(CLOCKMAKERS_ID) == rows(tmp_path)["a"]["provider_id"]


def test_a_year_that_is_off_by_one_costs_a_second_search(tmp_path, server):
    """
    The service filters strictly by year, so what it does not find is searched once more without: two calls at most.
    """
    match.fn(
        a_batch(tmp_path, an_item("a", "The Clockmakers' Summer", 2020)),
        settings_for(server),
        str(tmp_path / "data"),
    )

    row = rows(tmp_path)["a"]
    assert (str(CLOCKMAKERS_ID), "exact_year_near") == (row["provider_id"], row["rule"])
    assert 2 == server.requests().api_count


def test_ids_settle_a_match(tmp_path, server):
    """
    An id of TMDB or IMDb decides, whatever the title says; the score tells how far they agree.
    """
    batch = a_batch(
        tmp_path,
        an_item("a", "Completely Different", 1950, tmdb_id=SALT_FERRY_ID),
        an_item("b", "The Clockmakers' Summer", imdb_id="tt90000103"),
        an_item("c", "Something", kind="show", tmdb_id=OBSERVATORY_ID),
        an_item("d", "No Such Film", tmdb_id=999_999),
        an_item("e", "No Such Film", imdb_id="tt0000001"),
    )

    result = match.fn(batch, settings_for(server), str(tmp_path / "data"))

    found = rows(tmp_path)
    assert [("id", "101"), ("id", "103"), ("id", "301"), ("none", None), ("none", None)] == [
        (found[key]["rule"], found[key]["provider_id"]) for key in "abcde"
    ]
    assert found["a"]["score"] < 60
    assert 100 == found["b"]["score"]
    assert 5 == result.counters["calls"]


def test_a_second_pass_asks_nothing(tmp_path, server):
    """
    The same questions within a week are answered from the store: 0 calls, the same decisions.
    """
    items = [an_item("a", "The Salt Ferry", 2011), an_item("b", *UNKNOWN_FILM)]
    match.fn(a_batch(tmp_path / "one", *items), settings_for(server), str(tmp_path / "data"))
    server.clear()

    result = match.fn(a_batch(tmp_path / "two", *items), settings_for(server), str(tmp_path / "data"))

    assert 0 == server.requests().api_count
    assert 3 == result.counters["cache_hits"]
    assert [rows(tmp_path / "one")[k]["title_id"] for k in "ab"] == [
        rows(tmp_path / "two")[k]["title_id"] for k in "ab"
    ]


def test_one_failing_title_does_not_hold_the_others(tmp_path, server):
    """
    A title the service cannot answer fails alone; the rerun of the batch asks for that one only, and settles it.
    """
    batch = a_batch(tmp_path, an_item("a", "The Salt Ferry", 2011), an_item("b", "The Salt Ferry: Low Water", 2014))
    server.set_faults(Fault(path="/3/search/movie", title="The Salt Ferry: Low Water", status=503))

    with pytest.raises(BatchIncomplete):
        match.fn(batch, settings_for(server), str(tmp_path / "data"))
    server.set_faults()
    server.clear()
    result = match.fn(batch, settings_for(server), str(tmp_path / "data"))

    assert 1 == server.requests().api_count
    assert (2, 0) == (result.done_count, result.failed_count)


def test_a_dead_service_fails_every_title_soon(tmp_path, server):
    """
    Two hundred titles and nobody answers: each is told so, after a few dozen requests and not hundreds.
    """
    server.set_faults(DOWN)
    batch = a_batch(tmp_path, *(an_item(str(n), f"Film {n}", 2000) for n in range(200)))

    with pytest.raises(BatchIncomplete, match="is not answering"):
        match.fn(batch, settings_for(server), str(tmp_path / "data"))

    outcomes = read_staged(Outcomes, staging=tmp_path)
    assert {("failed", "ProviderUnavailable", True)} == set(
        outcomes.select("outcome", "cause", "is_transient").unique().iter_rows()
    )
    assert 200 == outcomes.height
    assert server.requests().api_count <= 40


@pytest.mark.parametrize("token", ["wrong", None])
def test_without_an_accepted_token_all_is_deferred(tmp_path, server, monkeypatch, token):
    """
    A missing or refused token is no failure of the titles: they wait, with the reason, and the step returns.
    """
    if token is None:
        monkeypatch.delenv("TMDB_TOKEN")
    else:
        monkeypatch.setenv("TMDB_TOKEN", token)
    batch = a_batch(tmp_path, *(an_item(str(n), f"Film {n}", 2000) for n in range(50)))

    result = match.fn(batch, settings_for(server), str(tmp_path / "data"))

    reasons = set(read_staged(Outcomes, staging=tmp_path)["reason"])
    assert (50, 1) == (result.deferred_count, result.counters["key_refused"])
    assert "TMDB_TOKEN" in reasons.pop()
    assert server.requests().api_count <= 8  # those that were under way at once


@pytest.mark.parametrize(
    "title", ["", "a\nb", "🎬", "[red]x[/red]", "' OR 1=1 --", "&year=1999#", "ünïcödé", "x" * 300]
)
def test_strange_names_are_searched_like_others(tmp_path, server, title):
    """
    Whatever a name holds, it is searched as it is and found unknown; a blank one is not asked for.
    """
    result = match.fn(a_batch(tmp_path, an_item("a", title, 2000)), settings_for(server), str(tmp_path / "data"))

    assert 1 == result.quarantined_count
    assert (0 if not title else 2) == server.requests().count("search_movie")
