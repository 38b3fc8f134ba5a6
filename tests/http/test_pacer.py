"""Slots of one host: evenly spaced, none lost, none saved up."""

from __future__ import annotations

import pytest

from tasks.http import pacer
from tasks.http.pacer import FIRST_PAUSE_S, Pacer
from tests.http.virtual_clock import Clock, most_within

RATE_HZ = 40.0
GAP_S = 1 / RATE_HZ


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(pacer, "time", clock)
    monkeypatch.setattr(pacer, "asyncio", clock)
    return clock


@pytest.mark.parametrize("late_s", [0.0, 0.1])
def test_all_slots_are_used_also_where_everybody_wakes_late(clock, late_s):
    """
    150 at 40 a second are sent within 149 / 40 s of the first; who wakes late does not make the next ones later.
    """
    slots, sent_s = Pacer(RATE_HZ), []
    clock.late_s = lambda: late_s

    async def send():
        await slots.turn()
        sent_s.append(clock.now_s - 1000.0)

    clock.run(*(send() for _ in range(150)))

    assert pytest.approx(149 * GAP_S + late_s) == max(sent_s)
    assert 40 == most_within([moment for moment in sent_s if moment >= late_s + GAP_S], 1.0)


def test_slots_of_quiet_times_are_not_saved_up(clock):
    """
    Ten seconds without a request; the next 100 take 99 / 40 s all the same.
    """
    slots, sent_s = Pacer(RATE_HZ), []

    async def send(count):
        for _ in range(count):
            await slots.turn()
            sent_s.append(clock.now_s)

    clock.run(send(5))
    clock.now_s += 10.0
    clock.run(send(100))

    assert pytest.approx(99 * GAP_S) == sent_s[-1] - sent_s[5]


def test_a_pause_holds_those_who_wait_already(clock):
    """
    A refusal of the first of 80, after half a second: nobody sends for a second, and all do so afterwards.
    """
    slots, sent_s = Pacer(RATE_HZ), []

    async def send():
        await slots.turn()
        sent_s.append(clock.now_s - 1000.0)

    async def refused():
        await clock.sleep(0.5)
        slots.pause(None, sent_at_s=1000.0)

    clock.run(*(send() for _ in range(80)), refused())

    assert 80 == len(sent_s)
    assert not [moment for moment in sent_s if 0.5 < moment < 0.5 + FIRST_PAUSE_S]
    assert 40 == most_within([moment for moment in sent_s if moment > 0.5], 1.0)


def test_a_host_without_a_rate_is_asked_at_once(clock):
    """
    A thousand requests in the same moment; a pause holds them too.
    """
    slots, sent_s = Pacer(None), []

    async def send():
        await slots.turn()
        sent_s.append(clock.now_s - 1000.0)

    clock.run(*(send() for _ in range(1000)))
    slots.pause(3.0, sent_at_s=1000.0)
    clock.run(send())

    assert [0.0] * 1000 + [3.0] == sent_s
