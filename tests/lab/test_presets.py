"""Presets have the shapes of the accounts they stand for."""

from __future__ import annotations

import pytest

from tasks.core.errors import Refused
from tasks.core.settings import Settings
from tasks.lab.presets import PRESETS, preset
from tasks.lab.profiles import nested, switch


def test_presets_have_the_shapes_of_the_documents():
    """
    50 films; 417 files; 100 shows of 5 seasons; 1,000 files; and their delays.
    """
    d0, d2, d3, d4 = (preset(name) for name in ("d0", "d2", "d3", "d4"))

    assert (50, 0.064, 0.128) == (d0.film_count, d0.latency_s, d0.image_latency_s)
    assert (417, False) == (d2.file_count, d2.asks_service)
    assert (100, 5, 0.2) == (d3.show_count, d3.season_count, d3.latency_s)
    assert (1_000, False) == (d4.file_count, d4.asks_service)


@pytest.mark.parametrize("one", PRESETS, ids=lambda one: one.name)
def test_settings_of_a_preset_are_settings(one):
    """
    A name that is misspelt would be refused only when the library is made.
    """
    Settings.model_validate(nested(one.settings))

    assert {switch(name).name for name in one.without} == set(one.without)
    assert bool(one.file_count) != bool(one.film_count or one.show_count)


def test_a_preset_that_is_not_there_is_refused():
    """
    The message says what there is.
    """
    with pytest.raises(Refused, match="tiny, d0, d2, d3, d4, 10k, 100k"):
        preset("d1")
