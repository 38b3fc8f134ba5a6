"""docs/tmdb.md says what is asked of TMDB, part by part, and how many requests that takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tasks.core.settings import ScrapeSettings
from tasks.http import loop
from tasks.http.answers import UnkeptAnswers
from tasks.providers.tmdb_requests import BLIND_SEASONS, PARTS, SLOTS
from tasks.standin.generated import FIRST_COLLECTION_ID, FIRST_FILM_ID, FIRST_SHOW_ID, ShowShape
from tasks.standin.running import StandIn, StandInOptions
from tests.providers.test_tmdb_requests import a_provider

DOCUMENT = (Path(__file__).parents[2] / "docs" / "tmdb.md").read_text(encoding="utf-8")
ROWS = {
    cells[0]: cells[1:]
    for line in DOCUMENT.splitlines()
    if line.startswith("|") and len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 4
}
"""First cell of a row of the table -> what TMDB has, what we ask, requests."""


@pytest.mark.parametrize(
    ("wanted", "path"), [("all of a film", "movie"), ("all of a show", "tv"), ("a collection", "collection")]
)
def test_the_parts_are_those_that_are_asked_for(wanted, path):
    """
    By the names that TMDB gives them, in their order.
    """
    assert list(PARTS[path]) == re.findall(r"`(\w+)`", ROWS[wanted][1])


def test_the_numbers_are_those_of_the_program():
    """
    Parts of a request, the seasons that come with a show, and the pace.
    """
    assert f"up to {SLOTS} parts" in ROWS["all of a film"][0]
    assert f"seasons 0 to {BLIND_SEASONS - 1}," in ROWS["all of a show"][1]
    assert f"{SLOTS} at once" == ROWS[f"seasons from {BLIND_SEASONS} on"][1]
    assert f"about {ScrapeSettings().rate_hz:.0f} requests a second" in DOCUMENT


def test_requests_are_as_many_as_the_table_says():
    """
    A film, a collection and a show of 31 seasons: 1 each, and 1 more for seasons 12 to 31, which are 20.
    """
    with StandIn(StandInOptions(film_count=3, show_count=1, show_shape=ShowShape(31, 1))) as server:
        provider = a_provider(server, UnkeptAnswers())
        asked = []
        for question in (
            lambda: provider.details("movie", str(FIRST_FILM_ID)),
            lambda: provider.collection(str(FIRST_COLLECTION_ID)),
            lambda: provider.details("show", str(FIRST_SHOW_ID)),
        ):
            server.clear()
            found = loop.run(question())
            asked.append(server.requests().api_count)
        later = provider.later_seasons("show", found)
        server.clear()
        loop.run(provider.seasons(str(FIRST_SHOW_ID), later))
        asked.append(server.requests().api_count)
        loop.close()

    assert ([1, 1, 1, 1], list(range(12, 32))) == (asked, later)
    said = ("all of a film", "a collection", "all of a show", "seasons from 12 on")
    assert ["1 a film", "1 a collection", "1 a show", "1 for 20 seasons"] == [ROWS[wanted][2] for wanted in said]
