"""How long each title was under way is recorded, with what it is made of. Titles are counted; times are not."""

from __future__ import annotations

import json

import pytest

from tasks.core.errors import BatchIncomplete
from tasks.schema.timings import Timings
from tasks.schema.titles import Episodes, Responses
from tasks.scrape.task import scrape_collections, scrape_titles
from tasks.staging import read_staged
from tasks.standin.demo_titles import SALT_FERRY_COLLECTION_ID
from tasks.standin.faults import Fault
from tasks.standin.generated import FIRST_FILM_ID, FIRST_SHOW_ID
from tasks.standin.running import StandIn, StandInOptions
from tasks.timings.titles import title_times
from tests.scrape.test_scrape import a_batch, a_collection_batch, settings_for
from tests.timings.test_summary import a_record

pytestmark = pytest.mark.usefixtures("standin_token")


@pytest.fixture(scope="module")
def server():
    with StandIn(StandInOptions(film_count=20, show_count=10)) as running:
        yield running


def named(records, name):
    return [record for record in records if record.name == name]


def as_timings(records):
    """As they are kept."""
    return Timings.frame(
        a_record(one.name, 0, one.value, ok=one.ok, item=one.item, attributes=json.dumps(one.attributes))
        for one in records
    )


def test_each_title_tells_its_time(tmp_path, server, records):
    """
    Of ten shows and twenty films, more than are asked for at once, each has one record; episodes and answers are as
    many as the rows that were written. All of it lies in the time of its requests and of its reading.
    """
    settings, data = settings_for(server), str(tmp_path / "data")

    scrape_titles.fn(a_batch(tmp_path / "s", *range(FIRST_SHOW_ID, FIRST_SHOW_ID + 10), kind="show"), settings, data)
    scrape_titles.fn(a_batch(tmp_path / "m", *range(FIRST_FILM_ID, FIRST_FILM_ID + 20)), settings, data)

    of_titles = named(records, "scrape.title")
    shown = title_times(as_timings(of_titles))
    episodes = read_staged(Episodes, staging=tmp_path / "s").height
    answers = [read_staged(Responses, staging=tmp_path / stage).height for stage in ("m", "s", "s")]
    counts = zip(("movie", "show", "episode"), (20, 10, episodes), answers, strict=True)
    assert list(counts) == shown.select("kind", "count", "answer_count").rows()
    assert episodes > 10
    assert 30 == len({one.item for one in of_titles})
    read = {one.item: one for one in named(records, "scrape.parse")}
    assert [] == [one.item for one in of_titles if one.value < read[one.item].value]
    assert [] == [one.item for one in of_titles if one.started_ns > read[one.item].started_ns]


def test_a_title_that_failed_tells_so(tmp_path, server, records):
    """
    It is not one of those that took a time; a collection has a record of its own name.
    """
    server.set_faults(Fault(path=f"/3/movie/{FIRST_FILM_ID}"))
    with pytest.raises(BatchIncomplete):
        scrape_titles.fn(a_batch(tmp_path / "m", FIRST_FILM_ID), settings_for(server), str(tmp_path / "data"))
    server.set_faults()
    batch = a_collection_batch(tmp_path / "c", SALT_FERRY_COLLECTION_ID)
    scrape_collections.fn(batch, settings_for(server), str(tmp_path / "data"))

    assert [False] == [one.ok for one in named(records, "scrape.title")]
    assert [True] == [one.ok for one in named(records, "scrape.collection")]
    assert 0 == title_times(as_timings(records)).height
