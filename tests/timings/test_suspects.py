"""Each suspected cause has its number, and it is what arithmetic by hand says."""

from __future__ import annotations

import pytest

from tasks.schema.timings import Timings
from tasks.timings.suspects import suspects
from tests.timings.test_summary import a_record
from tests.timings.test_titles import a_title


def a_value(name: str, value: float) -> dict[str, object]:
    return a_record(name, 0, value, kind="value", unit=None)


def test_the_six_numbers():
    """
    Four requests of 1 s from 0 to 2, two at a time: 4 s / 2 s = 2 at once, with 100, 200, 300 and 400 bytes. One title
    needed 1 answer, one 3; two INSERTs wrote 10 and 30 rows. A show of 40 episodes came with 4 answers, 10 each. A
    picture is no answer, a request without any neither.
    """
    requests = [
        a_record("http.request", at_s, 1.0, bytes=size, parent_id=7)
        for at_s, size in ((0, 100), (0, 200), (1, 300), (1, 400))
    ]
    timings = Timings.frame(
        [
            *requests,
            a_record("artwork.download", 5, 9.0, span_id=8),
            a_record("http.request", 5, 9.0, bytes=10**6, parent_id=8),
            a_record("http.request", 5, 30.0, ok=False),
            a_value("scrape.calls_per_item", 1),
            a_value("scrape.calls_per_item", 3),
            a_value("load.rows_per_statement", 10),
            a_value("load.rows_per_statement", 30),
            a_title("show", 1.0, answers=4, episodes=40),
            a_title("movie", 1.0),
        ]
    )

    found = {row[1]: row[2:] for row in suspects(timings).rows()}

    assert 6 == len(found)
    assert (None, 4, 2.0, None, None) == found["requests at once"]
    assert (None, 2, 2.0, 2.0, pytest.approx(2.9)) == found["answers an item"]
    assert (None, 2, 20.0, 20.0, pytest.approx(29.0)) == found["rows an INSERT"]
    assert ("byte", 4, 250.0, 250.0, pytest.approx(385.0)) == found["size of an answer"]
    assert ("s", 4, 1.0, 1.0, 1.0) == found["a request, to its last byte"]
    assert (None, 1, 10.0, 10.0, 10.0) == found["episodes an answer"]


def test_a_run_that_asked_nobody_has_no_numbers():
    """
    Null, which is not 0, for each of the six.
    """
    found = suspects(Timings.frame([a_record("refresh.run", 0, 1.0)]))

    assert [(0, None, None, None)] * 6 == found.select("count", "mean", "p50", "p95").rows()
    assert found.schema == suspects(Timings.frame()).schema
