"""Presets have the shapes of the accounts they stand for."""

from __future__ import annotations

import pytest

from tasks.core.errors import Refused
from tasks.core.settings import Settings
from tasks.lab.presets import PRESETS, chosen_profiles, preset
from tasks.lab.profiles import nested


def test_presets_have_the_shapes_of_the_documents():
    """
    50 films; 417 files; 100 shows of 5 seasons; 1,000 files; and their delays.
    """
    d0, d2, d3, calls, d4 = (preset(name) for name in ("d0", "d2", "d3", "d3-calls", "d4"))

    assert (50, 0.064, 0.128) == (d0.film_count, d0.latency_s, d0.image_latency_s)
    assert (417, False) == (d2.file_count, d2.asks_service)
    assert (100, 5, 0.2) == (d3.show_count, d3.season_count, d3.latency_s)
    assert ((100, 5, 10), 0.2) == (calls.replayed, calls.latency_s)
    assert (calls.replayed, 0.2) == (preset("d3-assumed").replayed, preset("d3-assumed").latency_s)
    assert (1_000, False) == (d4.file_count, d4.asks_service)


@pytest.mark.parametrize("one", PRESETS, ids=lambda one: one.name)
def test_settings_of_a_preset_are_settings(one):
    """
    A name that is misspelt would be refused only when the library is made.
    """
    if one.replayed is None:
        for profile in one.profiles:
            Settings.model_validate(nested(one.settings_of(profile)))

    assert bool(one.file_count) != bool(one.film_count or one.show_count)


def test_a_preset_that_is_not_there_is_refused():
    """
    The message says what there is.
    """
    with pytest.raises(Refused, match="tiny, d0, d2, d2-answers, d3, d3-calls, d3-assumed, d4, d4-10k, 1k, 10k, 100k"):
        preset("d1")


def test_settings_of_a_profile_are_those_of_preset_and_switches():
    """
    D3 tells of seasons that are asked for twice, D4 of three calls of ffprobe, D0 of neither; nor does D0's program
    fetch pictures small before it fetches them: that was the slip in a later one. Without an account everything is old.
    """
    d0, d3, d4, every = (preset(name).settings_of("baseline") for name in ("d0", "d3", "d4", "tiny"))

    assert {"artwork.enabled": False} == preset("d3").settings_of("optimized")
    assert "twice" == d3["scrape.season_requests"]
    assert ("ffprobe", 3) == (d4["probe.engine"], d4["probe.ffprobe_calls"])
    assert not {"probe.engine", "artwork.thumbnails_first", "scrape.season_requests"} & set(d0)
    assert not {"probe.engine", "warehouse.insert"} & set(preset("d2").settings_of("baseline"))
    assert "warehouse.insert" not in d4
    assert {*d0, *d3, *d4} - {"artwork.per_kind", "artwork.enabled"} < set(every)


def test_a_single_switch_of_a_preset_need_not_be_one_of_its_account():
    """
    What three calls of ffprobe are worth can be asked of D0's films too; what they save D0's baseline, cannot.
    """
    d0 = preset("d0")

    assert 3 == d0.settings_of("all-but-program-calls")["probe.ffprobe_calls"]
    assert d0.settings_of("baseline") == d0.settings_of("only-program")
    assert d0.settings_of("baseline") != d0.settings_of("only-inserts")


def test_profiles_are_those_of_the_preset_unless_named():
    """
    A replay has the three ways of its account, a refresh the old way and ours.
    """
    chosen = chosen_profiles(["tiny", "d3-calls"], [])

    assert ["baseline", "optimized"] == list(chosen["tiny"])
    assert ["baseline", "optimized", "d3-new"] == list(chosen["d3-calls"])
    assert ["baseline", "optimized", "d3-new"] == list(chosen_profiles(["d3-assumed"], [])["d3-assumed"])
    assert ["optimized", "only-walk"] == list(chosen_profiles(["tiny"], ["optimized", "only-walk"])["tiny"])


def test_the_old_ways_of_a_day_are_run_only_where_they_are_named():
    """
    10,000 files of which each title is asked ten times at 72 ms, one after the other, are hours.
    """
    assert ["optimized"] == list(chosen_profiles(["10k"], [])["10k"])
    assert ["baseline", "optimized"] == list(chosen_profiles(["10k"], ["baseline", "optimized"])["10k"])


@pytest.mark.parametrize(("name", "profile"), [("tiny", "d3-new"), ("d3-calls", "all-but-walk"), ("d1", "baseline")])
def test_profiles_that_a_preset_does_not_have_are_refused(name, profile):
    """
    A replay has no switches, and a refresh is not done as D3 shipped its calls.
    """
    with pytest.raises(Refused, match=profile if name != "d1" else "d1"):
        chosen_profiles([name], [profile])
