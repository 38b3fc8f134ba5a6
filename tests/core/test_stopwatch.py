"""Scopes measure what stands in them, wherever they are opened."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
import time

import pytest

from tasks.core import stopwatch
from tasks.core.stopwatch import Record, record_duration, record_value, span, timed


def by_name(records: list[Record]) -> dict[str, Record]:
    return {record.name: record for record in records}


def test_a_scope_measures_its_block(records):
    """
    A block that sleeps 20 ms is recorded with at least 20 ms, its item and all attributes, also late ones.
    """
    with span("artwork.download", item="poster", host="images") as timing:
        time.sleep(0.02)
        timing.note(bytes=7)

    (record,) = records
    assert 0.02 <= record.value < 5
    assert ("artwork.download", "duration", "poster", True) == (record.name, record.kind, record.item, record.ok)
    assert {"host": "images", "bytes": 7} == record.attributes


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_scope_left_by_an_exception_is_recorded(records, error):
    """
    Whatever ends the block, it is recorded, marked as not ok, and the exception goes on.
    """
    with pytest.raises(error), span("probe.file"):
        raise error

    assert [False] == [record.ok for record in records]


def test_the_decorator_measures_every_call(records):
    """
    A decorated function keeps its name and result, and each call is one record.
    """

    @timed("identify.name")
    def identify(name: str) -> str:
        return name.upper()

    assert ["A", "B"] == [identify("a"), identify("b")]
    assert "identify" == identify.__name__
    assert ["identify.name"] * 2 == [record.name for record in records]


def test_the_decorator_measures_async_functions(records):
    """
    For an async function the time until it has ended counts, not the time to make the coroutine.
    """

    @timed("scrape.call")
    async def call() -> int:
        await asyncio.sleep(0.02)
        return 200

    assert 200 == asyncio.run(call())
    assert records[0].value >= 0.02


def test_scopes_name_the_scope_around_them(records):
    """
    Inner scopes point to the one they stand in; after it the outer one holds again.
    """
    with span("stage") as stage:
        with span("first"):
            record_value("images", 6)
        with span("second"):
            pass

    found = by_name(records)
    assert [stage.span_id] * 2 == [found["first"].parent_id, found["second"].parent_id]
    assert found["first"].span_id == found["images"].parent_id
    assert found["stage"].parent_id is None


def test_a_thread_with_a_copied_context_nests(records):
    """
    A thread that runs in a copy of the context (as Prefect's runner starts them) knows its parent; a bare one has none.
    """

    def work(name: str) -> None:
        with span(name):
            pass

    with span("flow") as flow:
        context = contextvars.copy_context()
        threads = [
            threading.Thread(target=context.run, args=(work, "copied")),
            threading.Thread(target=contextvars.Context().run, args=(work, "bare")),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert flow.span_id == by_name(records)["copied"].parent_id
    assert by_name(records)["bare"].parent_id is None


def test_async_tasks_do_not_become_each_others_parents(records):
    """
    Tasks that are open at the same time all stand in the scope that started them.
    """

    async def call(name: str) -> None:
        with span(name):
            await asyncio.sleep(0.01)
            with span(f"{name}.inner"):
                await asyncio.sleep(0.01)

    async def stage() -> None:
        with span("stage"):
            await asyncio.gather(call("a"), call("b"))

    asyncio.run(stage())

    found = by_name(records)
    assert {found["stage"].span_id} == {found["a"].parent_id, found["b"].parent_id}
    assert [found["a"].span_id, found["b"].span_id] == [found["a.inner"].parent_id, found["b.inner"].parent_id]


def test_a_duration_measured_elsewhere_is_taken_as_it_is(records):
    """
    Length, start and outcome come from the caller.
    """
    record_duration("probe.file", 1.5, started_ns=10**18, item="a.mkv", ok=False, attributes={"engine": "pyav"})

    (record,) = records
    assert (1.5, 10**18, False, "pyav") == (record.value, record.started_ns, record.ok, record.attributes["engine"])


def test_without_a_listener_nothing_happens():
    """
    Code can be measured where nobody listens; the listener of before can be given back.
    """
    before = stopwatch.listen(None)
    try:
        with span("quiet"):
            record_value("quiet", 1)
    finally:
        assert stopwatch.listen(before) is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.usefixtures("records")
def test_a_forked_child_has_no_listener():
    """
    A child by fork has no thread that would empty the queue, so it must not fill one.
    """
    child = os.fork()
    if child == 0:
        os._exit(0 if stopwatch.listen(None) is None else 1)

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
