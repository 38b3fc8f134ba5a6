"""How long titles took is what arithmetic by hand says."""

from __future__ import annotations

import json

import pytest

from tasks.schema.timings import Timings
from tasks.timings import as_text
from tasks.timings.titles import title_times
from tests.timings.test_summary import a_record


def a_title(kind: str, value: float, *, answers: int = 1, episodes: int = 0, **facts: object) -> dict[str, object]:
    noted = json.dumps({"kind": kind, "answers": answers, "episodes": episodes})
    return a_record("scrape.title", 0, value, item=f"{kind}:tmdb:{value}", attributes=noted, **facts)


def test_films_shows_and_episodes():
    """
    Films of 1, 2, 3 and 10 s: median 2.5, 95th percentile 3 + 0.85 x 7 = 8.95. Shows of 4 s for 8 episodes and 10 s for
    100: 7 s and 4 + 0.95 x 6 = 9.7; an episode is 0.5 s of the one and 0.1 s of the other, 0.3 and 0.1 + 0.95 x 0.4 =
    0.48. 108 episodes came with 1 + 6 answers.
    """
    shows = [a_title("show", 4.0, episodes=8), a_title("show", 10.0, answers=6, episodes=100)]
    timings = Timings.frame([*shows, *(a_title("movie", value) for value in (3.0, 1.0, 10.0, 2.0))])

    found = title_times(timings)

    assert [("movie", 4, 4), ("show", 2, 7), ("episode", 108, 7)] == found.select(
        "kind", "count", "answer_count"
    ).rows()
    assert [2.5, 7.0, 0.3] == pytest.approx(found["p50_s"].to_list())
    assert [8.95, 9.7, 0.48] == pytest.approx(found["p95_s"].to_list())
    assert [10.0, 10.0, 0.5] == pytest.approx(found["max_s"].to_list())


def test_what_failed_and_shows_without_episodes():
    """
    One that failed is not counted: it gave up, which says nothing of what a title takes. A show of which no episode is
    known is a show, and no episode.
    """
    timings = Timings.frame([a_title("show", 4.0), a_title("show", 99.0, episodes=3, ok=False)])

    assert [("show", 1, 4.0)] == title_times(timings).select("kind", "count", "max_s").rows()


def test_people_see_them():
    """
    With the suspected causes that this run tells a number of: two answers, so ten episodes each.
    """
    text = as_text(Timings.frame([a_title("show", 4.0, answers=2, episodes=20)]))

    line = next(line for line in text.splitlines() if line.startswith("episode "))
    assert ["episode", "20", "200", "ms", "200", "ms", "200", "ms", "2"] == line.split()
    assert ["no", "pages", "episodes", "an", "answer", "1", "10", "10", "10"] in [
        line.split() for line in text.splitlines()
    ]
    assert "round trips" not in text


def test_runs_that_scraped_nothing():
    """
    No rows, of the same columns; so do bundles, in which kinds are left out.
    """
    none = title_times(Timings.frame())
    unnamed = a_record("scrape.title", 0, 1.0, attributes='{"answers": 1}')

    assert 0 == none.height
    assert ["kind", "count", "p50_s", "p95_s", "max_s", "answer_count"] == none.columns
    assert none.equals(title_times(Timings.frame([unnamed])))
