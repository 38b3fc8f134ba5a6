"""Profiles are values of the settings: which ones, and that nothing is forgotten."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tasks.core.errors import Refused
from tasks.core.settings import Room, Settings
from tasks.lab.profiles import (
    BASELINE,
    OPTIMIZED,
    SWITCHES,
    ablation,
    all_but,
    baseline,
    nested,
    only,
    optimized,
    overlay,
)

FOR_COMPARISONS = "For comparisons"


def leaves(room: Room, prefix: str = "") -> Iterator[tuple[str, Any, str]]:
    """Path, value and words of every setting."""
    for name, field in type(room).model_fields.items():
        value = getattr(room, name)
        if isinstance(value, Room):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value, field.description or ""


def settings_of(profile: str) -> Settings:
    return Settings.model_validate(nested(overlay(profile)))


def test_every_setting_for_comparisons_belongs_to_one_switch():
    """
    None is forgotten, and none is switched twice.
    """
    wanted = {path for path, _, words in leaves(Settings()) if words.startswith(FOR_COMPARISONS)}
    switched = Counter(path for switch in SWITCHES for path in switch.old)

    assert len(wanted) >= 10
    assert wanted <= set(switched)
    assert {1} == set(switched.values())


def test_baseline_is_the_old_way_of_everything():
    """
    It differs from what we ship in the settings of all switches, and in no other one.
    """
    ours = {path: value for path, value, _ in leaves(settings_of(OPTIMIZED))}
    old = {path: value for path, value, _ in leaves(settings_of(BASELINE))}

    assert {path for switch in SWITCHES for path in switch.old} == set(baseline())
    assert Settings() == settings_of(OPTIMIZED)
    assert {path for path in ours if ours[path] != old[path]} <= set(baseline())
    for path, value in baseline().items():
        assert value == old[path]


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: switch.name)
def test_a_switch_alone_is_one_difference(switch):
    """
    All but one differs from what we ship by that one, and what it needs; only one differs from the baseline by it.
    """
    needed = {path for other in SWITCHES if other.name in switch.needs for path in other.old}
    parts = {path for other in SWITCHES if switch.name in other.needs for path in other.old}

    assert set(switch.old) | needed == set(all_but(switch.name))
    assert set(baseline()) - set(switch.old) - parts == set(only(switch.name))
    assert switch.old.items() <= all_but(switch.name).items()
    assert settings_of(f"all-but-{switch.name}") != Settings()


def test_three_calls_of_a_program_take_a_program():
    """
    With the library there is nothing to call three times.
    """
    assert {"probe.engine": "ffprobe", "probe.ffprobe_calls": 3} == all_but("program-calls")
    assert not {"probe.engine", "probe.ffprobe_calls"} & set(only("program"))


def test_what_we_ship_is_the_defaults():
    """
    A setting that the lab needed to be fast would be one that nobody has.
    """
    assert {} == optimized()


def test_an_ablation_takes_away_one_thing_at_a_time():
    """
    One profile more than there are switches.
    """
    assert 1 + len(SWITCHES) == len(set(ablation()))
    assert OPTIMIZED == ablation()[0]


@pytest.mark.parametrize("name", ["fast", "all-but-", "only-magic", ""])
def test_a_profile_that_is_not_there_is_refused(name):
    """
    The message says what there is.
    """
    with pytest.raises(Refused, match="there are"):
        overlay(name)
