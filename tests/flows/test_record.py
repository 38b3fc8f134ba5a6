"""The log of a run says what its time went to, whatever it was."""

from __future__ import annotations

import logging

import pytest

from flows.record import SCOPES_LOGGED, log_timings
from tasks.core.stopwatch import record_duration, record_value
from tasks.timings import recording

CLOUD_CHARACTERS = 25_000
"""Prefect Cloud's limit of one message (``PREFECT_CLOUD_MAX_LOG_SIZE``, Prefect 3.8)."""
HOUR_S = 3600.0


@pytest.fixture
def told(tmp_path, caplog):
    """The messages that the summary of the run comes to."""

    def tell() -> list[str]:
        with caplog.at_level(logging.INFO):
            log_timings(tmp_path, "run", logging.getLogger("run"))
        return [record.getMessage() for record in caplog.records]

    return tell


def test_one_message_has_a_line_for_each_scope(tmp_path, told):
    """
    Two scopes, three records: a head, two lines, and the command that tells more.
    """
    with recording(tmp_path, "run", HOUR_S):
        for duration_s in (1.0, 3.0):
            record_duration("scrape.parse", duration_s, started_ns=0)
        record_duration("probe.file", 5.0, started_ns=0, ok=False)
        record_value("images", 6)

    (message,) = told()

    head, *lines, more = message.splitlines()
    assert "2 scopes" in head
    assert [
        "probe.file: 1 x, 5.0 s in all, mean 5.0 s, max 5.0 s, 1 ended with an error",
        "scrape.parse: 2 x, 4.0 s in all, mean 2.0 s, max 3.0 s",
    ] == lines
    assert more.endswith("reelhouse timings run")


def test_however_many_there_are_it_fits_a_message(tmp_path, told):
    """
    Of 500 scopes with long names and numbers the 100 largest are told, and how many are not.
    """
    with recording(tmp_path, "run", HOUR_S):
        for number in range(500):
            name = f"stage {number} with a long name of its own.step"
            record_duration(name, 400_000.0 - number, started_ns=0, ok=False)

    (message,) = told()

    assert len(message) < CLOUD_CHARACTERS
    assert [f"stage {number}" for number in range(SCOPES_LOGGED)] == [
        " ".join(line.split()[:2]) for line in message.splitlines()[1:-2]
    ]
    assert "... and 400 more scopes" == message.splitlines()[-2]


def test_a_run_without_timings_tells_nothing(told):
    """
    There is nothing to say, and nothing fails.
    """
    assert [] == told()


def test_timings_that_cannot_be_read_cost_a_line(tmp_path, told):
    """
    The run has ended well; a warning says that its summary is missing.
    """
    with recording(tmp_path, "run", HOUR_S):
        record_duration("probe.file", 1.0, started_ns=0)
    (part,) = tmp_path.rglob("*.parquet")
    part.write_bytes(b"PAR1 and no more")

    (message,) = told()

    assert message.startswith("the timings of this run cannot be summed up: ")
    assert 1 == len(message.splitlines())
