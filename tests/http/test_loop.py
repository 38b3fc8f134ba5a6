"""What the network thread took is known when it has ended."""

from __future__ import annotations

import threading
import time

import pytest

from tasks.core.stopwatch import Record, span
from tasks.http import loop


@pytest.fixture(autouse=True)
def _no_thread_of_before() -> None:
    loop.close()


def cpu_of(records: list[Record]) -> list[Record]:
    return [record for record in records if record.name == "resources.cpu"]


def test_the_cpu_time_of_the_thread_is_recorded_when_it_ends(records):
    """
    It works for 0.1 s of CPU time, and waits, which takes none; the caller's own work is not its work. Recorded once,
    also where it is closed twice.
    """

    async def work() -> str:
        until_s = time.thread_time() + 0.1
        while time.thread_time() < until_s:
            pass
        return threading.current_thread().name

    before_s = time.process_time()
    name = loop.run(work())
    loop.close()
    loop.close()
    whole_s = time.process_time() - before_s

    (found,) = cpu_of(records)
    assert "network" == name
    assert ("value", {"unit": "s", "whose": "network"}) == (found.kind, found.attributes)
    assert 0.1 <= found.value <= whole_s


def test_closing_is_a_scope_and_a_thread_that_was_not_there_took_nothing(records):
    """
    So that the end of every run has the same scopes, whatever it asked.
    """
    with span("run") as run:
        loop.close()

    assert [("http.close", run.span_id), ("run", None)] == [(record.name, record.parent_id) for record in records]
