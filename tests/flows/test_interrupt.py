"""What is said of work that Ctrl-C or SIGTERM has ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from flows.interrupt import Interrupted, interrupted_by_signals


@pytest.fixture(autouse=True)
def heeds_ctrl_c() -> Iterator[None]:
    """SIGINT as in a program that a person has started: what a shell runs in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_whoever_runs_the_work_says_what_becomes_of_it(number, status):
    """
    A benchmark does not go on where it was, as a refresh does; statuses are those of shells, 128 + the signal.
    """
    with pytest.raises(Interrupted) as caught, interrupted_by_signals(becomes="it begins anew"):
        os.kill(os.getpid(), number)
        signal.pause()

    assert "it begins anew" == caught.value.becomes
    assert status == caught.value.status
    assert number.name in str(caught.value)


def test_of_a_refresh_the_next_one_goes_on():
    """
    That is what is said if nothing else is.
    """
    with pytest.raises(Interrupted) as caught, interrupted_by_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()

    assert "the next refresh goes on from there" in caught.value.becomes
