"""What a person may set, and what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tasks.core.settings import (
    MOST_BATCHES,
    MOST_TASK_RUNS,
    SINGLE_STEPS,
    ProbeSettings,
    Room,
    ScrapeSettings,
    Settings,
)


@pytest.mark.parametrize("address", ["api.example.org/3", "ftp://example.org", "http://", "http://a b/3", ""])
def test_an_address_that_cannot_be_asked_is_refused(address):
    """
    It is refused before the run begins, not by every request of it.
    """
    with pytest.raises(ValidationError, match="base_url"):
        ScrapeSettings(base_url=address)


@pytest.mark.parametrize(
    "address", ["https://api.example.org/3", "http://127.0.0.1:8080/3", "http://[::1]:80", "http://a"]
)
def test_an_address_of_any_host_will_do(address):
    """
    A stand-in or a proxy may run anywhere.
    """
    assert address == ScrapeSettings(base_url=address).base_url


def rooms() -> list[type[Room]]:
    found = {type(room) for room in vars(Settings()).values() if isinstance(room, Room)}
    return sorted(found, key=lambda room: room.__name__)


@pytest.mark.parametrize("room", [room for room in rooms() if room.adaptive], ids=lambda room: room.__name__)
def test_what_nobody_has_set_stays_open(room):
    """
    Written down and read again, as for a retry, it is still to be chosen; a form does not fill it in.
    """
    read = room.model_validate_json(room().model_dump_json())

    assert not [name for name in room.adaptive if read.is_set(name)]
    assert not [name for name in room.adaptive if "default" in room.model_json_schema()["properties"][name]]


@pytest.mark.parametrize("room", [room for room in rooms() if room.adaptive], ids=lambda room: room.__name__)
def test_what_somebody_has_set_stays_set(room):
    """
    Also to the value that it would have had.
    """
    values = {name: getattr(room(), name) for name in room.adaptive}

    read = room.model_validate_json(room.model_validate(values).model_dump_json())

    assert all(read.is_set(name) for name in values)
    assert values == {name: getattr(read, name) for name in values}


def test_the_shares_of_the_stages_leave_room_for_single_steps():
    """
    All batches and all single steps together are the most tasks a run may have.
    """
    assert sum(MOST_BATCHES.values()) + SINGLE_STEPS <= MOST_TASK_RUNS


@pytest.mark.parametrize("given", [3, "3"])
def test_a_choice_of_numbers_takes_text(given):
    """
    The environment holds text: ``REELHOUSE_PROBE__FFPROBE_CALLS=3``.
    """
    assert 3 == ProbeSettings.model_validate({"ffprobe_calls": given}).ffprobe_calls


@pytest.mark.parametrize("given", [2, "2", "three", ""])
def test_another_number_is_refused(given):
    """
    There are one call and three, nothing between.
    """
    with pytest.raises(ValidationError, match="ffprobe_calls"):
        ProbeSettings.model_validate({"ffprobe_calls": given})
